"""What there is to know of a record."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flytelike.types.transformer import Hint

NO_DEFAULT = object()


@dataclass(frozen=True, slots=True)
class RecordField:
    """A field: its annotation, whether it has to be given, and its default where that is a constant."""

    hint: Hint
    required: bool = True
    default: object = NO_DEFAULT


@dataclass(frozen=True, slots=True)
class Record:
    """A record's fields, in order, and the ways into values and out of them.

    Attributes:
        title: The name of its class.
        tag: The name of its kind, by which a union tells variants apart.
        fields: By name.
        holds: Tells whether a value is one of this record, as far as its class says.
        values: Takes a value apart; fields it may leave out can be missing.
        build: Makes a value; raises TypeError or ValueError for values it refuses.
    """

    title: str
    tag: str
    fields: Mapping[str, RecordField]
    holds: Callable[[Any], bool]
    values: Callable[[Any], Mapping[str, Any]]
    build: Callable[[Mapping[str, Any]], Any]

    @property
    def hints(self) -> dict[str, Hint]:
        """Return the fields' annotations."""
        return {name: field.hint for name, field in self.fields.items()}
