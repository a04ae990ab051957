"""Python values as the plain data inside of documents (msgpack, JSON), by their annotations.

The forms are the stock SDK's: an instant is ISO 8601 text, a duration seconds, an Enum its value, a file or folder
`{"path": uri}` (a file's digest is in its `metadata`, which the stock SDK hands on), a table
`{"uri": uri, "file_format": ...}`, a record its fields by name.
"""

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any

from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.literals import Binary, Blob, Literal, Primitive, StructuredDataset
from flytelike.model.types import BlobType, StructuredDatasetType
from flytelike.types import msgpack_value
from flytelike.types.annotated import bare, origin_of
from flytelike.types.context import ValueContext
from flytelike.types.faults import TypeFault, abridged, mismatch, undecodable, unsupported
from flytelike.types.lookup import Lookup
from flytelike.types.records import Record, record_of
from flytelike.types.transformer import Hint

UNIONS = frozenset({typing.Union, types.UnionType})
FREE = frozenset({Any, object, dict, list})
"""Annotations that say nothing of what is inside: data are taken as they are."""


class Documents:
    """Both ways between values and plain data. Faults carry the path to where they are."""

    def __init__(self, registry: Lookup) -> None:
        self._registry = registry

    def packed(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401 - any value
        """Return the literal of a value's document."""
        return Literal(Binary(msgpack_value.packed(self.plain(value, hint, ctx), hint), "msgpack"))

    # --- values to plain data -------------------------------------------------------------

    def plain(self, value: Any, hint: Hint, ctx: ValueContext, path: str = "$") -> Any:  # noqa: ANN401
        """Return the plain data of a value; files, folders and tables in it are stored.

        Raises:
            TypeFault: the value, or something in it, does not fit its annotation.
        """
        if type(hint) is type and hint in PLAIN:
            return self._written(value, hint, path)
        if self._is_marked(hint):
            return self._stored(value, hint, ctx, path)
        if bare(hint) is not hint:
            return self.plain(value, bare(hint), ctx, path)
        origin, arguments = origin_of(hint), typing.get_args(hint)
        if hint in FREE or (hint is type(None) and value is None):
            return value
        if is_enum(hint) and isinstance(value, hint):
            return value.value
        if (record := record_of(hint)) is not None and record.holds(value):
            return self._fields(value, record, hint, ctx, path)
        if origin is list and isinstance(value, list):
            return [self.plain(item, arguments[0], ctx, f"{path}[{i}]") for i, item in enumerate(value)]
        if origin is dict and isinstance(value, dict):
            return {
                self.plain(k, arguments[0], ctx, f"{path} key"): self.plain(v, arguments[1], ctx, f"{path}[{k!r}]")
                for k, v in value.items()
            }
        if origin in UNIONS:
            return self._first(value, hint, path, lambda inner: self.plain(value, inner, ctx, path))
        return self._stored(value, hint, ctx, path)

    def _written(self, value: Any, hint: Hint, path: str) -> Any:  # noqa: ANN401 - any value
        """Return a simple value's plain data."""
        found = PLAIN[hint](value)
        if found is None:
            raise inside(path, mismatch(hint, value))
        return found

    def _fields(self, value: Any, record: Record, hint: Hint, ctx: ValueContext, path: str) -> dict[str, Any]:  # noqa: ANN401
        values = record.values(value)
        self._check_names(values, record, hint, path)
        missing = [name for name, field in record.fields.items() if field.required and name not in values]
        if missing:
            raise inside(path, mismatch(hint, value, f"the keys {', '.join(map(repr, missing))} are missing"))
        return {
            name: self.plain(values[name], field.hint, ctx, f"{path}.{name}")
            for name, field in record.fields.items()
            if name in values
        }

    def _check_names(self, found: Mapping[str, Any], record: Record, hint: Hint, path: str) -> None:
        unknown = sorted(str(name) for name in found.keys() - record.fields.keys())
        if unknown:
            raise inside(path, undecodable(hint, f"unknown fields {', '.join(unknown)}"))

    def _is_marked(self, hint: Hint) -> bool:
        """Tell whether what `Annotated` adds chooses the transformer."""
        return origin_of(hint) is typing.Annotated and origin_of(self._registry.resolved(hint)[1]) is typing.Annotated

    def _stored(self, value: Any, hint: Hint, ctx: ValueContext, path: str) -> Any:  # noqa: ANN401 - any value
        try:
            literal = self._registry.to_literal(value, hint, ctx)
        except TypeFault as fault:
            raise inside(path, fault) from None
        match literal.value:
            case Blob(uri, kind) if literal.hash and not kind.multipart:
                return {"path": uri, "metadata": {"digest": literal.hash}}
            case Blob(uri):
                return {"path": uri}
            case StructuredDataset(uri, kind):
                return {"uri": uri, "file_format": kind.format}
            case Binary() as document:
                return msgpack_value.unpacked(document)
            case Primitive(bool() | int() | float() | str() as simple):
                return simple
            case _:
                raise inside(path, unsupported(hint, "it cannot be inside a dataclass", "give it by itself"))

    # --- plain data to values -------------------------------------------------------------

    def value(self, plain: Any, hint: Hint, ctx: ValueContext, path: str = "$") -> Any:  # noqa: ANN401
        """Return the value that plain data stand for.

        Raises:
            TypeFault: the data do not fit the annotation.
        """
        if type(hint) is type and hint in VALUES:
            return self._simple(plain, hint, path)
        if self._is_marked(hint):
            return self._fetched(plain, hint, ctx, path)
        if bare(hint) is not hint:
            return self.value(plain, bare(hint), ctx, path)
        origin, arguments = origin_of(hint), typing.get_args(hint)
        if hint in FREE and (hint not in {dict, list} or isinstance(plain, hint)):
            return plain
        if (record := record_of(hint)) is not None:
            return self._instance(plain, record, hint, ctx, path)
        if origin is list and isinstance(plain, list):
            return [self.value(item, arguments[0], ctx, f"{path}[{i}]") for i, item in enumerate(plain)]
        if origin is dict and isinstance(plain, dict):
            return {
                self._key(k, arguments[0], path): self.value(v, arguments[1], ctx, f"{path}[{k!r}]")
                for k, v in plain.items()
            }
        if origin in UNIONS:
            return self._first(plain, hint, path, lambda inner: self.value(plain, inner, ctx, path))
        if hint is type(None) or is_enum(hint):
            return self._simple(plain, hint, path)
        return self._fetched(plain, hint, ctx, path)

    def _simple(self, plain: Any, hint: Hint, path: str) -> Any:  # noqa: ANN401 - any plain data
        if hint is type(None):
            if plain is None:
                return None
            raise inside(path, mismatch(hint, plain))
        try:
            found = VALUES[hint](plain) if hint in VALUES else hint(plain)
        except (TypeError, ValueError, OverflowError) as error:
            raise inside(path, mismatch(hint, plain, str(error))) from None
        if found is None:
            raise inside(path, mismatch(hint, plain))
        return found

    def _key(self, key: Any, hint: Hint, path: str) -> Any:  # noqa: ANN401 - any plain data
        # JSON knows only keys that are text; msgpack keeps them as they are.
        if bare(hint) is int and isinstance(key, str) and key.lstrip("-").isdigit():
            return int(key)
        return self._simple(key, bare(hint), f"{path} key")

    def _instance(self, plain: Any, record: Record, hint: Hint, ctx: ValueContext, path: str) -> Any:  # noqa: ANN401
        """Return an instance of a record; fields that are missing take their defaults."""
        if not isinstance(plain, dict):
            raise inside(path, mismatch(hint, plain))
        self._check_names(plain, record, hint, path)
        values = {
            name: self.value(plain[name], field.hint, ctx, f"{path}.{name}")
            for name, field in record.fields.items()
            if name in plain
        }
        try:
            return record.build(values)
        except (TypeError, ValueError) as error:  # a field is missing, or the class refuses
            raise inside(path, undecodable(hint, f"{abridged(plain)}: {error}")) from None

    def _first(self, value: Any, hint: Hint, path: str, attempt: Callable[[Hint], Any]) -> Any:  # noqa: ANN401
        """Return what the first variant that fits gives; the value's own class goes first."""
        for inner in sorted(typing.get_args(hint), key=lambda inner: bare(inner) is not type(value)):
            try:
                return attempt(inner)
            except DiagnosticError:
                continue
        raise inside(path, mismatch(hint, value))

    def _fetched(self, plain: Any, hint: Hint, ctx: ValueContext, path: str) -> Any:  # noqa: ANN401
        """Return the file, folder or table that a document names, or what a registered transformer makes of it."""
        kind = self._registry.literal_type(hint).kind
        match plain:
            case {"path": str(uri)} if isinstance(kind, BlobType):
                metadata = plain.get("metadata") or {}
                found = Literal(Blob(uri, kind), hash=str(metadata.get("digest", "")))
            case {"uri": str(uri)} if isinstance(kind, StructuredDatasetType):
                kind = replace(kind, format=str(plain.get("file_format") or "parquet"))
                found = Literal(StructuredDataset(uri, kind))
            case bool() | int() | float() | str():
                found = Literal(Primitive(plain))
            case _:
                found = Literal(Binary(msgpack_value.packed(plain, hint), "msgpack"))
        try:
            return self._registry.to_python(found, hint, ctx)
        except TypeFault as fault:
            raise inside(path, fault) from None


def is_enum(hint: Hint) -> bool:
    """Tell whether an annotation is an Enum."""
    return isinstance(hint, type) and issubclass(hint, Enum)


def inside(path: str, fault: TypeFault) -> TypeFault:
    """Return the fault with the path to where it is, unless it is the document itself or has one."""
    if path == "$":
        return fault
    return TypeFault(
        found if found.headline.startswith("$") else replace(found, headline=f"{path}: {found.headline}")
        for found in fault.diagnostics
    )


def exactly(kind: type) -> Callable[[Any], Any]:
    """Return a function that keeps values of exactly `kind` and gives None for others."""
    return lambda value: value if type(value) is kind else None


def number(value: Any) -> float | None:  # noqa: ANN401 - any value
    """Return a float, of an int too."""
    return float(value) if type(value) in {int, float} else None


def whole(value: Any) -> int | None:  # noqa: ANN401 - any value
    """Return an int; JSON documents of older SDKs keep all numbers as doubles."""
    if type(value) is float and value.is_integer():
        return int(value)
    return value if type(value) is int else None


def instant_text(value: Any) -> str | None:  # noqa: ANN401 - any value
    """Return an instant's text; one without a zone is taken as UTC."""
    if not isinstance(value, datetime):
        return None
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()


PLAIN: dict[Hint, Callable[[Any], Any]] = {
    int: exactly(int),
    float: number,
    str: exactly(str),
    bool: exactly(bool),
    datetime: instant_text,
    date: lambda value: value.isoformat() if type(value) is date else None,
    timedelta: lambda value: value.total_seconds() if isinstance(value, timedelta) else None,
}
"""How simple values are written; None for one that does not fit."""

VALUES: dict[Hint, Callable[[Any], Any]] = {
    int: whole,
    float: number,
    str: exactly(str),
    bool: exactly(bool),
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    timedelta: lambda plain: timedelta(seconds=plain),
}
"""How simple values are read; None or an error for data that do not fit."""
