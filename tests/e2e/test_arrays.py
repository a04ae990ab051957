"""Arrays on the whole platform: what elements give, how they fail, and what one can see of them."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from flytelike.cli.authored import Authored, author, registered
from flytelike.cli.elements import element_attempt, element_line, show_elements
from flytelike.cli.packing import Packing
from flytelike.cli.tree import counted_elements
from flytelike.embedded.folder import DataFolder
from flytelike.embedded.platform import Platform, PlatformOptions
from flytelike.model.graph import ArrayTarget, MinSuccesses, MinSuccessRatio
from flytelike.model.ids import ExecutionId, Identifier, ResourceKind
from flytelike.model.literals import Collection, Literal, Primitive
from flytelike.model.phases import WorkflowPhase
from flytelike.remote import Client, executions
from flytelike.sdk.modules import load
from flytelike.types.inputs import json_from_literal
from flytelike_idl.admin import execution_pb2, node_execution_pb2
from tests.mapping import mapped

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

SOURCE = """
import os
from flytelike import task, workflow

@task
def risky(x: int) -> int:
    if x % 10 == 3:
        raise ValueError(f"cannot take {x}")
    if x == 25:
        os._exit(9)
    if x % 10 == 7:
        print(f"seven in {x}")
    return 2 * x

@task
def plus(x: int, y: int) -> int:
    return x + y

@workflow
def some(x: int) -> int:
    return risky(x=x)

@workflow
def strict(x: int) -> int:
    return risky(x=x)

@workflow
def paired(x: int, y: int) -> int:
    return plus(x=x, y=y)

@workflow
def inner(x: int) -> int:
    return plus(x=risky(x=x), y=1)

@workflow
def nested(x: int) -> int:
    return inner(x=x)
"""


def at_least(count: int):
    return lambda target: replace(target, success=MinSuccesses(count))


def shared(target: ArrayTarget) -> ArrayTarget:
    return replace(target, bound_inputs=("y",))


NAMES = {
    "some": at_least(20),
    "strict": lambda target: target,
    "paired": shared,
    "nested": lambda target: replace(target, success=MinSuccessRatio(0.5), parallelism=2),
}


class Site:
    """A running platform with the workflows above."""

    def __init__(self, client: Client, authored: Authored) -> None:
        self.client = client
        self.authored = authored

    async def started(self, workflow: str, **inputs: object) -> ExecutionId:
        name = f"maps.{workflow}"
        plan = Identifier(ResourceKind.LAUNCH_PLAN, "flytesnacks", "development", name, self.authored.version)
        given = {key: _literal(value) for key, value in inputs.items()}
        return await executions.create(self.client, "flytesnacks", "development", plan, given)

    async def ended(self, execution: ExecutionId) -> execution_pb2.Execution:
        found = execution_pb2.Execution()
        async for update in executions.watch(self.client, execution):
            if update.HasField("execution"):
                found = update.execution
        return found

    async def output(self, execution: ExecutionId) -> object:
        record = await self.ended(execution)
        assert WorkflowPhase(record.closure.phase) is WorkflowPhase.SUCCEEDED, record.closure.error.message
        _, outputs = await executions.data(self.client, execution)
        return json_from_literal(outputs["o0"])

    async def array(self, execution: ExecutionId) -> node_execution_pb2.NodeExecution:
        return next(node for node in await executions.nodes(self.client, execution) if node.metadata.is_array)


def _literal(value: object) -> Literal:
    if isinstance(value, range | list):
        return Literal(Collection(tuple(_literal(item) for item in value)))
    assert isinstance(value, int)
    return Literal(Primitive(value))


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def site(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    root = tmp_path_factory.mktemp("arrays")
    (root / "maps.py").write_text(SOURCE)
    folder = DataFolder.at(root / "data")
    folder.prepare()
    loaded = load([root / "maps.py"])
    authored = mapped(author(loaded, loaded.entities, "flytesnacks", "development", Packing()), NAMES)
    async with Platform(folder, PlatformOptions()) as platform, Client(platform.endpoint.grpc) as client:
        await registered(client, authored)
        yield Site(client, authored)


async def test_with_enough_successes_the_failed_are_none(site: Site) -> None:
    execution = await site.started("some", x=range(30))
    expected = [None if x % 10 == 3 or x == 25 else 2 * x for x in range(30)]
    assert await site.output(execution) == expected


async def test_what_became_of_elements_can_be_looked_at(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    execution = await site.started("some", x=range(30))
    await site.ended(execution)
    array = await site.array(execution)
    assert counted_elements(array) == "26 of 30, 4 failed"
    failed = [one async for one in executions.elements(site.client, array.id, only_failed=True)]
    assert [one.index for one in failed] == [3, 13, 23, 25]
    assert element_line(failed[1]) == "     13  failed  USER:ValueError: ValueError: cannot take 13"
    assert failed[3].error.code == "RetriesExhausted|NonZeroExit"
    one = await element_attempt(site.client, array.id, 17, None)
    assert b"".join([data async for data in executions.logs(site.client, one, follow=False)]) == b"seven in 17\n"
    await show_elements(site.client, array.id, only_failed=False, as_json=True)
    shown = json.loads(capsys.readouterr().out)
    assert [row["phase"] for row in shown] == ["failed" if x in {3, 13, 23, 25} else "succeeded" for x in range(30)]
    attempts = await executions.attempts(site.client, array.id)
    resources = attempts[-1].closure.metadata.external_resources
    assert [one.index for one in resources] == list(range(30))


async def test_one_failure_fails_an_array_that_needs_all(site: Site) -> None:
    record = await site.ended(await site.started("strict", x=range(30)))
    assert WorkflowPhase(record.closure.phase) is WorkflowPhase.FAILED
    assert "elements failed, 30 must succeed. The first failure: element" in record.closure.error.message


@pytest.mark.parametrize(("x", "y", "expected"), [(range(3), 10, [10, 11, 12]), ([], 5, [])])
async def test_inputs_may_be_shared_and_lists_empty(site: Site, x: object, y: int, expected: object) -> None:
    assert await site.output(await site.started("paired", x=x, y=y)) == expected


async def test_sub_workflows_are_mapped_with_their_nodes(site: Site) -> None:
    execution = await site.started("nested", x=[1, 3, 4])
    assert await site.output(execution) == [3, None, 9]
    paths = {node.id.node_id for node in await executions.nodes(site.client, execution)}
    assert {"n0", "n0.0.0", "n0.0.0.0.n0", "n0.0.2.0.n1"} <= paths
