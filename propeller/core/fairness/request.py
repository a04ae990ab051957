"""What waits for resources."""

from dataclasses import dataclass, field

from propeller.core.fairness.amounts import Amounts, Shape, shape_of


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One thing that is granted whole or not at all: an attempt, a gang of attempts, an execution.

    `path` names the places it counts for, outermost first: team, project, domain. `priority`
    orders requests of one path; each `aging_ns` of the queue's counts as one priority more for
    who waits, so that nothing waits for ever.

    Raises:
        ValueError: a negative amount.
    """

    id: str
    path: tuple[str, ...]
    amounts: Amounts
    since_ns: int
    priority: int = 0
    shape: Shape = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", shape_of(self.amounts))
