"""Lengths of time as Kubernetes' manifests spell them (Go's `time.ParseDuration`): `1h30m`, `250ms`."""

import re

_UNITS = {"h": 3_600_000_000_000, "m": 60_000_000_000, "s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_PART = re.compile(r"([0-9]+)(h|ms|m|s|us|ns)")


def duration_text(length_ns: int) -> str:
    """Return the shortest exact text of nanoseconds."""
    if length_ns == 0:
        return "0s"
    parts = []
    for unit, size in _UNITS.items():
        count, length_ns = divmod(length_ns, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def duration_ns(text: str) -> int:
    """Return the nanoseconds of a text. Raises `ValueError`."""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no length of time; write `90s` or `1h30m`")
    return sum(int(number) * _UNITS[unit] for number, unit in parts)
