"""Records (dataclasses, attrs classes, TypedDicts): a STRUCT with a JSON schema, and msgpack of the fields by name."""

import typing
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from flytelike.model.literals import Binary, GenericStruct, Literal
from flytelike.model.types import LiteralType, SimpleKind, SimpleType, TypeStructure, json_text
from flytelike.types import msgpack_value
from flytelike.types.annotated import bare
from flytelike.types.context import ValueContext
from flytelike.types.document import FREE, Documents, is_enum
from flytelike.types.faults import TypeFault, mismatch, shown, undecodable, unsupported
from flytelike.types.json_schema import schema_of
from flytelike.types.lookup import Lookup
from flytelike.types.mapping import MSGPACK_ANNOTATION
from flytelike.types.primitives import unwrapped
from flytelike.types.records import Record, record_of
from flytelike.types.transformer import Hint


class RecordTransformer:
    """The records of one kind to documents; files, folders and frames in it are stored and named by uri."""

    def __init__(self, name: str, handles: Callable[[Hint], bool], registry: Lookup, documents: Documents) -> None:
        """Handle the annotations that `handles` tells."""
        self.name: str = name
        self._handles = handles
        self._registry = registry
        self._documents = documents

    def handles(self, hint: Hint) -> bool:
        """Tell whether the annotation is a record of this kind."""
        return self._handles(hint)

    def literal_type(self, hint: Hint) -> LiteralType:
        """Return STRUCT with the schema, and each field's own type.

        Raises:
            TypeFault: a field has no type (it is named), or the dataclass is inside itself.
        """
        if inside_itself(hint):
            raise unsupported(hint, "it is inside itself, so its type has no end", "use `dict` for the inner one")
        parts: list[tuple[str, LiteralType]] = []
        for name, inner in known(hint).hints.items():
            try:
                parts.append((name, self._registry.literal_type(inner)))
            except TypeFault as fault:
                if not within_documents(inner):
                    raise in_field(hint, name, fault) from None
        return LiteralType(
            SimpleType(SimpleKind.STRUCT),
            structure=TypeStructure(fields=tuple(sorted(parts, key=lambda part: part[0]))),
            metadata=json_text(schema_of(hint)),
            annotation=MSGPACK_ANNOTATION,
        )

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401 - any value
        """Return the document; raises TypeFault naming the field that does not fit."""
        if not known(hint).holds(value):
            raise mismatch(hint, value)
        return self._documents.packed(value, hint, ctx)

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> Any:  # noqa: ANN401 - any value
        """Return an instance built from the document."""
        match unwrapped(literal).value:
            case Binary() | GenericStruct() as document:
                return self._documents.value(msgpack_value.unpacked(document), hint, ctx)
            case other:
                raise undecodable(hint, type(other).__name__)


def known(hint: Hint) -> Record:
    """Return the record of an annotation that is one."""
    record = record_of(hint)
    assert record is not None
    return record


@lru_cache(maxsize=4096)
def inside_itself(cls: Hint) -> bool:
    """Tell whether a record is, at any depth, a part of its own fields."""

    def leads_back(hint: Hint, above: tuple[Hint, ...]) -> bool:
        hint = bare(hint)
        if hint in above:
            return bool(hint == cls)  # another record's circle is told when that one is asked about
        record = record_of(hint)
        if record is None:
            return any(leads_back(part, above) for part in typing.get_args(hint))
        return any(leads_back(part, (*above, hint)) for part in record.hints.values())

    return leads_back(cls, ())


def within_documents(hint: Hint) -> bool:
    """Tell whether values of a type that is no literal's can still be inside of documents.

    As in the stock SDK: Enums of other values than strings, and lists that don't say of what.
    """
    return is_enum(bare(hint)) or bare(hint) in FREE - {Any, object}


def in_field(hint: Hint, name: str, fault: TypeFault) -> TypeFault:
    """Return the fault with the name of the field whose annotation it is about."""
    prefix = f"field `{name}` of `{shown(hint)}`"
    return TypeFault(replace(found, headline=f"{prefix}: {found.headline}") for found in fault.diagnostics)
