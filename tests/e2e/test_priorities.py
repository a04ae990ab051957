"""Priorities on the real thing: with one worker, what is more urgent overtakes what came before."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flytelike.cli.authored import author, registered
from flytelike.cli.get import show_execution
from flytelike.cli.packing import Packing
from flytelike.embedded.folder import DataFolder
from flytelike.embedded.platform import Platform, PlatformOptions
from flytelike.model.ids import ExecutionId, Identifier, ResourceKind
from flytelike.model.literals import Literal, Primitive
from flytelike.model.phases import TaskPhase, WorkflowPhase
from flytelike.model.priority import Priority
from flytelike.remote import Client, RemoteError, executions
from flytelike.sdk.modules import load
from tests.e2e.cli import flytelike

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

PLACE = ("flytesnacks", "development")

FLOWS = '''
from functools import partial

from flytelike import LaunchPlan, Priority, map_task, task, workflow


@task
def hold(gate: str) -> int:
    """Run until somebody opens the gate for writing."""
    with open(gate) as opened:
        return len(opened.read())


@task
def note(word: str, log: str) -> int:
    with open(log, "a") as file:
        file.write(word + "\\n")
    return 0


@workflow
def held(gate: str) -> int:
    return hold(gate=gate)


@workflow
def noted(word: str, log: str) -> int:
    return note(word=word, log=log)


@workflow
def pair(log: str) -> tuple[int, int]:
    slow = note(word="later", log=log)
    fast = note(word="sooner", log=log).with_overrides(priority=300)
    return slow, fast


@workflow
def noted_each(word: str, log: str) -> list[int]:
    return map_task(partial(note, log=log))(word=[word, word])


preferred = LaunchPlan.create("preferred", noted, priority=Priority.HIGH)
started = LaunchPlan.create("started", noted)


@workflow
def parent(log: str) -> int:
    return started(word="child", log=log).with_overrides(priority=200)
'''


class Site:
    """A running platform with one slot, and the workflows above."""

    def __init__(self, client: Client, version: str) -> None:
        self.client = client
        self.version = version

    async def begin(self, plan: str, priority: int | None = None, **inputs: str) -> ExecutionId:
        """Start an execution."""
        target = Identifier(ResourceKind.LAUNCH_PLAN, *PLACE, plan, self.version)
        given = {key: Literal(Primitive(value)) for key, value in inputs.items()}
        options = executions.ExecutionOptions(priority=priority)
        return await executions.create(self.client, *PLACE, target, given, options)

    async def waits(self, execution: ExecutionId, nodes: int = 1) -> None:
        """Return once nodes of an execution have started, so that its tasks wait for the executor."""
        seen = set()
        async for update in executions.watch(self.client, execution):
            seen |= {node.id.node_id for node in update.node_executions}
            if len(seen - {"start-node", "end-node"}) >= nodes:
                return

    async def ended(self, execution: ExecutionId) -> WorkflowPhase:
        phase = WorkflowPhase.UNDEFINED
        async for update in executions.watch(self.client, execution):
            if update.HasField("execution"):
                phase = WorkflowPhase(update.execution.closure.phase)
        return phase


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def site(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    root = tmp_path_factory.mktemp("priorities")
    (root / "urgency.py").write_text(FLOWS)
    folder = DataFolder.at(root / "data")
    folder.prepare()
    loaded = load([root / "urgency.py"])
    authored = author(loaded, loaded.entities, PLACE[0], PLACE[1], Packing())
    async with Platform(folder, PlatformOptions(slots=1)) as platform, Client(platform.endpoint.grpc) as client:
        await registered(client, authored)
        yield Site(client, authored.version)


async def test_with_one_worker_what_is_more_urgent_overtakes(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate, log = str(tmp_path / "gate"), str(tmp_path / "log")
    os.mkfifo(gate)
    holder = await site.begin("urgency.held", gate=gate)
    await site.waits(holder)
    plain = await site.begin("urgency.noted", word="plain", log=log)
    await site.waits(plain)
    low = await site.begin("urgency.noted", Priority.LOW, word="low", log=log)
    both = await site.begin("urgency.pair", log=log)
    of_plan = await site.begin("preferred", word="preferred", log=log)
    parent = await site.begin("urgency.parent", log=log)
    urgent = await site.begin("urgency.noted", 500, word="urgent", log=log)
    for execution, nodes in ((low, 1), (both, 2), (of_plan, 1), (parent, 1), (urgent, 1)):
        await site.waits(execution, nodes)
    children = await executions.recent(site.client, *PLACE, limit=1, filters=f"eq(parent_execution_name,{parent.name})")
    await site.waits(ExecutionId(*PLACE, children[0].id.name))
    await asyncio.to_thread(Path(gate).write_text, "go")
    for execution in (holder, plain, low, both, of_plan, parent, urgent):
        assert await site.ended(execution) is WorkflowPhase.SUCCEEDED
    assert Path(log).read_text().split() == ["urgent", "sooner", "child", "preferred", "plain", "later", "low"]
    await show_execution(site.client, urgent.name, *PLACE, as_json=False)
    assert "priority 500" in capsys.readouterr().out
    await show_execution(site.client, both.name, *PLACE, as_json=False)
    assert ", priority 300" in capsys.readouterr().out
    await show_execution(site.client, both.name, *PLACE, as_json=True)
    assert sorted(node["priority"] for node in json.loads(capsys.readouterr().out)["nodes"]) == [0, 300]


@pytest.mark.parametrize("plan", ["urgency.noted", "urgency.noted_each"])
async def test_events_say_what_a_node_waits_for(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str], plan: str
) -> None:
    gate, log = str(tmp_path / "gate"), str(tmp_path / "log")
    os.mkfifo(gate)
    holder = await site.begin("urgency.held", gate=gate)
    await site.waits(holder)
    waiting = await site.begin(plan, word="later", log=log)
    told: list[str] = []
    async for update in executions.watch(site.client, waiting):
        nodes = [node for node in update.node_executions if node.id.node_id == "n0"]
        told += [node.closure.waits for node in nodes]
        if told[-1:] > [""] and Path(gate).exists():
            assert told[-1] == "1 attempt: the platform uses 1 of 1 (place 1 of 1)"
            (attempt,) = await executions.attempts(site.client, nodes[-1].id)
            if plan == "urgency.noted":
                assert attempt.closure.phase == TaskPhase.WAITING_FOR_RESOURCES
                assert attempt.closure.reason == f"waits for {told[-1]}"
            await show_execution(site.client, waiting.name, *PLACE, as_json=False)
            assert "waits for 1 attempt: the platform uses 1 of 1, place 1 of 1 in line" in capsys.readouterr().out
            await asyncio.to_thread(Path(gate).write_text, "go")
            Path(gate).unlink()
    assert told[-1] == ""
    assert await site.ended(holder) is WorkflowPhase.SUCCEEDED
    assert "later" in Path(log).read_text()


async def test_the_server_refuses_a_priority_out_of_bounds(site: Site) -> None:
    with pytest.raises(RemoteError, match="the priority 5000 does not lie between -1000 and 1000"):
        await site.begin("urgency.noted", 5000, word="x", log="y")


@pytest.mark.parametrize("given", ["1001", "urgent"])
def test_the_command_line_refuses_what_is_no_priority(data: Path, given: str) -> None:
    told = flytelike(data, "execute", "none.py", "noted", "--priority", given)
    assert told.code == 2
    assert "none of high, medium, low, or a number from -1000 to 1000" in told.stderr
