"""Several replicas of the operator share shards, and take each other's over."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from flytelike.model.phases import WorkflowPhase
from propeller.app.sharding import SHARD_LABEL
from propeller.app.shards import SHARD
from propeller.kube.client import KubernetesClient
from propeller.kube.errors import ObjectNotFound
from propeller.kube.lease import LEASES, lease_from_json
from propeller.kube.ports import FLYTE_WORKFLOWS, Objects
from propeller.kube.resource import resource_from_json
from propeller.kube.status import NodeCounts
from tests.kube.control_plane import ControlPlane
from tests.kube.executing import PROGRAM, Site, create, operating, until_ended
from tests.kube.operator_process import OperatorProcess
from tests.services.kubernetes import connected
from tests.unit.propeller_engine.builders import chain

WAITING = """
import os, sys, time
with open({runs!r}, "a") as file:
    file.write("run\\n")
while not os.path.exists({gate!r}):
    time.sleep(0.02)
"""
"""A program that goes on once a file is there."""


def live(plane: ControlPlane, body: Callable[[KubernetesClient], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(110), connected(plane) as client:
            await body(client)

    asyncio.run(main())


async def owner_of(objects: Objects, namespace: str, shard: int) -> str:
    """Return who has a shard; nobody if no replica has asked for it yet."""
    try:
        return lease_from_json(await objects.get(LEASES, namespace, f"{SHARD}{shard}")).holder
    except ObjectNotFound:
        return ""


async def until(happened: Callable[[], Awaitable[bool]]) -> None:
    while not await happened():
        await asyncio.sleep(0.05)


def test_two_replicas_share_shards_and_one_hands_over_when_it_stops(
    api_server: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    site = Site(tmp_path)
    options = replace(site.options(api_server, namespace), shards=4, lease_s=3)

    async def body(client: KubernetesClient) -> None:
        async def owners() -> set[str]:
            return {await owner_of(client, namespace, shard) for shard in range(4)}

        async with operating(replace(options, holder="ada")):
            async with operating(replace(options, holder="bob")):
                await until(lambda: _is(owners, {"ada", "bob"}))
                for number in range(6):
                    await create(client, site.request(f"e{number}", chain(2)), namespace)
                shards = set()
                for number in range(6):
                    ended = await until_ended(client, namespace, f"e{number}")
                    assert (ended.status.phase, ended.status.nodes.succeeded) == (WorkflowPhase.SUCCEEDED, 2)
                    shards.add(ended.metadata.labels[SHARD_LABEL])
                assert shards <= {"0", "1", "2", "3"}
            await until(lambda: _is(owners, {"ada"}))
            for number in range(6, 10):
                await create(client, site.request(f"e{number}", chain(2)), namespace)
            for number in range(6, 10):
                assert (await until_ended(client, namespace, f"e{number}")).status.nodes.succeeded == 2

    live(api_server, body)


async def _is(owners: Callable[[], Awaitable[set[str]]], wanted: set[str]) -> bool:
    return await owners() == wanted


@pytest.mark.slow
@pytest.mark.postgres
def test_a_paused_replica_changes_nothing_when_it_wakes(
    api_server: ControlPlane, namespace: str, tmp_path: Path, postgres_url: str
) -> None:
    """It sleeps (SIGSTOP) over the end of its lease, in the midst of a task; another one finishes what it began."""
    site, runs, gate = Site(tmp_path), tmp_path / "runs", tmp_path / "gate"
    options = replace(site.options(api_server, namespace, postgres_url), lease_s=3)
    program = WAITING.format(runs=str(runs), gate=str(gate)) + PROGRAM

    async def body(client: KubernetesClient) -> None:
        with OperatorProcess(replace(options, holder="ada", work=tmp_path / "ada")) as ada:
            await create(client, site.request("e1", chain(3), program), namespace)
            await until(lambda: _lines(runs, 1))
            ada.pause()
            with OperatorProcess(replace(options, holder="bob", work=tmp_path / "bob")) as bob:
                await until(lambda: _lines(runs, 2))
                assert await owner_of(client, namespace, 0) == "bob"
                gate.touch()
                ended = await until_ended(client, namespace, "e1")
                assert ended.status.phase is WorkflowPhase.SUCCEEDED
                assert ended.status.nodes == NodeCounts(total=3, succeeded=3)
                ada.go_on()
                # It has heard that the shard is another's, and goes on as a replica without one.
                await until(lambda: _says(ada, "is `bob`'s now"))
                assert ada.running.poll() is None
                again = resource_from_json(await client.get(FLYTE_WORKFLOWS, namespace, "e1"))
                assert again.metadata.resource_version == ended.metadata.resource_version
                assert await bob.stop() == 0, bob.log.read_text()
            await create(client, site.request("e2", chain(3), program), namespace)
            assert (await until_ended(client, namespace, "e2")).status.nodes.succeeded == 3
            assert await owner_of(client, namespace, 0) == "ada"

    live(api_server, body)


async def _lines(file: Path, count: int) -> bool:
    return file.exists() and len(file.read_text().splitlines()) >= count


async def _says(operator: OperatorProcess, text: str) -> bool:
    return text in operator.log.read_text()
