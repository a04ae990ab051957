"""What passes by itself: it is tried again, and told as what it is."""

import asyncio
from pathlib import Path

import pytest

from flytelike.controlplane import dispatch
from flytelike.controlplane.database import Work
from flytelike.controlplane.errors import Refusal, Status, refusal
from flytelike.controlplane.repository.executions import unfinished_business
from flytelike.embedded.adapters import ChildrenOfPlane
from flytelike.embedded.closures import ClosuresOfPlane
from flytelike.model.ids import NodeExecutionId, NodePath
from flytelike.model.queued import Queued
from flytelike.model.trouble import Trouble
from flytelike.remote import Client, RemoteError, ServerUnreachable, executions, maintenance
from flytelike.storage import OutOfSpace, Store, StoreConfig
from propeller.ports import BlobsFull, ChildRefused, GraphRefused
from propeller.stores.blobs import BlobsOnStore
from tests.unit.controlplane.builders import Running, a_task, create_execution, execution_id, module, plan_id

pytestmark = pytest.mark.anyio
LOCKED = refusal(Status.UNAVAILABLE, "database-locked", "another process holds the database", "try again")
WRONG = refusal(Status.INVALID_ARGUMENT, "missing-input", "there is no `x`")


def raising(error: Exception):
    async def fail(*_: object, **__: object) -> None:
        raise error

    return fail


async def test_what_cannot_be_read_now_is_handed_over_later(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that does not answer just then must not end the trying."""
    monkeypatch.setattr(dispatch, "FIRST_DELAY_S", 0.001)
    running.launcher.failing = True
    await running.registration.Register(module())
    await running.admin.CreateExecution(create_execution("run"))
    running.launcher.failing = False
    read, refusals = running.plane.database.read, iter(range(3))

    async def locked(work: Work[object]) -> object:
        if work is unfinished_business and next(refusals, None) is not None:
            raise refusal(Status.UNAVAILABLE, "database-locked", "somebody holds it")
        return await read(work)

    monkeypatch.setattr(running.plane.database, "read", locked)
    await asyncio.wait_for(running.launcher.told.wait(), 30)
    assert [request.id for request in running.launcher.launched] == [execution_id()]


async def test_what_a_server_that_died_left_undone_is_handed_over_by_another(running: Running) -> None:
    """It had written the execution down, and died before it told the launcher."""
    running.launcher.failing = True
    await running.registration.Register(module())
    await running.admin.CreateExecution(create_execution("run"))
    assert running.launcher.launched == []
    await running.plane.dispatch.close()
    running.launcher.failing = False
    running.plane.dispatch.keep_looking(0.01)
    await asyncio.wait_for(running.launcher.told.wait(), 30)
    assert running.launcher.launched[0].id == execution_id()


async def test_who_asks_is_told_what_executions_wait_for(running: Running) -> None:
    here, elsewhere = execution_id(), execution_id("other")
    running.launcher.waits_for = [
        Trouble("disk-full", "no room", 5, frozenset({elsewhere})),
        Trouble("database-locked", "held", 7, frozenset({here, elsewhere})),
        Trouble("store-unavailable", "away", 9),
    ]
    async with Client(running.addresses.grpc) as client:
        told = await maintenance.troubles(client)
        assert [(it.code, it.message, it.executions) for it in told] == [
            ("disk-full", "no room", 1),
            ("database-locked", "held", 2),
            ("store-unavailable", "away", 0),
        ]
        assert [it.code for it in await maintenance.troubles(client, here)] == ["database-locked", "store-unavailable"]


async def test_who_asks_is_told_the_place_of_work_that_waits_for_a_worker(running: Running) -> None:
    running.launcher.in_line = {execution_id(): [Queued(NodePath("n0"), 1, 3, 12, "1 CPU")]}
    async with Client(running.addresses.grpc) as client:
        (told,) = await maintenance.queued(client, execution_id())
        assert (told.node_id, told.attempt, told.place, told.of, told.what) == ("n0", 1, 3, 12, "1 CPU")
        assert not await maintenance.queued(client, execution_id("other"))


async def test_a_client_is_told_why_and_not_that_nobody_answers(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running.plane.database, "read", raising(LOCKED))
    async with Client(running.addresses.grpc) as client:
        with pytest.raises(ServerUnreachable, match="another process holds") as told:
            await executions.get(client, execution_id())
    assert [it.code for it in told.value.diagnostics] == ["database-locked"]


@pytest.mark.parametrize(("error", "expected"), [(LOCKED, Refusal), (WRONG, ChildRefused)])
async def test_a_child_is_refused_for_its_own_faults_only(
    running: Running, monkeypatch: pytest.MonkeyPatch, error: Refusal, expected: type[Exception]
) -> None:
    monkeypatch.setattr(running.plane.children, "start_child", raising(error))
    with pytest.raises(expected):
        await ChildrenOfPlane(running.plane).start(
            NodeExecutionId(execution_id(), NodePath("n0")), 0, plan_id(), "mem://inputs"
        )


@pytest.mark.parametrize(("error", "expected"), [(LOCKED, Refusal), (WRONG, GraphRefused)])
async def test_a_graph_is_refused_for_its_own_faults_only(
    running: Running, monkeypatch: pytest.MonkeyPatch, error: Refusal, expected: type[Exception]
) -> None:
    monkeypatch.setattr(running.plane.graphs, "compile", raising(error))
    with pytest.raises(expected):
        await ClosuresOfPlane(running.plane, Store(StoreConfig())).compile(execution_id(), a_task(), "mem://futures")


async def test_a_full_disk_is_told_from_a_store_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(StoreConfig())
    monkeypatch.setattr(store, "put_async", raising(OutOfSpace("file:///x", "no space left")))
    with pytest.raises(BlobsFull, match="no space left"):
        await BlobsOnStore(store).write(f"{tmp_path}/x", b"1")


async def test_a_full_object_store_is_told_as_what_passes(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """An eager task asks again then, and does not fail."""
    await running.registration.Register(module())
    monkeypatch.setattr(running.plane.store, "put_async", raising(OutOfSpace("file:///x", "no space left")))
    async with Client(running.addresses.grpc) as client:
        with pytest.raises(RemoteError, match="no space left") as told:
            await client.call(client.admin.CreateExecution(create_execution("run")))
    assert [it.code for it in told.value.diagnostics] == ["disk-full"]
    assert told.value.passing
    assert not RemoteError("INVALID_ARGUMENT", "no").passing
    assert not RemoteError("RESOURCE_EXHAUSTED", "too many").passing
