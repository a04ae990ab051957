"""The way in: data and flags to literals."""

from dataclasses import replace
from typing import Any

from flytelike.model.diagnostic import Diagnostic
from flytelike.model.literals import Literal, Primitive, UnionValue
from flytelike.model.types import BOOLEAN, FLOAT, INTEGER, STRING, STRUCT, LiteralType, UnionType
from flytelike.types.inputs.faults import whole, wrong_value
from flytelike.types.inputs.places import Locate, located
from flytelike.types.inputs.text import data_of, rank_of_text
from flytelike.types.primitives import INT64_MAX

Outcome = Literal | list[Diagnostic]

LEVELS_MAX = 32
"""How deep lists and objects may be inside of each other; Python's own limit allows about 45 of a recursive type."""
VALUES_MAX = 1_000_000
"""How many values an input may have; more belongs into a file or table."""
CHARACTERS_MAX = 64 * 1024 * 1024
BITS_MAX = 1024
"""As many as a float's largest number has; Python refuses to print much larger ones."""
PLAIN = {INTEGER: int, FLOAT: float, BOOLEAN: bool, STRING: str}
"""Simple types, and the one class whose values they take as they are."""


def literal_from_json(
    value: Any,  # noqa: ANN401 - JSON or YAML
    kind: LiteralType,
    path: str = "$",
    locate: Locate = located,
) -> Outcome:
    """Return the literal that JSON or YAML data give, or all faults with their paths.

    Args:
        value: the data.
        kind: the type wanted.
        path: how faults name the value, such as `$.config`.
        locate: turns what is written for a file, folder or table into its uri; a client of a
            distant server uploads here.
    """
    if is_plain(value, kind):
        return Literal(Primitive(value))
    if excess := too_much(value):
        return [wrong_value(path, excess)]
    # It loads marshmallow: 50 ms that plain flags need not pay.
    from flytelike.types.inputs.literals import loaded  # noqa: PLC0415

    return loaded(value, kind, path, locate)


def parse_text(text: str, kind: LiteralType, path: str = "$", locate: Locate = located) -> Outcome:
    """Return the literal that one flag's text gives, or its faults.

    Strings, dates, durations, enums and uris are taken as they stand; everything else is
    JSON (`[1, 2]`, `{"a": 1}`, `true`).
    """
    if not isinstance(kind.kind, UnionType):
        return literal_from_json(data_of(text, kind), kind, path, locate)

    def order(variant: LiteralType) -> tuple[int, bool]:
        """Put a number's own type first: `3` is a float too, but exactly an int."""
        return rank_of_text(variant), not is_plain(data_of(text, variant), replace(variant, structure=None))

    for variant in sorted(kind.kind.variants, key=order):
        outcome = parse_text(text, variant, path, locate)
        if not isinstance(outcome, list):
            return Literal(UnionValue(outcome, variant))
    # No variant takes it: what is wrong is told of the union as a whole.
    return literal_from_json(data_of(text, STRUCT) if text[:1] in {"[", "{"} else text, kind, path, locate)


def is_plain(value: object, kind: LiteralType) -> bool:
    """Tell whether a value is, as it stands, one of a simple type."""
    if type(value) is not PLAIN.get(kind):
        return False
    match value:
        case bool() | float():
            return True
        case int():
            return -INT64_MAX - 1 <= value <= INT64_MAX
        case _:
            return isinstance(value, str) and whole(value)


def too_much(value: object) -> str:
    """Return what there is too much of in an input; empty when it can be read. Never goes round in circles."""
    values, characters = 1, 0
    waiting: list[tuple[object, int]] = [(value, 0)]
    while waiting:
        found, level = waiting.pop()
        match found:
            case str() | bytes():
                characters += len(found)
            case int() if found.bit_length() > BITS_MAX:
                return f"there is a number of more than {BITS_MAX} bits"
            case dict() | list():
                level += 1
                values += len(found)
                items = [*found, *found.values()] if isinstance(found, dict) else found
                waiting.extend((item, level) for item in items)
            case _:
                pass
        if level > LEVELS_MAX:
            return f"lists and objects are more than {LEVELS_MAX} levels inside of each other"
        if values > VALUES_MAX:
            return f"there are more than {VALUES_MAX:,} values; a file or table can hold them"
        if characters > CHARACTERS_MAX:
            return f"there are more than {CHARACTERS_MAX:,} characters; a file can hold them"
    return ""
