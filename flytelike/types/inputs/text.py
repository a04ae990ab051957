"""What one flag's text is: JSON, or the value itself."""

import json
from types import NoneType

from flytelike.model.types import (
    BlobType,
    EnumType,
    LiteralType,
    SchemaType,
    SimpleKind,
    SimpleType,
    StructuredDatasetType,
)

WORDS: dict[SimpleKind | None, type] = {
    SimpleKind.BOOLEAN: bool,
    SimpleKind.NONE: NoneType,
    SimpleKind.FLOAT: float,
    SimpleKind.INTEGER: int,
}


def rank_of_text(kind: LiteralType) -> int:
    """Return 0 for types whose text is JSON, else how late in a union they are tried: those that take all come last."""
    match kind.kind:
        case EnumType():
            return 1
        case SimpleType(SimpleKind.DATETIME | SimpleKind.DURATION):
            return 2
        case BlobType() | StructuredDatasetType() | SchemaType():
            return 3
        case SimpleType(SimpleKind.STRING):
            return 4
        case _:
            return 0


def data_of(text: str, kind: LiteralType) -> object:
    """Return the data that a text stands for; for a type that has words besides JSON, what they mean."""
    if rank_of_text(kind) > 0:
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        simple = kind.kind.simple if isinstance(kind.kind, SimpleType) else None
        return meaning(text, WORDS[simple]) if simple in WORDS else text


def meaning(word: str, wanted: type) -> object:
    """Return what a word means where a number, truth value or None is wanted (`1_000`, `nan`, `True`); or itself."""
    if wanted is bool:
        return {"true": True, "false": False}.get(word.lower(), word)
    if wanted is NoneType:
        return None if word.lower() == "none" else word
    try:
        return wanted(word)
    except ValueError:
        return word
