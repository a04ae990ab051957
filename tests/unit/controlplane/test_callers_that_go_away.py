"""Whoever asks may go away at any moment: what was stored is handed over all the same."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from flytelike.codec.ids import execution_id_to_proto
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.rpc.executions import ExecutionServicer
from flytelike.controlplane.rpc.registration import RegistrationServicer
from flytelike_idl.admin import execution_pb2
from tests.unit.controlplane.builders import FakeLauncher, create_execution, execution_id, module

pytestmark = pytest.mark.anyio


async def going_away(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, asked: Callable[[], Awaitable[Any]]) -> None:
    """Ask for something, and be gone when the next transaction has been committed, before its answer is seen."""
    write = plane.database.write
    caller = asyncio.ensure_future(asked())

    async def committed(work: Any) -> Any:
        result = await write(work)
        caller.cancel()
        await asyncio.sleep(0)
        return result

    with monkeypatch.context() as patched:
        patched.setattr(plane.database, "write", committed)
        with pytest.raises(asyncio.CancelledError):
            await caller


async def test_an_execution_that_was_stored_is_launched(
    plane: ControlPlane, launcher: FakeLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await RegistrationServicer(plane).register(module())
    await going_away(plane, monkeypatch, lambda: ExecutionServicer(plane).create_execution(create_execution("run")))
    await asyncio.wait_for(launcher.told.wait(), 10)
    assert [request.id for request in launcher.launched] == [execution_id("run")]


async def test_an_abort_that_was_stored_is_told(
    plane: ControlPlane, launcher: FakeLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await RegistrationServicer(plane).register(module())
    servicer = ExecutionServicer(plane)
    await servicer.create_execution(create_execution("run"))
    wanted = execution_pb2.ExecutionTerminateRequest(id=execution_id_to_proto(execution_id("run")), cause="enough")
    await going_away(plane, monkeypatch, lambda: servicer.terminate_execution(wanted))
    for _ in range(1_000):
        if launcher.aborted:
            break
        await asyncio.sleep(0)
    assert [(execution, cause) for execution, cause, _ in launcher.aborted] == [(execution_id("run"), "enough")]
