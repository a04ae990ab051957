"""The control plane's launcher in a cluster: one object for each execution, however often it is asked for."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from flytelike.cluster.launching import AnotherExecution, LaunchedByObjects
from flytelike.cluster.namespaces import Namespaces
from flytelike.controlplane.errors import Refusal
from propeller.kube.ports import FLYTE_WORKFLOWS, NAMESPACES, Selection
from propeller.kube.project_domain import ATTRIBUTES, STATE, project_domain_from_json
from propeller.kube.resource import Abort, resource_from_json
from tests.kube.examples import full_request, request
from tests.kube.fake_objects import FakeObjects

NAMESPACE = "flights-development"


def live(body: Callable[[FakeObjects, LaunchedByObjects], Awaitable[None]], objects: FakeObjects | None = None) -> None:
    async def main() -> None:
        made = objects or FakeObjects()
        await body(made, LaunchedByObjects(made))

    asyncio.run(main())


def test_an_execution_is_launched_once() -> None:
    async def body(objects: FakeObjects, launcher: LaunchedByObjects) -> None:
        await launcher.launch(full_request())
        made = await objects.get(FLYTE_WORKFLOWS, NAMESPACE, "e1")
        await launcher.launch(full_request())
        assert await objects.get(FLYTE_WORKFLOWS, NAMESPACE, "e1") == made
        assert resource_from_json(made).request == full_request()

    live(body)


class WithoutNamespaces(FakeObjects):
    """Takes objects in namespaces that are there alone, as the API server does."""

    async def create(self, kind, namespace, document):
        if namespace:
            await self.get(NAMESPACES, "", namespace)
        return await super().create(kind, namespace, document)


def test_the_first_execution_of_a_project_makes_its_namespace() -> None:
    async def body(objects: FakeObjects, launcher: LaunchedByObjects) -> None:
        await launcher.launch(request("e1"))
        await launcher.launch(request("e2"))
        found = project_domain_from_json(await objects.get(NAMESPACES, "", NAMESPACE))
        assert (found.project, found.domain, found.prepared) == ("flights", "development", False)
        assert len((await objects.page(Selection(FLYTE_WORKFLOWS, NAMESPACE), 10)).items) == 2

    live(body, WithoutNamespaces())


def test_who_makes_namespaces_by_hand_is_asked_to() -> None:
    async def body(objects: FakeObjects, launcher: LaunchedByObjects) -> None:
        with pytest.raises(Refusal, match="there is no flights-development"):
            await LaunchedByObjects(objects, makes_namespaces=False).launch(request("e1"))

    live(body, WithoutNamespaces())


@pytest.mark.parametrize("malformed", [False, True])
def test_namespaces_of_archived_projects_say_so(malformed: bool) -> None:
    async def body(objects: FakeObjects, launcher: LaunchedByObjects) -> None:
        namespaces = Namespaces(objects)
        for project in ("flights", "trains", "theirs"):
            await namespaces.ensure(project, "development")
        if malformed:
            await objects.merge(NAMESPACES, "", NAMESPACE, {"metadata": {"annotations": {ATTRIBUTES: "{"}}})

        async def archived() -> list[str]:
            found = (await objects.page(Selection(NAMESPACES, labels=f"{STATE}=archived"), 10)).items
            return [one["metadata"]["name"] for one in found]

        assert await namespaces.projects() == {"flights", "trains", "theirs"}
        await namespaces.mark({"flights": True, "trains": False})
        assert await archived() == [NAMESPACE]
        before = objects.calls.count("merge")
        await namespaces.mark({"flights": True, "trains": False})
        assert objects.calls.count("merge") == before, "nothing is written where all is so already"
        await namespaces.mark({"flights": False, "trains": False})
        assert await archived() == []

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
