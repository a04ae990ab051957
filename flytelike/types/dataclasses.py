"""Dataclasses: a STRUCT with a JSON schema, and msgpack of the fields by name."""

import dataclasses
import typing
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import Any

from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.literals import Binary, Blob, GenericStruct, Literal, StructuredDataset
from flytelike.model.types import (
    BlobType,
    LiteralType,
    SimpleKind,
    SimpleType,
    StructuredDatasetType,
    TypeStructure,
    json_text,
)
from flytelike.types import msgpack_value
from flytelike.types.annotated import bare, origin_of
from flytelike.types.context import ValueContext
from flytelike.types.directory import FlyteDirectory
from flytelike.types.faults import TypeFault, mismatch, undecodable
from flytelike.types.file import FlyteFile
from flytelike.types.json_schema import schema_of
from flytelike.types.lookup import Lookup
from flytelike.types.mapping import MSGPACK_ANNOTATION
from flytelike.types.primitives import unwrapped
from flytelike.types.transformer import Hint


@lru_cache(maxsize=4096)
def fields_of(cls: type) -> dict[str, Hint]:
    """Return the init fields of a dataclass with their evaluated annotations, in order."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return {field.name: bare(hints[field.name]) for field in dataclasses.fields(cls) if field.init}


class DataclassTransformer:
    """A dataclass to a document; files, folders and frames in it are stored and named by uri."""

    name = "Object-Dataclass-Transformer"

    def __init__(self, registry: Lookup) -> None:
        self._registry = registry

    def handles(self, hint: Hint) -> bool:
        """Tell whether the annotation is a dataclass."""
        return isinstance(hint, type) and dataclasses.is_dataclass(hint)

    def literal_type(self, hint: Hint) -> LiteralType:
        """Return STRUCT with the schema, and each field's own type."""
        parts = tuple((name, self._registry.literal_type(inner)) for name, inner in fields_of(hint).items())
        return LiteralType(
            SimpleType(SimpleKind.STRUCT),
            structure=TypeStructure(fields=tuple(sorted(parts))),
            metadata=json_text(schema_of(hint, fields_of)),
            annotation=MSGPACK_ANNOTATION,
        )

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401 - any value
        """Return the document; raises TypeFault naming the field that does not fit."""
        if not isinstance(value, hint):
            raise mismatch(hint, value)
        return Literal(Binary(msgpack_value.packed(self.plain(value, hint, ctx, "$"), hint), "msgpack"))

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> Any:  # noqa: ANN401 - any value
        """Return an instance built from the document."""
        match unwrapped(literal).value:
            case Binary() | GenericStruct() as document:
                return self.value(msgpack_value.unpacked(document), hint, ctx, "$")
            case other:
                raise undecodable(hint, type(other).__name__)

    # --- values to plain data -------------------------------------------------------------

    def plain(self, value: Any, hint: Hint, ctx: ValueContext, path: str) -> Any:  # noqa: ANN401
        """Return the plain data of a value under an annotation."""
        hint = bare(hint)
        if dataclasses.is_dataclass(hint) and isinstance(value, hint):  # type: ignore[arg-type]
            return {
                name: self.plain(getattr(value, name), inner, ctx, f"{path}.{name}")
                for name, inner in fields_of(hint).items()  # type: ignore[arg-type]
            }
        if value is None or type(value) in {int, float, str, bool}:
            self.fits(value, hint, path)
            return float(value) if hint is float else value
        match value:
            case Enum():
                return value.value
            case datetime():
                return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
            case date():
                return value.isoformat()
            case timedelta():
                return value.total_seconds()
            case list():
                inner = (typing.get_args(hint) or (Any,))[0] if origin_of(hint) is list else Any
                return [self.plain(item, inner, ctx, f"{path}[{i}]") for i, item in enumerate(value)]
            case dict():
                inner = (typing.get_args(hint) or (str, Any))[1] if origin_of(hint) is dict else Any
                return {key: self.plain(item, inner, ctx, f"{path}[{key!r}]") for key, item in value.items()}
            case _:
                return self.stored(value, hint, ctx, path)

    def fits(self, value: object, hint: Hint, path: str) -> None:
        """Refuse a simple value where the annotation is another simple type."""
        simple = {int, float, str, bool}
        if hint in simple and type(value) is not hint and not (hint is float and type(value) is int):
            raise inside(path, mismatch(hint, value))

    def stored(self, value: Any, hint: Hint, ctx: ValueContext, path: str) -> Any:  # noqa: ANN401 - any value
        """Store a file, folder or frame and return how the document names it (as the stock SDK does)."""
        union = typing.get_args(hint) if hint is not Any and typing.get_args(hint) else ()
        for inner in (hint, *union):
            if inner in {Any, type(None)}:
                continue
            try:
                literal = self._registry.to_literal(value, inner, ctx)
            except DiagnosticError:
                continue
            match literal.value:
                case Blob(uri):
                    return {"path": uri}
                case StructuredDataset(uri, kind):
                    return {"uri": uri, "file_format": kind.format}
                case Binary() as document:
                    return msgpack_value.unpacked(document)
                case _:
                    break
        raise inside(path, mismatch(hint, value))

    # --- plain data to values -------------------------------------------------------------

    def value(self, plain: Any, hint: Hint, ctx: ValueContext, path: str) -> Any:  # noqa: ANN401, PLR0911, PLR0912, C901
        """Return the value that plain data stand for under an annotation."""
        hint = bare(hint)
        origin, arguments = origin_of(hint), typing.get_args(hint)
        if hint is Any or (hint is dict and isinstance(plain, dict)):
            return plain
        if self.handles(hint):
            return self.instance(plain, hint, ctx, path)
        if origin is list and isinstance(plain, list):
            return [self.value(item, arguments[0], ctx, f"{path}[{i}]") for i, item in enumerate(plain)]
        if origin is dict and isinstance(plain, dict):
            return {k: self.value(v, arguments[1], ctx, f"{path}[{k!r}]") for k, v in plain.items()}
        if arguments and origin not in {list, dict}:
            return self.variant(plain, hint, ctx, path)
        try:
            match hint:
                case _ if hint is type(None) and plain is None:
                    return None
                case _ if hint is float and type(plain) in {int, float}:
                    return float(plain)
                case _ if hint is int and type(plain) is float and plain.is_integer():
                    return int(plain)  # JSON documents of older SDKs keep all numbers as doubles
                case _ if hint in {int, str, bool} and type(plain) is hint:
                    return plain
                case _ if hint is datetime:
                    return datetime.fromisoformat(plain)
                case _ if hint is date:
                    return date.fromisoformat(plain)
                case _ if hint is timedelta:
                    return timedelta(seconds=plain)
                case _ if isinstance(hint, type) and issubclass(hint, Enum):
                    return hint(plain)
                case _:
                    pass
        except (TypeError, ValueError) as error:
            raise inside(path, mismatch(hint, plain, str(error))) from None
        return self.fetched(plain, hint, ctx, path)

    def instance(self, plain: Any, hint: Hint, ctx: ValueContext, path: str) -> Any:  # noqa: ANN401
        """Return an instance of a dataclass; fields that are missing take their defaults."""
        if not isinstance(plain, dict):
            raise inside(path, mismatch(hint, plain))
        known = fields_of(hint)
        unknown = sorted(set(plain) - set(known))
        if unknown:
            raise inside(path, undecodable(hint, f"unknown fields {', '.join(unknown)}"))
        values = {name: self.value(plain[name], known[name], ctx, f"{path}.{name}") for name in known if name in plain}
        try:
            return hint(**values)
        except TypeError as error:
            raise inside(path, undecodable(hint, str(error))) from None

    def variant(self, plain: Any, hint: Hint, ctx: ValueContext, path: str) -> Any:  # noqa: ANN401
        """Return the value of the first variant of a union that fits; exact classes go first."""
        for inner in sorted(typing.get_args(hint), key=lambda inner: inner is not type(plain)):
            try:
                return self.value(plain, inner, ctx, path)
            except TypeFault:
                continue
        raise inside(path, mismatch(hint, plain))

    def fetched(self, plain: Any, hint: Hint, ctx: ValueContext, path: str) -> Any:  # noqa: ANN401
        """Return the file, folder or frame that a document names."""
        match plain:
            case {"path": str(uri)} if isinstance(hint, type) and issubclass(hint, FlyteFile | FlyteDirectory):
                blob = Blob(uri, BlobType(hint.format, multipart=issubclass(hint, FlyteDirectory)))
                return self._registry.to_python(Literal(blob), hint, ctx)
            case {"uri": str(uri)}:
                kind = StructuredDatasetType(format=str(plain.get("file_format", "parquet")))
                return self._registry.to_python(Literal(StructuredDataset(uri, kind)), hint, ctx)
            case _:
                raise inside(path, mismatch(hint, plain))


def inside(path: str, fault: TypeFault) -> TypeFault:
    """Return the fault with the path to where it is, unless it is the document itself."""
    if path == "$":
        return fault
    return TypeFault([dataclasses.replace(found, headline=f"{path}: {found.headline}") for found in fault.diagnostics])
