"""How branches choose, and what gates are given: by name alone, so that a model can tell it beforehand."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from flytelike.model.condition import (
    Comparator,
    Comparison,
    Condition,
    Conjunction,
    InputOperand,
    Junction,
    PrimitiveOperand,
)
from flytelike.model.failure import Failure, Fault
from flytelike.model.gate import Approval, Signal
from flytelike.model.graph import BranchCase, BranchTarget, Node
from flytelike.model.literals import ErrorValue, Primitive
from flytelike.model.types import INTEGER
from tests.unit.propeller_core.builders import GraphSketch, NodeSketch

SEVEN = 7
"""What an execution is given: the one value that is often met again."""


@dataclass(frozen=True)
class Choice:
    """The condition of one case, in one of five forms."""

    form: int
    limit: int

    @staticmethod
    def of(graph: GraphSketch, branch: NodeSketch, number: int) -> "Choice":
        lot = zlib.crc32(f"{graph.name}:{branch.id}:{number}".encode())
        return Choice(lot % 5, lot)

    def holds(self, value: int) -> bool:
        """What the condition says of a value, in Python's own words."""
        return (
            value < self.limit,
            value >= self.limit,
            self.limit // 2 < value <= self.limit,
            value == SEVEN,
            value < self.limit // 4 or value != SEVEN,
        )[self.form]

    def condition(self) -> Condition:
        """The same as a template has it."""
        match self.form:
            case 0:
                return _compared(Comparator.LESS, self.limit)
            case 1:
                return _compared(Comparator.GREATER_OR_EQUAL, self.limit)
            case 2:
                low = _compared(Comparator.GREATER, self.limit // 2)
                return Conjunction(Junction.AND, low, _compared(Comparator.LESS_OR_EQUAL, self.limit))
            case 3:
                return _compared(Comparator.EQUAL, SEVEN)
            case _:
                low = _compared(Comparator.LESS, self.limit // 4)
                return Conjunction(Junction.OR, low, _compared(Comparator.NOT_EQUAL, SEVEN))


def _compared(comparator: Comparator, constant: int) -> Comparison:
    return Comparison(comparator, InputOperand("v"), PrimitiveOperand(Primitive(constant)))


def branch_target(graph: GraphSketch, branch: NodeSketch, cases: Sequence[Node]) -> BranchTarget:
    """Return a branch over cases: the last is the default, or there is none, and it fails then."""
    ending = _ending(graph, branch)
    conditioned = list(cases) if ending < 2 else list(cases)[:-1]
    told = ErrorValue(branch.id, _message(branch)) if ending == 0 else None
    return BranchTarget(
        tuple(
            BranchCase(Choice.of(graph, branch, number).condition(), then) for number, then in enumerate(conditioned)
        ),
        cases[-1] if ending >= 2 else told,
    )


def taken(graph: GraphSketch, branch: NodeSketch, value: int) -> str | Failure:
    """Return which case a branch must take for a value, or why it fails."""
    ending = _ending(graph, branch)
    conditioned = branch.cases if ending < 2 else branch.cases[:-1]
    for number, case in enumerate(conditioned):
        if Choice.of(graph, branch, number).holds(value):
            return case
    if ending == 0:
        return Failure("UserProvidedError", _message(branch), Fault.USER, retryable=False)
    if ending == 1:
        message = f"no case of `{branch.id}` holds, and it has no default"
        return Failure("MalformedBranchUserError", message, Fault.USER, retryable=False)
    return branch.cases[-1]


def gate_of(graph: GraphSketch, gate: NodeSketch) -> Approval | Signal:
    """Return what a gate waits for: some for a value, others for a yes."""
    name = f"{graph.name}:{gate.id}"
    return Signal(name, INTEGER, "o") if zlib.crc32(name.encode()) % 2 else Approval(name)


def given_value(signal: str) -> int:
    """Return the value that somebody gives as a signal."""
    return zlib.crc32(f"given:{signal}".encode())


def rejected(signal: str) -> Failure:
    """Return how a gate fails whose approval was refused."""
    return Failure("ReceivedRejectSignal", f"`{signal}` was rejected", Fault.USER, retryable=False)


def _ending(graph: GraphSketch, branch: NodeSketch) -> int:
    return zlib.crc32(f"{graph.name}:{branch.id}:ending".encode()) % 10


def _message(branch: NodeSketch) -> str:
    return f"nothing fits {branch.id}"
