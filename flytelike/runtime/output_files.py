"""A plain container's outputs from files: one file or folder for each variable, read by its declared type."""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import assert_never

from flytelike.model.literals import (
    VOID,
    Binary,
    Blob,
    Collection,
    ErrorValue,
    GenericStruct,
    Instant,
    Literal,
    Map,
    Primitive,
    Span,
    StructuredDataset,
    UnionValue,
)
from flytelike.model.types import (
    BlobType,
    CollectionType,
    EnumType,
    Json,
    LiteralType,
    MapType,
    SchemaType,
    SimpleKind,
    SimpleType,
    StructuredDatasetType,
    UnionType,
    json_text,
)
from flytelike.storage import Store, Uploaded, join

TEXT_BYTES_MAX = 10 << 20
"""A larger text is a file, and should be declared as one."""

_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
_INTEGER = re.compile(r"[-+]?\d+")
_INSTANT = re.compile(r"(?P<whole>[^.]+?)(?:\.(?P<fraction>\d{1,9})\d*)?(?P<zone>Z|[-+]\d\d:\d\d)")
_SPAN = re.compile(r"[-+]?(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+")
_SPAN_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_UNITS_NS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


class OutputFileError(Exception):
    """A file does not hold what the output's type asks for; `missing` when there is none."""

    def __init__(self, message: str, *, missing: bool = False) -> None:
        self.missing = missing
        super().__init__(message)


def read_outputs(
    declared: Mapping[str, LiteralType], folder: Path, prefix: str, store: Store
) -> tuple[dict[str, Literal], list[OutputFileError]]:
    """Return the outputs found below a folder, and what is wrong with the others.

    Args:
        declared: The types by name.
        folder: Where the program wrote.
        prefix: Where files and folders are stored, each below its variable's name.
        store: Takes them.
    """
    reading = _Reading(store)
    found: dict[str, Literal] = {}
    faults: list[OutputFileError] = []
    for name, kind in declared.items():
        try:
            found[name] = reading.read(folder / name, kind, join(prefix, name))
        except OutputFileError as error:
            faults.append(OutputFileError(f"output {name}: {error}", missing=error.missing))
    return found, faults


class _Reading:
    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, path: Path, kind: LiteralType, uri: str) -> Literal:
        match kind.kind:
            case SimpleType(SimpleKind.NONE):
                return VOID
            case SimpleType(SimpleKind.BINARY):
                return Literal(Binary(_bytes(path)))
            case SimpleType(simple):
                return simple_literal(_text(path), simple)
            case EnumType(values):
                word = _text(path).strip()
                if word not in values:
                    raise OutputFileError(f"{word!r} is none of {', '.join(values)}")
                return Literal(Primitive(word))
            case BlobType() as blob:
                return self._stored(path, blob, uri)
            case StructuredDatasetType() as table:
                kept = self._store_all(path, uri)
                return Literal(StructuredDataset(kept.uri, table), hash=kept.digest)
            case CollectionType(element):
                names = sorted((entry.name for entry in _entries(path)), key=_index)
                items = (self.read(path / name, element, join(uri, name)) for name in names)
                return Literal(Collection(tuple(items)))
            case MapType(value):
                keys = sorted(entry.name for entry in _entries(path))
                return Literal(Map({key: self.read(path / key, value, join(uri, key)) for key in keys}))
            case UnionType(variants):
                return self._first_fitting(path, variants, uri)
            case SchemaType():
                raise OutputFileError("tables of Flyte's older kind cannot be read from files")
            case _ as never:
                assert_never(never)

    def _stored(self, path: Path, kind: BlobType, uri: str) -> Literal:
        if kind.multipart != path.is_dir() and path.exists():
            wanted, given = ("folder", "file") if kind.multipart else ("file", "folder")
            raise OutputFileError(f"a {wanted} is declared, and the program wrote a {given}")
        kept = self._store_all(path, uri)
        return Literal(Blob(kept.uri, kind), hash=kept.digest)

    def _store_all(self, path: Path, uri: str) -> Uploaded:
        if path.is_dir():
            return self._store.upload_directory(path, uri)
        if not path.is_file():
            raise _nothing(path)
        return self._store.upload_file(path, uri)

    def _first_fitting(self, path: Path, variants: tuple[LiteralType, ...], uri: str) -> Literal:
        """Return the value of the first variant that the file fits; none at all is the variant for nothing."""
        nothing = LiteralType(SimpleType(SimpleKind.NONE)).kind
        void = next((variant for variant in variants if variant.kind == nothing), None)
        if void is not None and (not path.exists() or (path.is_file() and _bytes(path).strip() in {b"", b"null"})):
            return Literal(UnionValue(VOID, void))
        reasons: list[str] = []
        for variant in variants:
            if variant is void:
                continue
            try:
                return Literal(UnionValue(self.read(path, variant, uri), variant))
            except OutputFileError as error:
                if error.missing:
                    raise
                reasons.append(str(error))
        raise OutputFileError("; ".join(reasons) or "the union has no variant")


