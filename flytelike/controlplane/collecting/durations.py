"""Spans of time and sizes as people write them: `30d`, `12h`, `90m`, `45s`; `20GB`, `500MiB`. Pure."""

import re

SECOND_NS = 1_000_000_000
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}
_SIZES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_SIZES |= {"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}
_DURATION = re.compile(r"(?:\d{1,6}[smhdw])+\Z")
_PART = re.compile(r"(\d+)([smhdw])")
_SIZE = re.compile(r"(\d{1,15})\s*([a-z]+)\Z")


def duration_ns(text: str) -> int | None:
    """Return nanoseconds for `30d` or `1d12h`; None for what is no duration."""
    words = text.strip().lower()
    if not _DURATION.match(words):
        return None
    return sum(int(number) * _UNITS_S[unit] for number, unit in _PART.findall(words)) * SECOND_NS


def size_bytes(text: str) -> int | None:
    """Return bytes for `20GB`; None for what is no size."""
    match = _SIZE.match(text.strip().lower())
    if match is None or match[2] not in _SIZES:
        return None
    return int(match[1]) * _SIZES[match[2]]


def duration_text(span_ns: int) -> str:
    """Return a duration as people would write it, in the largest unit that fits."""
    seconds = span_ns // SECOND_NS
    for unit in ("d", "h", "m"):
        if seconds and seconds % _UNITS_S[unit] == 0:
            return f"{seconds // _UNITS_S[unit]}{unit}"
    return f"{seconds}s"
