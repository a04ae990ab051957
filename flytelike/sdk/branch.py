"""Branches: what a finished `conditional` is in its workflow."""

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from typing_extensions import override

from flytelike.model.condition import Comparator, Junction
from flytelike.sdk.condition import Compared, Condition, Joined
from flytelike.sdk.construct import Construct, Made
from flytelike.sdk.entity import NodeEntity
from flytelike.sdk.promised import Source
from flytelike.sdk.signature import Outputs, Shape
from flytelike.sdk.trace import TracedNode

_OPERATORS: Mapping[Comparator, Callable[[Any, Any], bool]] = {
    Comparator.EQUAL: operator.eq,
    Comparator.NOT_EQUAL: operator.ne,
    Comparator.GREATER: operator.gt,
    Comparator.GREATER_OR_EQUAL: operator.ge,
    Comparator.LESS: operator.lt,
    Comparator.LESS_OR_EQUAL: operator.le,
}


@dataclass(frozen=True, slots=True)
class TracedCase:
    """A condition, and the call that is made when it is the first that holds."""

    condition: Condition
    node: TracedNode


class Branch(Construct):
    """Runs the call of the first case whose condition holds; of none, `otherwise`: a call, or fails with a message."""

    def __init__(self, name: str, cases: tuple[TracedCase, ...], otherwise: TracedNode | str, made: Made) -> None:
        """Keep the parts."""
        super().__init__(name, "conditional", made)
        self.cases: tuple[TracedCase, ...] = cases
        self.otherwise: TracedNode | str = otherwise

    @property
    def inside(self) -> tuple[TracedNode, ...]:
        """The nodes of the cases, in order."""
        last = (self.otherwise,) if isinstance(self.otherwise, TracedNode) else ()
        return (*(case.node for case in self.cases), *last)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where the values come from that the conditions compare."""
        return tuple(source for case in self.cases for source in case.condition.sources())

    @property
    @override
    def gives(self) -> Outputs:
        first, *others = [node.entity.signature.outputs for node in self.inside]
        shared = {name: hint for name, hint in first.hints.items() if all(name in other.hints for other in others)}
        if not shared:
            return Outputs()
        alike = len(shared) == len(first.hints) and all(other.shape is first.shape for other in others)
        return Outputs(shared, first.shape, first.named) if alike else Outputs(shared, Shape.TUPLE)

    @property
    @override
    def parts(self) -> Iterable[NodeEntity[..., Any]]:
        return tuple(node.entity for node in self.inside)

    def chosen(self, value: Callable[[Source], object]) -> TracedNode:
        """Return the node of the first case that holds; `value` gives what is compared.

        Raises:
            ValueError: No case holds, and the author wants it to fail then.
        """
        for case in self.cases:
            if holds(case.condition, value):
                return case.node
        if isinstance(self.otherwise, TracedNode):
            return self.otherwise
        raise ValueError(self.otherwise)

    @override
    def run(self, inputs: Mapping[str, object]) -> NoReturn:
        """Refuse: only what runs the workflow knows what is compared."""
        raise TypeError(f"`{self.short_name}` is part of a workflow, and runs with it")


def holds(condition: Condition, value: Callable[[Source], object]) -> bool:
    """Tell whether a condition holds."""
    match condition:
        case Compared(comparator=comparator, left=left, right=right):
            return _OPERATORS[comparator](value(left), value(right) if isinstance(right, Source) else right)
        case Joined(junction=Junction.AND, left=one, right=other):
            return holds(one, value) and holds(other, value)
        case Joined(junction=Junction.OR, left=one, right=other):
            return holds(one, value) or holds(other, value)
        case _:
            raise TypeError(f"{condition!r} is no condition")
