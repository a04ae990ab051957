"""Plain containers: a program of this machine that finds its inputs as files and leaves its outputs as files."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from flytelike.codec.literals import literal_map_from_proto, literal_map_to_proto
from flytelike.model.failure import Fault
from flytelike.model.graph import DataFiles, DownloadMode, MetadataFormat, UploadMode
from flytelike.model.interface import TypedInterface, Variable
from flytelike.model.literals import Blob, Collection, Literal, Map, Primitive, UnionValue
from flytelike.model.types import FLOAT, INTEGER, STRING, BlobType, CollectionType, LiteralType, MapType
from flytelike_idl.core import literals_pb2
from propeller.executors.process import ImageEnvironment
from propeller.ports import AttemptSpec
from tests.unit.executor.builders import Bench, gone

pytestmark = pytest.mark.anyio

FOLDERS = DataFiles("/var/inputs", "/var/outputs")


def plain(
    bench: Bench,
    script: str,
    inputs: Mapping[str, Literal | object] | None = None,
    outputs: Mapping[str, LiteralType] | None = None,
    data: DataFiles = FOLDERS,
    **options: object,
) -> AttemptSpec:
    """Return an attempt of a shell script in a plain container."""
    spec = bench.site.spec(("sh", "-ec", script), **options)
    literals = {
        name: value if isinstance(value, Literal) else Literal(Primitive(value))
        for name, value in (inputs or {}).items()
    }
    Path(spec.inputs_uri).write_bytes(literal_map_to_proto(literals).SerializeToString())
    assert spec.task.container is not None
    interface = TypedInterface(outputs={name: Variable(kind) for name, kind in (outputs or {}).items()})
    container = replace(spec.task.container, data=data)
    return replace(spec, task=replace(spec.task, type="raw-container", interface=interface, container=container))


def given(spec: AttemptSpec) -> dict[str, Literal]:
    """Return the outputs that an attempt stored."""
    document = Path(f"{spec.output_prefix}/outputs.pb").read_bytes()
    return literal_map_from_proto(literals_pb2.LiteralMap.FromString(document))


async def said(bench: Bench, spec: AttemptSpec) -> str:
    """Run an attempt that succeeds; return what it printed."""
    ended = await bench.end_of(spec)
    assert ended.failure is None, ended.failure
    return (await bench.log(spec.key)).decode()


async def test_a_program_reads_files_and_writes_files(bench: Bench) -> None:
    script = (
        "echo $(( $(cat /var/inputs/a) + {{.inputs.b}} )) > /var/outputs/sum; printf 'two words' > /var/outputs/said"
    )
    spec = plain(bench, script, {"a": 2, "b": 3}, {"sum": INTEGER, "said": STRING})
    assert (await bench.end_of(spec)).failure is None
    assert given(spec) == {"sum": Literal(Primitive(5)), "said": Literal(Primitive("two words"))}


async def test_folders_have_flytes_names_if_the_task_says_none(bench: Bench) -> None:
    spec = plain(bench, "cp /var/flyte/inputs/a /var/flyte/outputs/b", {"a": 7}, {"b": INTEGER}, DataFiles())
    assert (await bench.end_of(spec)).failure is None
    assert given(spec)["b"] == Literal(Primitive(7))


async def test_a_value_that_names_a_folder_stays_as_it_is(bench: Bench) -> None:
    spec = plain(bench, "echo {{.inputs.a}} /x/var/inputs /var/inputs-2", {"a": "/var/inputs/a"})
    assert await said(bench, spec) == "/var/inputs/a /x/var/inputs /var/inputs-2\n"


async def test_lists_and_maps_are_folders(bench: Bench) -> None:
    items = Literal(Collection((Literal(Primitive("x")), Literal(Primitive("y")))))
    pairs = Literal(Map({"k": Literal(Primitive(1.5))}))
    script = "cat /var/inputs/l/0 /var/inputs/l/1 /var/inputs/m/k; cp -r /var/inputs/l /var/inputs/m /var/outputs"
    kinds = {"l": LiteralType(CollectionType(STRING)), "m": LiteralType(MapType(FLOAT))}
    spec = plain(bench, script, {"l": items, "m": pairs}, kinds)
    assert await said(bench, spec) == "xy1.5"
    assert given(spec) == {"l": items, "m": pairs}


@pytest.mark.parametrize("folder", [False, True])
async def test_files_and_folders_are_copied_in_and_out(bench: Bench, tmp_path: Path, folder: bool) -> None:
    source = tmp_path / "source"
    if folder:
        (source / "deep").mkdir(parents=True)
        (source / "deep" / "file").write_text("content")
    else:
        source.write_text("content")
    kind = BlobType("txt", multipart=folder)
    script = "cp -r /var/inputs/i /var/outputs/o"
    spec = plain(bench, script, {"i": Literal(Blob(str(source), kind))}, {"o": LiteralType(kind)})
    assert (await bench.end_of(spec)).failure is None
    stored = given(spec)["o"]
    assert isinstance(stored.value, Blob)
    assert stored.value.uri.startswith(spec.raw_output_prefix)
    assert stored.hash.startswith("sha256:")
    found = Path(stored.value.uri)
    assert (found / "deep" / "file" if folder else found).read_text() == "content"


@pytest.mark.parametrize(
    ("layout", "file", "read"),
    [(MetadataFormat.JSON, "inputs.json", json.loads), (MetadataFormat.YAML, "inputs.yaml", yaml.safe_load)],
)
async def test_all_inputs_are_in_one_document_too(
    bench: Bench, layout: MetadataFormat, file: str, read: Callable[[str], object]
) -> None:
    inner = Literal(UnionValue(Literal(Primitive("ü")), STRING))
    spec = plain(
        bench,
        f"cat /var/inputs/{file}; test -s /var/inputs/inputs.pb",
        {"a": 1, "b": True, "c": inner},
        data=replace(FOLDERS, format=layout),
    )
    text = await said(bench, spec)
    assert read(text) == {"a": 1, "b": True, "c": "ü"}


async def test_nothing_is_copied_where_the_task_says_so(bench: Bench) -> None:
    data = replace(FOLDERS, download=DownloadMode.NONE, upload=UploadMode.NONE)
    spec = plain(bench, "ls -A /var/inputs; echo x > /var/outputs/o", {"a": 1}, {"o": INTEGER}, data)
    failure = (await bench.end_of(spec)).failure
    assert await bench.log(spec.key) == b""
    assert failure is None


@pytest.mark.parametrize(
    ("script", "kind", "code", "retryable", "text"),
    [
        ("true", INTEGER, "OutputsNotFound", False, "left nothing named o"),
        ("echo x > /var/outputs/o", INTEGER, "OutputTypeMismatch", False, "'x' is no integer"),
        ("mkdir /var/outputs/o", INTEGER, "OutputTypeMismatch", False, "wrote a folder"),
        ("echo why >&2; exit 3", INTEGER, "NonZeroExit", True, "exit code 3.\n\nThe last it printed:\nwhy"),
        ("echo bad data > /var/outputs/_ERROR", INTEGER, "USER:ContainerError", True, "bad data"),
    ],
)
async def test_a_program_that_fails(
    bench: Bench, script: str, kind: LiteralType, code: str, retryable: bool, text: str
) -> None:
    failure = (await bench.end_of(plain(bench, script, outputs={"o": kind}))).failure
    assert failure is not None
    assert (failure.code, failure.fault, failure.retryable) == (code, Fault.USER, retryable)
    assert text in failure.message


async def test_a_program_that_is_not_there_is_told_with_what_to_do(bench: Bench) -> None:
    spec = plain(bench, "")
    assert spec.task.container is not None
    container = replace(spec.task.container, args=("no-such-program",))
    failure = (await bench.end_of(replace(spec, task=replace(spec.task, container=container)))).failure
    assert failure is not None
    assert failure.code == "ProgramNotFound"
    assert "--image 'image=FOLDER'" in failure.message


async def test_a_program_that_takes_too_long_is_gone(bench: Bench, tmp_path: Path) -> None:
    spec = plain(bench, f"echo $$ > {tmp_path}/pid; exec sleep 60", timeout_ms=300)
    failure = (await bench.end_of(spec)).failure
    assert failure is not None
    assert failure.code == "TimeoutExpired"
    assert await gone(int((tmp_path / "pid").read_text()))


async def test_the_programs_of_the_images_environment_come_first(tmp_path: Path) -> None:
    program = tmp_path / "env" / "bin" / "hello"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "$VIRTUAL_ENV ${PYTHONPATH:-none}"\n')
    program.chmod(0o755)
    bench = Bench(tmp_path, images=(ImageEnvironment("image", tmp_path / "env"),))
    try:
        assert await said(bench, plain(bench, "hello")) == f"{tmp_path}/env none\n"
    finally:
        await bench.close()


async def test_each_program_tells_its_own_peak_though_one_worker_sees_to_them_all(bench: Bench) -> None:
    peaks = []
    for mebibytes in (400, 300):
        spec = plain(bench, f"{sys.executable} -c \"x = b'x' * ({mebibytes} << 20)\"")
        assert (await bench.end_of(spec)).failure is None
        used = bench.listener.used[spec.key]
        assert used is not None
        peaks.append(used.memory_peak_bytes >> 20)
    assert 400 < peaks[0] < 450
    assert 300 < peaks[1] < 350
