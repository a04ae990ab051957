"""`create_node`: a call as a node that can be named, ordered and overridden with types a checker knows."""

from collections.abc import Mapping
from typing import Any, Generic, Self, TypeVar, cast

from typing_extensions import Unpack, override

from flytelike.sdk.entity import NodeEntity, P, R
from flytelike.sdk.frames import caller
from flytelike.sdk.node_options import NodeOptions
from flytelike.sdk.promise import Promise, VoidPromise
from flytelike.sdk.promised import Source
from flytelike.sdk.results import packed
from flytelike.sdk.signature import Shape
from flytelike.sdk.trace import TracedNode, trace_here

_T = TypeVar("_T")


class Node(Generic[R]):
    """A call in a workflow's body. Outputs are attributes: `node.o0`, or the NamedTuple's fields."""

    __flytelike_node__: TracedNode

    def __init__(self, node: TracedNode) -> None:
        """Stand for `node`."""
        self.__flytelike_node__ = node

    @property
    def id(self) -> str:
        """The node's id."""
        return self.__flytelike_node__.id

    @property
    def result(self) -> R:
        """What the call gives, in the shape of the author's function."""
        node = self.__flytelike_node__
        declared = node.entity.signature.outputs
        if declared.shape is Shape.NOTHING:
            return cast("R", VoidPromise(node))
        return cast("R", packed(declared, self.outputs, node))

    @property
    def outputs(self) -> Mapping[str, Any]:
        """Promises of the outputs by name."""
        node = self.__flytelike_node__
        return {name: Promise(Source(node.trace, node, name)) for name in node.entity.signature.outputs.hints}

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - an output is of any type; the mypy plugin knows which
        """Return the promise of an output."""
        if name in self.__flytelike_node__.entity.signature.outputs.hints:
            return self.outputs[name]
        raise AttributeError(f"{self!r} has no output `{name}`")

    def __rshift__(self, other: _T) -> _T:
        """Run what `other` stands for after this node; return `other`."""
        self.__flytelike_node__.then(other)
        return other

    def runs_before(self, other: object) -> None:
        """Run what `other` stands for after this node."""
        self.__flytelike_node__.then(other)

    def with_overrides(self, **options: Unpack[NodeOptions]) -> Self:
        """Change what this node asks of the platform; return this node."""
        self.__flytelike_node__.override(options)
        return self

    @override
    def __repr__(self) -> str:
        """Say which node it is."""
        return f"<node {self.id}>"


def create_node(entity: NodeEntity[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Node[R]:
    """Call an entity inside a workflow's body and return the node, to name, order or override it.

    Raises:
        DiagnosticError: There is no workflow being put together.
    """
    doing = "`create_node` makes a node of a workflow"
    trace = trace_here(doing, f"call `{entity.short_name}(...)` itself")
    return Node(trace.record(entity, args, kwargs, caller()))
