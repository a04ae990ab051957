"""What tracing hands out and no call can take: it stands for no value."""

from abc import ABC, abstractmethod


class StandIn(ABC):
    """Something of a workflow's body that is no value and no promise of one."""

    __slots__ = ()

    @abstractmethod
    def given_to(self, taker: str) -> str:
        """Return the headline for giving it to `taker`, such as "`rows` of `load`"."""

    @property
    @abstractmethod
    def instead(self) -> str:
        """What to do instead."""