def simple_literal(text: str, kind: SimpleKind) -> Literal:
    """Return a simple value from text, as Flyte reads it; white space around counts only in a string.

    Raises:
        OutputFileError: The text is no such value.
    """
    word = text.strip()
    match kind:
        case SimpleKind.STRING:
            return Literal(Primitive(text))
        case SimpleKind.INTEGER if _INTEGER.fullmatch(word) and -(2**63) <= int(word) < 2**63:
            return Literal(Primitive(int(word)))
        case SimpleKind.FLOAT if (number := _number(word)) is not None:
            return Literal(Primitive(number))
        case SimpleKind.BOOLEAN if word in _TRUE or word in _FALSE:
            return Literal(Primitive(word in _TRUE))
        case SimpleKind.DATETIME if (instant := _instant(word)) is not None:
            return Literal(Primitive(instant))
        case SimpleKind.DURATION if _SPAN.fullmatch(word):
            return Literal(Primitive(_span(word)))
        case SimpleKind.STRUCT if (found := _object(word)) is not None:
            return Literal(GenericStruct(json_text(found)))
        case SimpleKind.ERROR:
            return Literal(ErrorValue("", text))
        case _:
            shown = word if len(word) <= 40 else f"{word[:40]}..."
            raise OutputFileError(f"{shown!r} is no {kind.name.lower()}")


def _number(word: str) -> float | None:
    try:
        number = float(word)
    except ValueError:
        return None
    return number if math.isfinite(number) or "n" in word.lower() else None


def _instant(word: str) -> Instant | None:
    found = _INSTANT.fullmatch(word)
    if found is None:
        return None
    try:
        moment = datetime.fromisoformat(found["whole"] + found["zone"]).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    seconds = round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    return Instant(seconds * 10**9 + int((found["fraction"] or "0").ljust(9, "0")))


def _span(word: str) -> Span:
    total = 0.0
    exact = 0
    for number, unit in _SPAN_PART.findall(word):
        whole, _, fraction = number.partition(".")
        exact += int(whole) * _UNITS_NS[unit]
        total += float(f"0.{fraction or 0}") * _UNITS_NS[unit]
    ns = exact + round(total)
    return Span(-ns if word.startswith("-") else ns)


def _object(word: str) -> dict[str, Json] | None:
    try:
        found = json.loads(word)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _text(path: Path) -> str:
    try:
        return _bytes(path).decode()
    except UnicodeDecodeError as error:
        raise OutputFileError(f"the file is no text in UTF-8: {error}") from None


def _bytes(path: Path) -> bytes:
    if path.is_dir():
        raise OutputFileError("a file is expected, and the program wrote a folder")
    try:
        with path.open("rb") as file:
            data = file.read(TEXT_BYTES_MAX + 1)
    except FileNotFoundError:
        raise _nothing(path) from None
    if len(data) > TEXT_BYTES_MAX:
        raise OutputFileError(f"it has more than {TEXT_BYTES_MAX >> 20} MiB; declare a file")
    return data


def _entries(path: Path) -> list[Path]:
    if not path.is_dir():
        raise (
            _nothing(path) if not path.exists() else OutputFileError("a folder is expected, with a file for each item")
        )
    return list(path.iterdir())


def _index(name: str) -> int:
    if not name.isdigit():
        raise OutputFileError(f"the items of a list are the files 0, 1, 2, ..., and there is {name!r}")
    return int(name)


def _nothing(path: Path) -> OutputFileError:
    return OutputFileError(f"the program left nothing named {path.name}", missing=True)
