"""Kubernetes' quantities: amounts of CPU, memory, disk and devices as text."""

import re
from decimal import Decimal

_QUANTITY = re.compile(r"\+?(\d+(?:\.\d*)?|\.\d+)(?:(m|k|Ki|[MGTPE]i?)|[eE]([+-]?\d+))?")
_FACTORS = {"m": Decimal("0.001"), "k": Decimal(1000), "Ki": Decimal(1024)} | {
    f"{letter}{binary}": Decimal(1024 if binary else 1000) ** power
    for power, letter in enumerate("MGTPE", 2)
    for binary in ("", "i")
}


def bytes_of(quantity: str) -> int:
    """Return the bytes of a quantity such as `512Mi`, `1.5G` or `1e9`.

    Raises:
        ValueError: The text is no quantity.
    """
    try:
        return int(amount_of(quantity))
    except ValueError:
        raise ValueError(f"{quantity!r} is no quantity of memory; expected something like 512Mi or 2G") from None


def amount_of(quantity: str) -> Decimal:
    """Return the number that a quantity of anything stands for: `500m` is a half.

    Raises:
        ValueError: The text is no quantity.
    """
    match = _QUANTITY.fullmatch(quantity.strip())
    if match is None:
        raise ValueError(f"{quantity!r} is no quantity; expected something like 500m, 2, 512Mi or 2G")
    number, suffix, exponent = match.groups()
    factor = Decimal(10) ** int(exponent) if exponent else _FACTORS.get(suffix or "", Decimal(1))
    return Decimal(number) * factor
