"""The parts of a report that every task has without asking."""

from enum import StrEnum


class DeckField(StrEnum):
    """A part that the platform makes."""

    SOURCE_CODE = "Source Code"
    DEPENDENCIES = "Dependencies"
    TIMELINE = "Timeline"
    INPUT = "Input"
    OUTPUT = "Output"


ALL_FIELDS: tuple[DeckField, ...] = tuple(DeckField)
