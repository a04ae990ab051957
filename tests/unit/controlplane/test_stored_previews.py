"""What a page shows of the files, folders and tables that values refer to."""

import json
import subprocess
import sys
from pathlib import Path

import msgpack
import pyarrow as pa
import pytest
from google.protobuf import json_format, struct_pb2
from pyarrow import parquet

from flytelike.codec.ids import execution_id_to_proto
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import Refusal, Status
from flytelike.controlplane.rpc.console import ConsoleServicer
from flytelike.controlplane.stored_previews import TEXT_BYTES, StoredPreview, StoredPreviews, text_of, uris_in
from flytelike.controlplane.table_head import CELL, ROWS
from flytelike_idl.core import literals_pb2
from flytelike_idl.service import console_pb2 as pb
from tests.unit.controlplane.test_console_api import execute, execution_id, pages  # noqa: F401 - a fixture

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


async def looked(plane: ControlPlane, name: str, *files: tuple[str, bytes]) -> StoredPreview:
    """Return the preview of what was stored under a name."""
    root = f"{plane.settings.base}/shown"
    for path, data in files:
        plane.store.put(f"{root}/{path}", data)
    return await StoredPreviews(plane.store, plane.uploads).preview(f"{root}/{name}")


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.png", PNG, "image"),
        ("a", b"\xff\xd8\xff\xe0", "image"),
        ("a", b"RIFF\0\0\0\0WEBPVP8 ", "image"),
        ("a.svg", b"<svg/>", "image"),
        ("a.json", b"[1, 2]", "text"),
        ("a.txt", "Maß".encode(), "text"),
        ("a.bin", b"\0\1\2", "other"),
        ("a.txt", b"\xff\xfe", "other"),
    ],
)
async def test_a_file_is_known_by_its_content(plane: ControlPlane, name: str, data: bytes, kind: str) -> None:
    found = await looked(plane, name, (name, data))
    assert (found.kind, found.size_bytes) == (kind, len(data))
    assert found.url


async def test_a_long_text_is_cut_between_characters(plane: ControlPlane) -> None:
    found = await looked(plane, "long", ("long", b"x" + "ß".encode() * TEXT_BYTES))
    assert found.cut
    assert found.text == "x" + "ß" * (TEXT_BYTES // 2 - 1)


def test_what_is_no_text_is_not_shown_as_one() -> None:
    assert text_of(b"\xc3", whole=True) is None
    assert text_of(b"a\xc3", whole=False) == "a"
    assert text_of(b"a\0b", whole=True) is None


async def test_a_folder_shows_what_lies_in_it(plane: ControlPlane) -> None:
    found = await looked(plane, "folder", ("folder/a", b"1"), ("folder/b/c", b"23"))
    assert (found.kind, found.files, found.size_bytes) == ("folder", [("a", 1), ("b/c", 2)], 3)


def a_table(folder: Path, rows: int) -> bytes:
    file = folder / "table.parquet"
    parquet.write_table(pa.table({"n": list(range(rows)), "text": ["x" * 500] * rows}), file)
    return file.read_bytes()


@pytest.mark.parametrize("name", ["frame", "frame/00000"])
async def test_a_table_shows_its_head(plane: ControlPlane, tmp_path: Path, name: str) -> None:
    found = await looked(plane, name, ("frame/00000", a_table(tmp_path, 1000)))
    assert (found.kind, found.row_count, found.note) == ("table", 1000, "")
    assert found.columns == [("n", "int64"), ("text", "string")]
    assert len(found.rows) == ROWS
    assert found.rows[1] == ["1", "x" * (CELL - 1) + "…"]


async def test_a_broken_table_says_so(plane: ControlPlane) -> None:
    found = await looked(plane, "broken", ("broken", b"PAR1 and nothing"))
    assert (found.kind, found.rows, found.note) == ("table", [], "the table cannot be read")


def test_the_reader_of_tables_prints_one_document(tmp_path: Path) -> None:
    file = tmp_path / "t"
    file.write_bytes(a_table(tmp_path, 2))
    command = [sys.executable, "-m", "flytelike.controlplane.table_head", str(file)]
    done = subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert json.loads(done.stdout)["total"] == 2


@pytest.mark.parametrize("uri", ["file:///etc/passwd", "/etc/passwd", "s3://other/key"])
async def test_what_lies_outside_of_the_store_is_not_looked_at(plane: ControlPlane, uri: str) -> None:
    with pytest.raises(Refusal) as caught:
        await StoredPreviews(plane.store, plane.uploads).preview(uri)
    assert caught.value.diagnostics[0].code == "outside-of-store"


def a_blob(uri: str) -> literals_pb2.Literal:
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(blob=literals_pb2.Blob(uri=uri)))


def test_addresses_are_found_at_any_depth() -> None:
    table = literals_pb2.Literal(
        scalar=literals_pb2.Scalar(structured_dataset=literals_pb2.StructuredDataset(uri="table"))
    )
    maybe = literals_pb2.Literal(scalar=literals_pb2.Scalar(union=literals_pb2.Union(value=a_blob("maybe"))))
    many = literals_pb2.Literal(collection=literals_pb2.LiteralCollection(literals=[a_blob("one"), table]))
    literal = literals_pb2.Literal(map=literals_pb2.LiteralMap(literals={"a": many, "b": maybe}))
    assert sorted(uris_in(literal)) == ["maybe", "one", "table"]


def test_addresses_are_found_in_dataclasses() -> None:
    """As both SDKs store them: a document of MessagePack, or with old ones a struct."""
    value = {"name": "s3://no", "raw": {"path": "file"}, "parts": [{"uri": "table", "file_format": "parquet"}]}
    packed = literals_pb2.Binary(value=msgpack.packb(value), tag="msgpack")
    struct = json_format.ParseDict(value, struct_pb2.Struct())
    for scalar in (literals_pb2.Scalar(binary=packed), literals_pb2.Scalar(generic=struct)):
        assert sorted(uris_in(literals_pb2.Literal(scalar=scalar))) == ["file", "table"]


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x91" * 2000 + b"\xc0", msgpack.packb({1: "a"})])
def test_bytes_that_are_no_document_hold_no_address(data: bytes) -> None:
    literal = literals_pb2.Literal(scalar=literals_pb2.Scalar(binary=literals_pb2.Binary(value=data)))
    assert list(uris_in(literal)) == []


async def test_only_what_a_value_of_the_execution_refers_to_is_shown(
    plane: ControlPlane,
    pages: ConsoleServicer,  # noqa: F811 - the fixture
) -> None:
    """Whoever may see one execution learns nothing of the files of another."""
    await execute(plane, "run")
    secret = f"{plane.settings.base}/other/secret"
    plane.store.put(secret, b"secret")
    with pytest.raises(Refusal) as caught:
        await pages.preview_stored(
            pb.PreviewStoredRequest(execution=execution_id_to_proto(execution_id("run")), uri=secret)
        )
    assert caught.value.status is Status.NOT_FOUND
