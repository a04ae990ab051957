"""Promises: what a call gives while a workflow's body is traced.

A promise stands for a value that will exist when the workflow runs. It can be passed on,
and reached into (`.field`, `[0]`, `["key"]`); it has no value that Python could decide on.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from typing_extensions import Unpack, override

from flytelike.model.diagnostic import DiagnosticError
from flytelike.sdk.faults import fault, label
from flytelike.sdk.frames import author_site
from flytelike.sdk.signature import Shape

if TYPE_CHECKING:
    from flytelike.sdk.node_options import NodeOptions
    from flytelike.sdk.trace import Trace, TracedNode


class Source:
    """Where a promise's value comes from. `node` is None for an input of the workflow."""

    __slots__ = ("node", "path", "trace", "var")

    def __init__(self, trace: "Trace", node: "TracedNode | None", var: str, path: tuple[str | int, ...] = ()) -> None:
        """Keep the parts; `path` leads into the value."""
        self.trace: Trace = trace
        self.node: TracedNode | None = node
        self.var: str = var
        self.path: tuple[str | int, ...] = path

    @override
    def __str__(self) -> str:
        """Return it as the author would write it."""
        name = f"{self.node.id}.{self.var}" if self.node else self.var
        return name + "".join(f".{step}" if isinstance(step, str) else f"[{step}]" for step in self.path)


class Promise:
    """A value to come. Reaching into it gives another promise."""

    __slots__ = ("__flytelike_source__",)

    def __init__(self, source: Source) -> None:
        """Stand for the value that `source` names."""
        object.__setattr__(self, "__flytelike_source__", source)

    @override
    def __repr__(self) -> str:
        """Say what it stands for; for debuggers."""
        return f"<promise {self.__flytelike_source__}>"

    def __getattr__(self, name: str) -> "Promise":
        """Reach into a field."""
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return self._into(name)

    def __getitem__(self, key: object) -> "Promise":
        """Reach into a list by position or into a map by key."""
        if isinstance(key, str):
            return self._into(key)
        if isinstance(key, int) and not isinstance(key, bool) and key >= 0:
            return self._into(key)
        return _refuse(self, "indexed by that", "index with a key or a position counted from 0, or slice inside a task")

    def _into(self, step: str | int) -> "Promise":
        source = source_of(self)
        return Promise(Source(source.trace, source.node, source.var, (*source.path, step)))

    def __rshift__(self, other: object) -> object:
        """Run what `other` stands for after this one's node; return `other`."""
        return node_of(self, ">>").then(other)

    def runs_before(self, other: object) -> None:
        """Run what `other` stands for after this one's node."""
        node_of(self, "runs_before").then(other)

    def with_overrides(self, **options: Unpack["NodeOptions"]) -> "Promise":
        """Change what this one's node asks of the platform; return this promise."""
        node_of(self, "with_overrides").override(options)
        return self


class VoidPromise:
    """What a call without outputs gives: something to order and to override, but no value."""

    __slots__ = ("__flytelike_node__",)

    def __init__(self, node: "TracedNode") -> None:
        """Stand for the end of `node`."""
        self.__flytelike_node__: TracedNode = node

    @override
    def __repr__(self) -> str:
        """Say what it stands for."""
        return f"<end of {self.__flytelike_node__.id}>"

    def __rshift__(self, other: object) -> object:
        """Run what `other` stands for after this node; return `other`."""
        return self.__flytelike_node__.then(other)

    def runs_before(self, other: object) -> None:
        """Run what `other` stands for after this node."""
        self.__flytelike_node__.then(other)

    def with_overrides(self, **options: Unpack["NodeOptions"]) -> "VoidPromise":
        """Change what this node asks of the platform; return this promise."""
        self.__flytelike_node__.override(options)
        return self


def source_of(promise: Promise) -> Source:
    """Return where a promise's value comes from."""
    source: Source = object.__getattribute__(promise, "__flytelike_source__")
    return source


def node_of(promise: Promise, doing: str) -> "TracedNode":
    """Return the node that gives a promise; an input of the workflow has none and is refused."""
    source = source_of(promise)
    if source.node is not None:
        return source.node
    raise DiagnosticError(
        [
            fault(
                "not-a-node",
                f"`{doing}` is for the results of calls, and `{source.var}` is an input of the workflow",
                author_site().span,
                "an input belongs to no call",
                help=("use the result of a call",),
                related=(label(source.trace.input_span(source.var), "declared here"),),
            )
        ]
    )


def written(source: Source) -> str:
    """Return what a promise stands for as the author could write it, such as `train(...).error`."""
    if source.node is None:
        name = source.var
    else:
        outputs = source.node.entity.signature.outputs
        name = f"{source.node.entity.short_name}(...)"
        if outputs.shape is Shape.NAMED:
            name += f".{source.var}"
        elif outputs.shape is Shape.TUPLE:
            name += f"[{list(outputs.hints).index(source.var)}]"
    return name + "".join(f".{step}" if isinstance(step, str) else f"[{step}]" for step in source.path)


# --- uses that need a value -------------------------------------------------------------

_IN_A_TASK = "do this inside a task, and call the task here"

_NEEDS_A_VALUE: dict[str, tuple[str, tuple[str, ...]]] = {
    "used as a condition": ("decide inside a task: a workflow's graph is the same for every execution", ("__bool__",)),
    "iterated over": (
        "loop inside a task; to unpack several outputs, annotate the callee's return as a tuple",
        ("__iter__", "__len__", "__contains__", "__reversed__", "__next__"),
    ),
    "turned into text": ("format it inside a task; `repr()` shows the promise itself", ("__str__", "__format__")),
    "called": ("call the method inside a task", ("__call__",)),
    "changed": (
        "change the value inside a task and return it",
        ("__setitem__", "__delitem__", "__setattr__", "__delattr__"),
    ),
    "turned into a number": (_IN_A_TASK, ("__int__", "__float__", "__complex__", "__index__", "__round__")),
    "compared": (_IN_A_TASK, ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__")),
    "used in a `with` or `await`": (_IN_A_TASK, ("__enter__", "__exit__", "__await__", "__aiter__")),
    "used in an expression": (
        _IN_A_TASK,
        (
            *(f"__{side}{name}__" for side in ("", "r") for name in
              ("add", "sub", "mul", "truediv", "floordiv", "mod", "divmod", "pow", "matmul",
               "and", "or", "xor", "lshift")),
            "__rrshift__", "__neg__", "__pos__", "__abs__", "__invert__",
        ),
    ),
}  # fmt: skip


def _refusal(use: str, instead: str) -> Callable[..., NoReturn]:
    def refuse(promise: Promise, *_: object) -> NoReturn:
        _refuse(promise, use, instead)

    return refuse


def _refuse(promise: Promise, use: str, instead: str) -> NoReturn:
    source = source_of(promise)
    origin = source.node.span if source.node else source.trace.input_span(source.var)
    raise DiagnosticError(
        [
            fault(
                "promise-used-as-value",
                f"`{written(source)}` can't be {use}: it has no value yet",
                author_site().span,
                "only a promise of the value is here while the workflow is put together",
                help=(instead,),
                related=(label(origin, "it comes from here"),),
            )
        ]
    )


for _use, (_instead, _methods) in _NEEDS_A_VALUE.items():
    for _method in _methods:
        setattr(Promise, _method, _refusal(_use, _instead))
