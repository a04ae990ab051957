"""Promises: what a call gives while a workflow's body is traced.

A promise stands for a value that will exist when the workflow runs. It can be passed on,
and reached into (`.field`, `[0]`, `["key"]`); it has no value that Python could decide on.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from typing_extensions import Unpack, override

from flytelike.model.condition import Comparator
from flytelike.model.diagnostic import DiagnosticError
from flytelike.sdk.condition import Condition, compared, condition_of
from flytelike.sdk.faults import fault, label
from flytelike.sdk.frames import author_site
from flytelike.sdk.promised import Source, refused, written

if TYPE_CHECKING:
    from flytelike.sdk.node_options import NodeOptions
    from flytelike.sdk.trace import TracedNode


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

    def is_true(self) -> Condition:
        """Return the condition that the value is True."""
        return compared(Comparator.EQUAL, source_of(self), True)

    def is_false(self) -> Condition:
        """Return the condition that the value is False."""
        return compared(Comparator.EQUAL, source_of(self), False)

    def is_none(self) -> Condition:
        """Return the condition that the value is None."""
        return compared(Comparator.EQUAL, source_of(self), None)

    def __and__(self, other: object) -> Condition:
        """Join this bool to come with a condition: both hold."""
        return condition_of(self) & other

    def __rand__(self, other: object) -> Condition:
        """Join this bool to come with a condition: both hold."""
        return condition_of(other) & self

    def __or__(self, other: object) -> Condition:
        """Join this bool to come with a condition: at least one holds."""
        return condition_of(self) | other

    def __ror__(self, other: object) -> Condition:
        """Join this bool to come with a condition: at least one holds."""
        return condition_of(other) | self

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
    "used in a `with` or `await`": (_IN_A_TASK, ("__enter__", "__exit__", "__await__", "__aiter__")),
    "used in an expression": (
        _IN_A_TASK,
        (
            *(f"__{side}{name}__" for side in ("", "r") for name in
              ("add", "sub", "mul", "truediv", "floordiv", "mod", "divmod", "pow", "matmul",
               "xor", "lshift")),
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
    raise refused(f"`{written(source)}` can't be {use}", source, instead)


for _use, (_instead, _methods) in _NEEDS_A_VALUE.items():
    for _method in _methods:
        setattr(Promise, _method, _refusal(_use, _instead))


# --- uses that make conditions ----------------------------------------------------------

_COMPARISONS: dict[str, Comparator] = {
    "__eq__": Comparator.EQUAL,
    "__ne__": Comparator.NOT_EQUAL,
    "__lt__": Comparator.LESS,
    "__le__": Comparator.LESS_OR_EQUAL,
    "__gt__": Comparator.GREATER,
    "__ge__": Comparator.GREATER_OR_EQUAL,
}


def _comparison(comparator: Comparator) -> Callable[[Promise, object], Condition]:
    def compare(promise: Promise, other: object) -> Condition:
        return compared(comparator, source_of(promise), source_of(other) if isinstance(other, Promise) else other)

    return compare


for _method, _comparator in _COMPARISONS.items():
    setattr(Promise, _method, _comparison(_comparator))
