"""What retention relies on: places that depend on the execution alone, logs that are measured and deleted, states."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from flytelike.cluster.logs import LogsInStore
from flytelike.controlplane.collecting.ports import LogKeeper
from flytelike.embedded.keepers import EngineLayout, LogFiles
from flytelike.model.ids import ExecutionId, NodePath
from flytelike.storage import Store, StoreConfig
from propeller.engine import places
from propeller.executors.pod.stored_logs import StoredLogs
from propeller.executors.process import AttemptLogs
from propeller.ports import AttemptKey
from tests.unit.controlplane.retention_world import FakeLogFiles

pytestmark = pytest.mark.anyio
PORTS = {"Layout": ("EngineLayout",), "LogKeeper": ("LogFiles", "LogsInStore", "FakeLogFiles")}
RUN, OTHER = ExecutionId("p", "d", "run"), ExecutionId("p", "d", "other")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


KEYS = [AttemptKey(execution, NodePath(path), 0) for execution, path in ((RUN, "n0"), (RUN, "n1/n0"), (OTHER, "n0"))]


async def files(folder: Path) -> LogKeeper:
    """The process executor's files: two attempts of `run` and one of `other` printed five bytes each."""
    logs = AttemptLogs(folder, 1_000)
    for key in KEYS:
        logs.begin(key)
        logs.append(key, b"hello")
        logs.end(key)
    keeper = LogFiles()
    keeper.connect(logs)
    return keeper


async def stored(folder: Path) -> LogKeeper:
    """The pod executor's: objects of the store."""
    store = Store(StoreConfig())
    logs = StoredLogs(store, f"{folder}/logs", 1_000)
    for key in KEYS:
        await (await logs.write(key)).write(b"hello")
    await logs.close()
    return LogsInStore(store, f"{folder}/logs")


async def fake(folder: Path) -> LogKeeper:
    del folder
    return FakeLogFiles({"run", "other"})


@pytest.mark.parametrize("make", [files, stored, fake])
async def test_logs_go_with_their_execution_alone(make: Callable[[Path], Awaitable[LogKeeper]], tmp_path: Path) -> None:
    keeper = await make(tmp_path)
    size, others = await keeper.log_bytes(RUN), await keeper.log_bytes(OTHER)
    assert size > 0
    assert await keeper.delete_logs(RUN) == size
    assert await keeper.log_bytes(RUN) == 0
    assert await keeper.delete_logs(RUN) == 0, "again is harmless"
    assert await keeper.log_bytes(OTHER) == others > 0


def test_places_are_where_the_engine_puts_things() -> None:
    layout = EngineLayout("mem://base/metadata")
    outputs = places.outputs_uri(layout.documents, RUN, NodePath("n0"), 0)
    assert outputs.startswith(f"{layout.documents}/{layout.document_folder(RUN)}/")
    raw = places.raw_prefix("mem://raw", RUN, NodePath("n0"), 0)
    _, shard, folder = raw.removeprefix("mem://").split("/", 2)
    assert layout.shard(RUN, folder) == shard
    assert layout.document_folder(RUN) != layout.document_folder(OTHER)
