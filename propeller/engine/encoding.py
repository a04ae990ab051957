"""States, requests and history as bytes: JSON, each value tagged with its class's name.

Only classes listed here are read back. A field that a stored value lacks takes the class's
default, so new fields with defaults need no migration.
"""

import json
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Final

from flytelike.model import failure, history, ids, launch, phases
from propeller.core import commands, header, node_state

CLASSES: Final[dict[str, type]] = {
    found.__name__: found
    for module in (failure, history, ids, launch, phases, commands, header, node_state)
    for found in vars(module).values()
    if isinstance(found, type) and (is_dataclass(found) or issubclass(found, Enum))
}


def encode(value: object) -> bytes:
    """Return a value's bytes."""
    return json.dumps(plain(value), separators=(",", ":"), ensure_ascii=False).encode()


def decode(data: bytes) -> Any:  # noqa: ANN401 - whatever was encoded
    """Return the value of bytes written by `encode`."""
    return value_of(json.loads(data))


def plain(value: object) -> object:
    """Return a value as JSON data."""
    if value is None or type(value) in {str, int, bool}:
        return value
    if isinstance(value, Enum):
        return {"@": type(value).__name__, "v": value.value}
    kind: Any = type(value)
    if kind.__name__ in CLASSES:
        return {"@": kind.__name__, **{name: plain(getattr(value, name)) for name in field_names(kind)}}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {"@": "", "items": {str(key): plain(item) for key, item in value.items()}}
    raise TypeError(f"{kind.__name__} has no encoding")


def value_of(data: Any) -> Any:  # noqa: ANN401 - JSON data
    """Return the value of JSON data."""
    if isinstance(data, list):
        return [value_of(item) for item in data]
    if not isinstance(data, dict):
        return data
    name = data.pop("@")
    if not name:
        return {key: value_of(item) for key, item in data["items"].items()}
    kind: Any = CLASSES[name]
    if issubclass(kind, Enum):
        return kind(data["v"])
    known = field_names(kind)
    return kind(**{key: value_of(item) for key, item in data.items() if key in known})


@cache
def field_names(kind: Any) -> tuple[str, ...]:  # noqa: ANN401 - a dataclass
    """Return the names of a dataclass's fields."""
    return tuple(found.name for found in fields(kind))
