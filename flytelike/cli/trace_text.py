"""The text of a traceback, taken apart: people want to read first what was raised."""

from dataclasses import dataclass

START = "Traceback (most recent call last):"


@dataclass(frozen=True, slots=True)
class TraceText:
    """What was raised, the rest of its message, and where: all frames, of causes too. Empty where there is none."""

    headline: str
    details: str = ""
    frames: str = ""


def trace_text(message: str) -> TraceText:
    """Return the parts of an error's message, whether or not it is a traceback."""
    lines = message.rstrip().splitlines()
    starts = [number for number, line in enumerate(lines) if line == START]
    if not starts:
        return TraceText(lines[0] if lines else "", "\n".join(lines[1:]))
    ends = (number for number in range(starts[-1] + 1, len(lines)) if not lines[number].startswith(" "))
    end = next(ends, len(lines) - 1)
    return TraceText(lines[end], "\n".join(lines[end + 1 :]), "\n".join(lines[:end]))
