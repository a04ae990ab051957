"""Dicts: typed ones as maps, bare ones as msgpack."""

import typing
from typing import Any

from flytelike.model.literals import Binary, GenericStruct, Literal, Map
from flytelike.model.types import LiteralType, MapType, SimpleKind, SimpleType, json_text
from flytelike.types import msgpack_value
from flytelike.types.annotated import origin_of
from flytelike.types.context import ValueContext
from flytelike.types.faults import mismatch, undecodable, unsupported
from flytelike.types.lookup import Lookup
from flytelike.types.primitives import unwrapped
from flytelike.types.transformer import Hint

MSGPACK_ANNOTATION = json_text({"cache-key-metadata": {"serialization-format": "msgpack"}})
"""Tells readers how values of the type STRUCT are encoded; the stock SDK's annotation."""


class DictTransformer:
    """`dict[str, T]` to a map; `dict` alone to a msgpack document."""

    name = "Typed Dict"

    def __init__(self, registry: Lookup) -> None:
        self._registry = registry

    def handles(self, hint: Hint) -> bool:
        """Tell whether the annotation is a dict."""
        return hint is dict or origin_of(hint) is dict

    def literal_type(self, hint: Hint) -> LiteralType:
        """Return the map type, or STRUCT for a bare dict."""
        value = value_hint(hint)
        if value is None:
            return LiteralType(SimpleType(SimpleKind.STRUCT), annotation=MSGPACK_ANNOTATION)
        return LiteralType(MapType(self._registry.literal_type(value)))

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401 - any value
        """Return the map of the values' literals, or the document."""
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise mismatch(hint, value, "" if not isinstance(value, dict) else "keys must be strings")
        inner = value_hint(hint)
        if inner is None:
            return Literal(Binary(msgpack_value.packed(value, hint), "msgpack"))
        return Literal(Map({key: self._registry.to_literal(item, inner, ctx) for key, item in value.items()}))

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> dict[str, Any]:
        """Return the dict."""
        inner = value_hint(hint)
        match unwrapped(literal).value:
            case Map(items) if inner is not None:
                return {key: self._registry.to_python(item, inner, ctx) for key, item in items.items()}
            case Binary() | GenericStruct() as document:
                found = msgpack_value.unpacked(document)
                if isinstance(found, dict):
                    return found
                raise undecodable(hint, type(found).__name__)
            case other:
                raise undecodable(hint, type(other).__name__)


def value_hint(hint: Hint) -> Hint | None:
    """Return what a dict annotation says of its values; None for a bare dict."""
    arguments = typing.get_args(hint)
    if not arguments:
        return None
    if arguments[0] is not str:
        raise unsupported(hint, "its keys are not strings", "use `dict[str, ...]`, or a list of dataclasses")
    return arguments[1]
