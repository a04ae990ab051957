"""Who calls."""

from dataclasses import dataclass
from enum import Enum


class Via(Enum):
    """How somebody said who they are."""

    NOBODY = "nobody"
    TOKEN = "token"  # noqa: S105 - the word, not one
    OIDC = "oidc"
    FILE = "file"
    CONSOLE = "console"
    ATTEMPT = "attempt"


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody who calls.

    Attributes:
        user: The name by which grants know them.
        groups: Their groups, as the identity provider says just now; tokens have none.
        via: How they said who they are.
        credential: Which token it was, by its prefix; empty where there is none.
        root: Whether they may do everything: who holds a line of the server's own token file.
        attempt: Of what runs an attempt, which calls in its name alone: its number.
    """

    user: str
    groups: frozenset[str] = frozenset()
    via: Via = Via.NOBODY
    name: str = ""
    email: str = ""
    credential: str = ""
    root: bool = False
    attempt: int | None = None


ANONYMOUS = Identity("anonymous", root=True)
"""Who calls a server that asks nobody who they are."""
