"""What a call hands back, in the author's shape: one value, a tuple, a NamedTuple, nothing."""

from collections import namedtuple
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NoReturn, Self, assert_never, cast

from typing_extensions import Unpack

from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.suggestion import nearest
from flytelike.sdk.faults import fault, label
from flytelike.sdk.frames import author_site
from flytelike.sdk.promise import Promise
from flytelike.sdk.signature import Outputs, Shape

if TYPE_CHECKING:
    from flytelike.sdk.node_options import NodeOptions
    from flytelike.sdk.trace import TracedNode


class ResultShapeError(TypeError):
    """A function returned something else than its annotation says."""


def packed(outputs: Outputs, values: Mapping[str, object], node: "TracedNode | None" = None) -> object:
    """Return values by output name in the author's shape.

    With a node (inside a trace) tuples can also be ordered (`>>`) and overridden.
    """
    match outputs.shape:
        case Shape.NOTHING:
            return None
        case Shape.SINGLE:
            return next(iter(values.values()))
        case Shape.TUPLE if node is None:
            return tuple(values.values())
        case Shape.NAMED if node is None and outputs.named is not None:
            return outputs.named(**values)
        case Shape.TUPLE | Shape.NAMED:
            result = _tuple_of_promises(tuple(outputs.hints), outputs.named)(**values)
            if node is not None:
                result.__flytelike_node__ = node
            return result
        case _ as never:
            assert_never(never)


def unpacked(outputs: Outputs, result: object, name: str) -> dict[str, object]:
    """Return a function's result by output name.

    Raises:
        ResultShapeError: The result has another shape than the annotation says.
    """
    names = tuple(outputs.hints)
    match outputs.shape:
        case Shape.NOTHING:
            if result is not None:
                raise ResultShapeError(f"`{name}` declares no output but returns {worded(result)}")
            return {}
        case Shape.SINGLE:
            return {names[0]: result}
        case Shape.TUPLE | Shape.NAMED:
            if not isinstance(result, tuple):
                raise ResultShapeError(f"`{name}` declares {len(names)} outputs but returns {worded(result)}")
            if len(result) != len(names):
                raise ResultShapeError(f"`{name}` declares {len(names)} outputs but returns {len(result)}")
            return dict(zip(names, result, strict=True))
        case _ as never:
            assert_never(never)


def worded(result: object) -> str:
    """Return what a function handed back, in words: a promise is one value of a type still to come."""
    match result:
        case None:
            return "nothing"
        case tuple():
            return f"{len(result)} values"
        case Promise():
            return "one value"
        case _:
            return f"one value, of type {type(result).__name__}"


class _Ordered:
    """What a tuple of promises can do besides being a tuple."""

    __flytelike_node__: "TracedNode"
    _fields: tuple[str, ...]

    def __getattr__(self, name: str) -> NoReturn:
        """Refuse a name that no output has."""
        if name.startswith("__"):
            raise AttributeError(name)
        called = self.__flytelike_node__.entity.short_name
        raise DiagnosticError(
            [
                fault(
                    "unknown-output",
                    f"`{called}` has no output `{name}`{nearest(name, self._fields)}",
                    author_site().span,
                    help=(f"its outputs are {', '.join(f'`{known}`' for known in self._fields)}",),
                    related=(label(self.__flytelike_node__.span, "it was called here"),),
                )
            ]
        )

    def __rshift__(self, other: object) -> object:
        return self.__flytelike_node__.then(other)

    def runs_before(self, other: object) -> None:
        self.__flytelike_node__.then(other)

    def with_overrides(self, **options: Unpack["NodeOptions"]) -> Self:
        self.__flytelike_node__.override(options)
        return self


@lru_cache(maxsize=4096)
def outputs_class(names: tuple[str, ...]) -> Callable[..., tuple[object, ...]]:
    """Return the class of a named tuple of outputs."""
    return namedtuple("Outputs", names)  # noqa: PYI024  (fields known late)


@lru_cache(maxsize=4096)
def _tuple_of_promises(names: tuple[str, ...], named: Callable[..., tuple[object, ...]] | None) -> type[_Ordered]:
    base = cast("type", named if isinstance(named, type) else outputs_class(names))
    return cast("type[_Ordered]", type(base.__name__, (_Ordered, base), {}))
