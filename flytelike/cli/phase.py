"""How phases look: a sign, a word and a colour, so that colour never carries the meaning alone."""

from typing import Final

from flytelike.model.phases import NodePhase, WorkflowPhase

Phase = WorkflowPhase | NodePhase

_GOOD, _BAD, _BUSY, _IDLE, _ODD = "green", "red", "cyan", "bright_black", "yellow"

STYLES: Final[dict[str, tuple[str, str]]] = {
    "UNDEFINED": ("·", _IDLE),
    "QUEUED": ("○", _IDLE),
    "RUNNING": ("●", _BUSY),
    "DYNAMIC_RUNNING": ("●", _BUSY),
    "SUCCEEDING": ("●", _BUSY),
    "SUCCEEDED": ("✓", _GOOD),
    "RECOVERED": ("✓", _GOOD),
    "FAILING": ("✗", _BAD),
    "FAILED": ("✗", _BAD),
    "TIMED_OUT": ("✗", _BAD),
    "ABORTING": ("■", _ODD),
    "ABORTED": ("■", _ODD),
    "SKIPPED": ("-", _IDLE),
}


def sign(phase: Phase) -> str:
    """Return the phase's sign, one character wide."""
    return STYLES[phase.name][0]


def color(phase: Phase) -> str:
    """Return the name of the phase's colour."""
    return STYLES[phase.name][1]
