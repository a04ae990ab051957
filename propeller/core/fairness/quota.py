"""What a team, project or project-domain may use."""

from dataclasses import dataclass, field

from propeller.core.fairness.amounts import Amounts


@dataclass(frozen=True, slots=True)
class Quota:
    """Bounds of one place in the tree, and its share when there is not enough for all.

    `limit` is never exceeded. Below `guaranteed` (of each resource named there) a place comes
    before all that are above theirs; what it leaves idle others may borrow, and it comes back as
    their attempts end: nothing that runs is killed for it. `weight` says how much of the rest it
    gets beside its siblings.

    Raises:
        ValueError: a weight that is not above 0, a negative amount, or a guarantee above the limit.
    """

    weight: float = 1.0
    guaranteed: Amounts = field(default_factory=dict)
    limit: Amounts = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.weight < float("inf"):
            raise ValueError(f"a weight is a number above 0, not {self.weight}")
        for name, amount in (*self.guaranteed.items(), *self.limit.items()):
            if amount < 0:
                raise ValueError(f"an amount of {name} cannot be negative: {amount}")
        for name, amount in self.guaranteed.items():
            if amount > self.limit.get(name, amount):
                raise ValueError(f"the guarantee of {amount} {name} is above the limit of {self.limit[name]}")
