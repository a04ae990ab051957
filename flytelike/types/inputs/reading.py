"""What one reading of an input needs at every field: where places lie, and what was tried before."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from marshmallow.exceptions import ValidationError

from flytelike.types.inputs.places import Locate


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading. Without `locate`, texts are no places: as in defaults, which name none."""

    locate: Locate | None
    tried: dict[tuple[int, int], Any | ValidationError] = field(default_factory=dict)
    """What options made of lists and objects, by their ids: else unions inside unions take exponential time."""


CURRENT: ContextVar[Reading] = ContextVar("reading")


@contextmanager
def reading(locate: Locate | None) -> Iterator[None]:
    """Read with `locate` in this block."""
    token = CURRENT.set(Reading(locate))
    try:
        yield
    finally:
        CURRENT.reset(token)
