"""Dicts: those with text as keys as maps, others as msgpack documents."""

import typing
from typing import Any

from flytelike.model.literals import Literal, Map
from flytelike.model.types import LiteralType, MapType, SimpleKind, SimpleType, json_text
from flytelike.types.annotated import bare, origin_of
from flytelike.types.context import ValueContext
from flytelike.types.document import Documents
from flytelike.types.faults import TypeFault, mismatch, undecodable, unsupported, within
from flytelike.types.lookup import Lookup
from flytelike.types.many import each
from flytelike.types.primitives import unwrapped
from flytelike.types.transformer import Hint

MSGPACK_ANNOTATION = json_text({"cache-key-metadata": {"serialization-format": "msgpack"}})
"""Tells readers how values of the type STRUCT are encoded; the stock SDK's annotation."""
KEYS = frozenset({int, float, bool})
"""What keys of a document may be besides text."""


class DictTransformer:
    """`dict[str, T]` to a map; `dict` alone, and `dict[int, T]`, to a document."""

    name = "Typed Dict"

    def __init__(self, registry: Lookup, documents: Documents) -> None:
        self._registry = registry
        self._documents = documents

    def handles(self, hint: Hint) -> bool:
        """Tell whether the annotation is a dict."""
        return hint is dict or origin_of(hint) is dict

    def literal_type(self, hint: Hint) -> LiteralType:
        """Return the map type, or STRUCT."""
        value = value_hint(hint)
        if value is not None:
            return LiteralType(MapType(self._registry.literal_type(value)))
        if typing.get_args(hint):
            self._registry.literal_type(typing.get_args(hint)[1])  # what a document cannot hold is refused here
        return LiteralType(SimpleType(SimpleKind.STRUCT), annotation=MSGPACK_ANNOTATION)

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401 - any value
        """Return the map of the values' literals, or the document."""
        if not isinstance(value, dict):
            raise mismatch(hint, value)
        inner = value_hint(hint)
        if inner is None:
            return self._documents.packed(value, hint, ctx)
        if not all(isinstance(key, str) for key in value):
            raise mismatch(hint, value, "keys must be strings")
        steps = [f"[{key!r}]" for key in value]
        kind = self._registry.literal_type(inner)
        found = each(lambda item: self._registry.to_literal(item, inner, ctx), list(value.values()), steps, kind)
        return Literal(Map(dict(zip(value, found, strict=True))))

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> dict[Any, Any]:
        """Return the dict. Documents are read by the registry."""
        inner = value_hint(hint)
        found = unwrapped(literal).value
        if inner is None or not isinstance(found, Map):
            raise undecodable(hint, type(found).__name__)
        values: dict[str, Any] = {}
        for key, item in found.items.items():
            try:
                values[key] = self._registry.to_python(item, inner, ctx)
            except TypeFault as fault:
                raise within(f"[{key!r}]", fault) from None
        return values


def value_hint(hint: Hint) -> Hint | None:
    """Return what the annotation of a map says of its values; None for a document.

    Raises:
        TypeFault: keys that no document can have.
    """
    arguments = typing.get_args(hint)
    if not arguments:
        return None
    key = bare(arguments[0])
    if key is str:
        return arguments[1]
    if key in KEYS:
        return None
    raise unsupported(hint, "its keys are neither text nor numbers", "use `dict[str, ...]`, or a list of dataclasses")
