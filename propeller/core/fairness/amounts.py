"""Amounts of resources by name, in whole units: milli-CPUs, bytes, devices, attempts."""

from collections.abc import Mapping
from typing import TypeAlias

Amounts: TypeAlias = Mapping[str, int]
"""Resource name -> amount, never negative. A name that is missing is none of it where something is
asked or used, and no bound where something is limited."""

Shape: TypeAlias = tuple[tuple[str, int], ...]
"""Amounts that are asked, by name in order and without zeros: equal for requests that fit alike."""


_SHAPES: dict[tuple[tuple[str, int], ...], Shape] = {}
_SHAPES_MAX = 1_000


def shape_of(asked: Amounts) -> Shape:
    """The shape of what is asked.

    Raises:
        ValueError: a negative amount.
    """
    items = tuple(asked.items())
    if (known := _SHAPES.get(items)) is not None:
        return known
    if any(amount < 0 for _, amount in items):
        raise ValueError(f"an amount cannot be negative: {dict(asked)}")
    if len(_SHAPES) >= _SHAPES_MAX:
        _SHAPES.clear()
    shape = _SHAPES[items] = tuple(sorted(item for item in items if item[1]))
    return shape


def add(used: dict[str, int], asked: Shape) -> None:
    """Count `asked` as used."""
    for name, amount in asked:
        used[name] = used.get(name, 0) + amount


def subtract(used: dict[str, int], asked: Shape) -> None:
    """Count `asked` as used no longer; names that fall to nothing go."""
    for name, amount in asked:
        left = used[name] - amount
        if left:
            used[name] = left
        else:
            del used[name]


def short_of(used: Amounts, asked: Shape, limit: Amounts) -> str | None:
    """The first resource of which `limit` does not allow `asked` beside `used`; none if it fits."""
    if not limit:
        return None
    for name, amount in asked:
        bound = limit.get(name)
        if bound is not None and used.get(name, 0) + amount > bound:
            return name
    return None
