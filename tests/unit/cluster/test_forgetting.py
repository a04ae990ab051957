"""What operators keep of deleted executions goes before their objects; a name is free once there is no object of it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from flytelike.cluster.forgetting import StatesOfOperators, StrangersInCluster, rules_in
from flytelike.cluster.launching import LaunchedByObjects
from flytelike.controlplane.collecting.policy import Rule
from flytelike.controlplane.errors import Refusal
from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.ids import ExecutionId
from propeller.kube.errors import ObjectChanged, Unavailable
from propeller.kube.ports import FLYTE_WORKFLOWS
from propeller.kube.resource import FORGET_ANNOTATION, stands_for
from tests.kube.examples import request
from tests.kube.fake_objects import FakeObjects

NAMESPACE = "flights-development"
E1, E2 = (ExecutionId("flights", "development", name) for name in ("e1", "e2"))


def live(body: Callable[[FakeObjects, StatesOfOperators], Awaitable[None]]) -> None:
    """Run a body on a cluster with an object of e1."""

    async def main() -> None:
        objects = FakeObjects()
        await LaunchedByObjects(objects).launch(replace(request(), id=E1))
        await body(objects, StatesOfOperators(objects))

    asyncio.run(main())


def test_an_execution_is_held_until_its_object_is_gone() -> None:
    async def body(objects: FakeObjects, states: StatesOfOperators) -> None:
        assert await states.forget([E1, E2]) == [E1]
        found = await objects.get(FLYTE_WORKFLOWS, NAMESPACE, "e1")
        assert FORGET_ANNOTATION in found["metadata"]["annotations"]
        assert await states.forget([E1]) == [E1]
        assert objects.calls.count("merge") == 1, "it is asked for once"
        await objects.merge(FLYTE_WORKFLOWS, NAMESPACE, "e1", {"metadata": {"finalizers": []}})
        await objects.delete(FLYTE_WORKFLOWS, NAMESPACE, "e1")
        assert await states.forget([E1]) == []

    live(body)


def test_the_object_of_somebody_else_is_left_alone() -> None:
    async def body(objects: FakeObjects, states: StatesOfOperators) -> None:
        found = await objects.get(FLYTE_WORKFLOWS, NAMESPACE, "e1")
        assert stands_for(found, E1)
        assert not stands_for(found, replace(E1, project="flights-development"))
        document = {**found, "spec": {"execution": {**found["spec"]["execution"], "project": "other"}}}
        await objects.replace(FLYTE_WORKFLOWS, document)
        assert await states.forget([E1]) == []
        assert "merge" not in objects.calls

    live(body)


def test_an_object_that_is_replaced_meanwhile_is_looked_at_again() -> None:
    class Replaced(FakeObjects):
        async def merge(self, *_args: object, **_given: object) -> dict[str, object]:
            raise ObjectChanged(409, "Conflict", "another object has this name")

    async def main() -> None:
        objects = Replaced()
        await LaunchedByObjects(objects).launch(replace(request(), id=E1))
        assert await StatesOfOperators(objects).forget([E1]) == [E1]

    asyncio.run(main())


def test_a_cluster_that_does_not_answer_ends_the_collection() -> None:
    async def body(objects: FakeObjects, states: StatesOfOperators) -> None:
        objects.trouble = [Unavailable(503, "", "away")]
        with pytest.raises(Refusal, match="cluster-unavailable"):
            await states.forget([E1])

    live(body)


def test_whoever_made_an_object_its_execution_is_known() -> None:
    async def body(objects: FakeObjects, _states: StatesOfOperators) -> None:
        launcher = LaunchedByObjects(objects)
        for number in range(3):
            await launcher.launch(replace(request(), id=replace(E1, name=f"m{number}"), inputs_uri=f"s3://b/{number}"))
        found = await StrangersInCluster(objects).strangers()
        assert [one.execution.name for one in found] == ["e1", "m0", "m1", "m2"]
        assert found[1].inputs_uri == "s3://b/0"

    live(body)


def test_rules_are_those_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "retention.yaml"
    file.write_text("executions: [{older_than: 1s}]")
    assert rules_in(file).rules == (Rule(1_000_000_000),)
    assert not rules_in(None)


@pytest.mark.parametrize("text", [None, "engine_states: 3d", "every: 1s"])
def test_rules_that_cannot_hold_in_a_cluster_are_told(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "retention.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(DiagnosticError, match="invalid-retention"):
        rules_in(file)
