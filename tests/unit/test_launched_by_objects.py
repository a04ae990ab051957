"""The control plane's launcher in a cluster: one object for each execution, however often it is asked for."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from flytelike.cluster.launching import AnotherExecution, LaunchedByObjects
from propeller.kube.ports import FLYTE_WORKFLOWS
from propeller.kube.resource import Abort, resource_from_json
from tests.kube.examples import full_request, request
from tests.kube.fake_objects import FakeObjects

NAMESPACE = "flights-development"


def live(body: Callable[[FakeObjects, LaunchedByObjects], Awaitable[None]]) -> None:
    async def main() -> None:
        objects = FakeObjects()
        await body(objects, LaunchedByObjects(objects))

    asyncio.run(main())


def test_an_execution_is_launched_once() -> None:
    async def body(objects: FakeObjects, launcher: LaunchedByObjects) -> None:
        await launcher.launch(full_request())
        made = await objects.get(FLYTE_WORKFLOWS, NAMESPACE, "e1")
        await launcher.launch(full_request())
        assert await objects.get(FLYTE_WORKFLOWS, NAMESPACE, "e1") == made
        assert resource_from_json(made).request == full_request()

    live(body)


def test_another_execution_under_the_name_is_told() -> None:
    async def body(objects: FakeObjects, launcher: LaunchedByObjects) -> None:
        await launcher.launch(request())
        with pytest.raises(AnotherExecution):
            await launcher.launch(replace(request(), inputs_uri="s3://other"))

    live(body)


def test_the_wish_to_end_is_written_into_the_object() -> None:
    async def body(objects: FakeObjects, launcher: LaunchedByObjects) -> None:
        await launcher.launch(request())
        await launcher.abort(request().id, "x" * 5000, "ann")
        found = resource_from_json(await objects.get(FLYTE_WORKFLOWS, NAMESPACE, "e1"))
        assert found.abort == Abort("x" * 1024, "ann")

    live(body)


def test_what_is_not_there_any_more_need_not_end() -> None:
    async def body(objects: FakeObjects, launcher: LaunchedByObjects) -> None:
        await launcher.abort(request().id, "enough", "ann")

    live(body)
