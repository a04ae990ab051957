"""A plain container's inputs as files: one for each variable, and one document of all.

The layout is that of Flyte's co-pilot: text for what is simple, the data themselves for files and folders, a folder
with `0`, `1`, ... for a list and with its keys for a map; beside them `inputs.pb`, and `inputs.json` or `inputs.yaml`.
"""

import base64
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import assert_never

from flytelike.codec.literals import literal_from_proto, literal_map_to_proto
from flytelike.model.graph import MetadataFormat
from flytelike.model.literals import (
    Binary,
    Blob,
    Collection,
    ErrorValue,
    GenericStruct,
    Instant,
    Literal,
    Map,
    Offloaded,
    Primitive,
    SchemaValue,
    Span,
    StructuredDataset,
    UnionValue,
    Void,
)
from flytelike.model.types import Json
from flytelike.storage import Store
from flytelike_idl.core import literals_pb2

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND_NS = 1_000_000_000


def write_inputs(inputs: Mapping[str, Literal], folder: Path, layout: MetadataFormat, store: Store) -> None:
    """Write inputs below a folder, which is made.

    Args:
        inputs: The values by name.
        folder: Where to write.
        layout: In which format the document of all is written, beside `inputs.pb`.
        store: Gives the content of files and folders.

    Raises:
        StorageError: Something that an input names is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    writing = _Writing(store)
    told = {name: writing.write(literal, folder / name) for name, literal in inputs.items()}
    document = literal_map_to_proto(inputs).SerializeToString(deterministic=True)
    (folder / "inputs.pb").write_bytes(document)
    match layout:
        case MetadataFormat.JSON:
            (folder / "inputs.json").write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
        case MetadataFormat.YAML:
            import yaml  # noqa: PLC0415 - few tasks ask for it

            text = yaml.safe_dump(told, allow_unicode=True, sort_keys=False)
            (folder / "inputs.yaml").write_text(text, encoding="utf-8")
        case MetadataFormat.PROTO:
            pass
        case _:
            assert_never(layout)


class _Writing:
    def __init__(self, store: Store) -> None:
        self._store = store

    def write(self, literal: Literal, path: Path) -> Json:
        """Write a value at a path; return it as the document of all shows it."""
        match literal.value:
            case Primitive(value):
                text = text_of(value)
                path.write_text(text, encoding="utf-8")
                return text if isinstance(value, Instant | Span) else value
            case Void():
                path.write_text("null")
                return None
            case Blob(uri, kind):
                return self._fetch(uri, path, whole=kind.multipart)
            case SchemaValue(uri) | StructuredDataset(uri):
                return self._fetch(uri, path, whole=True)
            case Binary(data):
                path.write_bytes(data)
                return base64.b64encode(data).decode()
            case GenericStruct() | ErrorValue():
                return _write_text(literal.value, path)
            case UnionValue(inner):
                return self.write(inner, path)
            case Collection(items):
                path.mkdir()
                return [self.write(item, path / str(index)) for index, item in enumerate(items)]
            case Map(items):
                path.mkdir()
                return {key: self.write(item, path / _file_name(key)) for key, item in items.items()}
            case Offloaded(uri):
                return self.write(literal_from_proto(literals_pb2.Literal.FromString(self._store.get(uri))), path)
            case _ as never:
                assert_never(never)

    def _fetch(self, uri: str, path: Path, *, whole: bool) -> str:
        if whole and not self._is_file(uri):
            path.mkdir(exist_ok=True)
            self._store.download_directory(uri, path)
        else:
            self._store.download_file(uri, path)
        return str(path)

    def _is_file(self, uri: str) -> bool:
        return self._store.exists(uri)


def _write_text(value: GenericStruct | ErrorValue, path: Path) -> Json:
    text = value.json if isinstance(value, GenericStruct) else value.message
    path.write_text(text, encoding="utf-8")
    told: Json = json.loads(text) if isinstance(value, GenericStruct) else text
    return told


def text_of(value: float | str | bool | Instant | Span) -> str:
    """Return a simple value as its file holds it: Go's notation, since Flyte's co-pilot writes that."""
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return _float_text(value)
        case Instant(ns):
            seconds, rest = divmod(ns, _SECOND_NS)
            fraction = f".{rest:09}".rstrip("0") if rest else ""
            return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}{fraction}Z"
        case Span(ns):
            return _span_text(ns)
        case _:
            return str(value)


def _float_text(value: float) -> str:
    """Return a number without an exponent, and a whole one without a point."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _span_text(ns: int) -> str:
    """Return a length of time as Go writes it: `1h2m3.5s`."""
    seconds, rest = divmod(abs(ns), _SECOND_NS)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{rest:09}".rstrip("0") if rest else ""
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if hours or minutes else "", f"{seconds}{fraction}s"]
    return ("-" if ns < 0 else "") + "".join(parts)


def _file_name(key: str) -> str:
    """Return a map's key if it can be the name of a file in its own folder; raises ValueError."""
    if not key or "/" in key or "\0" in key or key in {".", ".."}:
        raise ValueError(f"the key {key!r} of a map cannot be the name of a file")
    return key
