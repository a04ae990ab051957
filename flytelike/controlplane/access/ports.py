"""Whose word is taken on who calls."""

from dataclasses import dataclass
from typing import Protocol

from flytelike.model.ids import NodeExecutionId


@dataclass(frozen=True, slots=True)
class Bearer:
    """What runs an attempt, as a token tells of it.

    Attributes:
        name: Which one it is, as people may read it; see `AttemptTokens.name_of`.
        attempt: The number of its attempt.
        credential: Tells tokens apart, and gives nothing away.
    """

    name: str
    attempt: int
    credential: str = ""


class AttemptTokens(Protocol):
    """Knows the tokens with which attempts call from where they run."""

    def claims(self, token: str) -> bool:
        """Tell whether a token says of itself that it is one of these. Nothing of it is verified."""

    async def bearer(self, token: str) -> Bearer | None:
        """Return who holds a token; None for one that is not good, or is not held by what runs an attempt.

        Raises Refusal UNAVAILABLE when nobody can say.
        """

    def name_of(self, node: NodeExecutionId, attempt: int) -> str:
        """Return the name of what runs an attempt: another one for each, whether it runs or not."""
