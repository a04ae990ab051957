"""What keeps the platform itself from going on: told to whoever asks, waited out, never held against an execution."""

from dataclasses import dataclass

from flytelike.model.ids import ExecutionId

PASSING = frozenset(
    {
        "disk-full",
        "database-locked",
        "database-unavailable",
        "cluster-unavailable",
        "control-plane-unavailable",
        "object-store-unavailable",
    }
)
"""Codes of diagnostics that tell of such a trouble."""

EXPECTED = frozenset({"waits-for-quota"})
"""Codes of what holds executions up as it should: others use what they want."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A trouble that goes on: its diagnostic's code, one phrase, since when, and whom it holds up.

    `executions` is empty for one that holds up what is told of executions only.
    """

    code: str
    message: str
    since_ns: int
    executions: frozenset[ExecutionId] = frozenset()
