"""The beginning of files, folders and tables that values refer to: as much as a page shows, however large they are."""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import msgpack
from google.protobuf import json_format

from flytelike.controlplane.errors import not_found
from flytelike.controlplane.table_head import NO_READER
from flytelike.controlplane.uploads import Uploads
from flytelike.storage import NotFound, Store
from flytelike_idl.core import literals_pb2

TEXT_BYTES = 64 * 1024
TABLE_BYTES = 64 << 20
"""How large a table's file may be to be looked into."""
FILES_MAX = 200
AT_ONCE = 2
"""How many tables are read at once."""
TABLE_S = 60
EXPIRY_S = 900
COPY_BYTES = 1 << 20

_IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")
_PARQUET = b"PAR1"


@dataclass(slots=True)
class StoredPreview:
    """What is shown of a file, folder or table; see `PreviewStoredResponse`."""

    kind: str = "other"
    size_bytes: int = 0
    url: str = ""
    text: str = ""
    cut: bool = False
    columns: list[tuple[str, str]] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    row_count: int = 0
    files: list[tuple[str, int]] = field(default_factory=list)
    note: str = ""


class StoredPreviews:
    """The use case of looking into what values refer to."""

    def __init__(self, store: Store, uploads: Uploads) -> None:
        """Read from `store`; `uploads` signs addresses."""
        self._store = store
        self._uploads = uploads
        self._reading = asyncio.Semaphore(AT_ONCE)

    async def preview(self, uri: str) -> StoredPreview:
        """Return the beginning of what lies at a uri in the platform's own store.

        Raises:
            Refusal: INVALID_ARGUMENT `outside-of-store`; NOT_FOUND when nothing is there.
        """
        url, _ = self._uploads.download_url(uri, EXPIRY_S)
        found = await asyncio.to_thread(self._look, uri)
        if found.kind != "folder":
            found.url = url
        table = uri if found.kind == "table" else _only_table(uri, found)
        if table is not None:
            found.kind = "table"
            async with self._reading:
                await asyncio.to_thread(self._read_table, table, found)
        return found

    def _look(self, uri: str) -> StoredPreview:
        """Return what a file begins with, or what a folder holds."""
        try:
            size = self._store.head(uri).size_bytes
        except NotFound:
            return self._folder(uri)
        with self._store.open_read(uri) as file:
            data = file.read(TEXT_BYTES)
        name = uri.rpartition("/")[2].lower()
        if data.startswith(_PARQUET):
            return StoredPreview("table", size)
        if data.startswith(_IMAGES) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP") or name.endswith(".svg"):
            return StoredPreview("image", size)
        text = text_of(data, whole=size <= len(data))
        if text is None:
            return StoredPreview("other", size)
        return StoredPreview("text", size, text=text, cut=size > len(data))

    def _folder(self, uri: str) -> StoredPreview:
        found = [(path, head.size_bytes) for path, head in islice(self._store.walk(uri), FILES_MAX + 1)]
        if not found:
            raise not_found("object", uri)
        total = sum(size for _, size in found)
        return StoredPreview("folder", total, files=found[:FILES_MAX], cut=len(found) > FILES_MAX)

    def _read_table(self, uri: str, found: StoredPreview) -> None:
        """Add the first rows of a table."""
        if self._store.head(uri).size_bytes > TABLE_BYTES:
            found.note = f"tables of more than {TABLE_BYTES >> 20} MB are not looked into"
            return
        with tempfile.TemporaryDirectory(prefix="flytelike-table-") as folder:
            draft = Path(folder) / "table"
            with self._store.open_read(uri) as source, draft.open("wb") as copy:
                if source.read(len(_PARQUET)) != _PARQUET:
                    found.note = "only tables in the format parquet can be shown"
                    return
                source.seek(0)
                shutil.copyfileobj(source, copy, COPY_BYTES)
            _add_head(draft, found)


def _add_head(file: Path, found: StoredPreview) -> None:
    command = [sys.executable, "-m", "flytelike.controlplane.table_head", str(file)]
    try:
        done = subprocess.run(command, check=False, capture_output=True, timeout=TABLE_S)  # noqa: S603 - ours
    except subprocess.TimeoutExpired:
        found.note = "reading the table took too long"
        return
    if done.returncode == NO_READER:
        found.note = "the server cannot read tables: pyarrow is not installed there"
        return
    if done.returncode:
        found.note = "the table cannot be read"
        return
    told = json.loads(done.stdout)
    found.columns = [(name, kind) for name, kind in told["columns"]]
    found.rows = told["rows"]
    found.row_count = told["total"]
    found.cut = told["cut"]


def _only_table(uri: str, found: StoredPreview) -> str | None:
    """Return the table that a folder is: one whose files are parts of a table, of which the first is shown."""
    if found.kind != "folder":
        return None
    parts = [path for path, _ in found.files if path.rpartition("/")[2].startswith("0000") or path.endswith(".parquet")]
    return f"{uri.rstrip('/')}/{parts[0]}" if len(parts) == len(found.files) else None


def text_of(data: bytes, *, whole: bool) -> str | None:
    """Return bytes as text; None for what is none. Unless they are `whole`, a character may be cut off at the end."""
    for missing in range(1 if whole else 4):
        try:
            text = data[: len(data) - missing].decode()
        except UnicodeDecodeError:
            continue
        return None if "\0" in text else text
    return None


def uris_in(literal: literals_pb2.Literal) -> Iterator[str]:
    """Yield where what a value refers to lies, at any depth."""
    match literal.WhichOneof("value"):
        case "collection":
            for item in literal.collection.literals:
                yield from uris_in(item)
        case "map":
            for item in literal.map.literals.values():
                yield from uris_in(item)
        case "scalar":
            yield from _uris_in_scalar(literal.scalar)
        case _:
            pass


def _uris_in_scalar(scalar: literals_pb2.Scalar) -> Iterator[str]:
    match scalar.WhichOneof("value"):
        case "blob":
            yield scalar.blob.uri
        case "structured_dataset":
            yield scalar.structured_dataset.uri
        case "schema":
            yield scalar.schema.uri
        case "union":
            yield from uris_in(scalar.union.value)
        case "binary":
            yield from _uris_in_document(_unpacked(scalar.binary.value))
        case "generic":
            yield from _uris_in_document(json_format.MessageToDict(scalar.generic))
        case _:
            pass


def _unpacked(data: bytes) -> object:
    """Return the plain data of a document; None for bytes that are none."""
    try:
        return msgpack.unpackb(data, strict_map_key=False)
    except (ValueError, msgpack.UnpackException):
        return None


def _uris_in_document(value: object) -> Iterator[str]:
    """Yield what may be the address of a file or table in a dataclass: `path` tells it of a file, `uri` of a table."""
    match value:
        case dict():
            for key in ("path", "uri"):
                if isinstance(found := value.get(key), str):
                    yield found
            for item in value.values():
                yield from _uris_in_document(item)
        case list():
            for item in value:
                yield from _uris_in_document(item)
        case _:
            pass
