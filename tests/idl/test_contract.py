"""What clients rely on stays as it is: Flyte's messages, and what was once added to them."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2 as pb

from tests.idl import frozen
from tests.idl.compare import facts

ROOT = Path(__file__).resolve().parents[2]
BUF = Path(sys.executable).parent / "buf"


def named(items, name: str):
    """Return the descriptor that is called `name`."""
    return next(item for item in items if item.name == name)


@pytest.fixture(scope="module")
def contract() -> pb.FileDescriptorSet:
    files = frozen.combined(frozen.stock_as_ours(), frozen.frozen())
    files.file.extend(frozen.well_known(files))
    return files


def breaking(contract: pb.FileDescriptorSet, folder: Path) -> list[str]:
    """Return what `buf breaking` says of our .proto files against a contract."""
    image = folder / "contract.binpb"
    image.write_bytes(contract.SerializeToString())
    command = [BUF, "breaking", "--against", image]
    done = subprocess.run(command, cwd=ROOT / "idl", capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_all_that_was_added_is_frozen() -> None:
    """`make freeze` writes it down, so that a change to it shows up in review."""
    assert frozen.additions(frozen.stock_as_ours(), frozen.our_files()) == frozen.frozen()


def test_flyte_and_what_is_frozen_make_the_whole_contract(contract: pb.FileDescriptorSet) -> None:
    ours = facts(frozen.our_files())
    assert {name: line for name, line in facts(contract.file).items() if "google." not in name} == ours


def test_nothing_of_the_contract_is_broken(contract: pb.FileDescriptorSet, tmp_path: Path) -> None:
    assert breaking(contract, tmp_path) == []


def renumber_flytes_field(files: dict[str, pb.FileDescriptorProto]) -> None:
    named(named(files["flytelike/core/literals.proto"].message_type, "Blob").field, "uri").number = 4


def retype_our_field(files: dict[str, pb.FileDescriptorProto]) -> None:
    execution = named(files["flytelike/admin/node_execution.proto"].message_type, "NodeExecutionMetaData")
    named(execution.field, "name").type = pb.FieldDescriptorProto.TYPE_BYTES


def add_value(files: dict[str, pb.FileDescriptorProto]) -> None:
    files["flytelike/core/types.proto"].enum_type[0].value.add(name="QUATERNION", number=77)


def add_rpc(files: dict[str, pb.FileDescriptorProto]) -> None:
    watch = files["flytelike/service/watch.proto"].service[0]
    watch.method.add(name="WatchAll", input_type=watch.method[0].input_type, output_type=watch.method[0].output_type)


def add_file(files: dict[str, pb.FileDescriptorProto]) -> None:
    files["more"] = pb.FileDescriptorProto(name="flytelike/core/more.proto", package="flytelike.core", syntax="proto3")


@pytest.mark.parametrize("plant", [renumber_flytes_field, retype_our_field, add_value, add_rpc, add_file])
def test_a_contract_that_asks_for_something_else_is_seen(
    plant: Callable[[dict[str, pb.FileDescriptorProto]], None], contract: pb.FileDescriptorSet, tmp_path: Path
) -> None:
    files = {file.name: file for file in pb.FileDescriptorSet.FromString(contract.SerializeToString()).file}
    plant(files)
    assert breaking(pb.FileDescriptorSet(file=files.values()), tmp_path) != []
