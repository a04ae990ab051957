"""Pods wait for what belongs into their namespace, and for nothing else."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from flytelike.model.diagnostic import Diagnostic
from propeller.app.prepared_namespaces import PreparedNamespaces
from propeller.kube.ports import NAMESPACES
from propeller.kube.project_domain import ATTRIBUTES, PREPARED, TROUBLE, namespace_to_json
from tests.kube.fake_objects import FakeObjects
from tests.unit.pods.builders import KEY

PLACE = "flights-development"


class Pod:
    """A pod that is to be made; what it was told."""

    def __init__(self, prepared: PreparedNamespaces, namespace: str = PLACE) -> None:
        self.told: list[Diagnostic] = []
        pod = {"metadata": {"namespace": namespace}}
        self.task = asyncio.get_running_loop().create_task(prepared.admitted(KEY, pod, self.told.append))

    async def waits(self, text: str) -> None:
        while not self.told or text not in self.told[-1].headline:
            assert not self.task.done()
            await asyncio.sleep(0)


def live(body: Callable[[FakeObjects, PreparedNamespaces], Awaitable[None]]) -> None:
    async def main() -> None:
        objects = FakeObjects()
        await objects.create(NAMESPACES, "", namespace_to_json("flights", "development"))
        prepared = PreparedNamespaces(objects)
        looking = asyncio.get_running_loop().create_task(prepared.run())
        async with asyncio.timeout(20):
            await body(objects, prepared)
        looking.cancel()
        await asyncio.wait([looking])

    asyncio.run(main())


async def note(objects: FakeObjects, **notes: str) -> None:
    names = {"prepared": PREPARED, "trouble": TROUBLE, "attributes": ATTRIBUTES}
    patch = {"metadata": {"annotations": {names[name]: value for name, value in notes.items()}}}
    await objects.merge(NAMESPACES, "", PLACE, patch)


def test_a_pod_waits_until_its_namespace_is_prepared() -> None:
    async def body(objects: FakeObjects, prepared: PreparedNamespaces) -> None:
        pod = Pod(prepared)
        await pod.waits("is being made")
        await note(objects, trouble="no value for `x`")
        await pod.waits("no value for `x`")
        await note(objects, prepared="true")
        await pod.task
        assert {one.code for one in pod.told} == {"namespace-not-prepared"}

    live(body)


def test_a_later_trouble_holds_nobody_up() -> None:
    async def body(objects: FakeObjects, prepared: PreparedNamespaces) -> None:
        await note(objects, prepared="true", trouble="no value for `x`")
        pod = Pod(prepared)
        await pod.task
        assert pod.told == []

    live(body)


def test_a_namespace_that_cannot_be_read_is_not_prepared() -> None:
    async def body(objects: FakeObjects, prepared: PreparedNamespaces) -> None:
        await note(objects, prepared="true", attributes="{")
        pod = Pod(prepared)
        await pod.waits("is being made")
        await objects.merge(NAMESPACES, "", PLACE, {"metadata": {"annotations": {ATTRIBUTES: None}}})
        await pod.task

    live(body)


@pytest.mark.parametrize("gone", [False, True])
def test_namespaces_of_others_are_not_waited_for(gone: bool) -> None:
    async def body(objects: FakeObjects, prepared: PreparedNamespaces) -> None:
        pod = Pod(prepared, PLACE if gone else "theirs")
        if gone:
            await pod.waits("is being made")
            await objects.delete(NAMESPACES, "", PLACE)
        await pod.task

    live(body)
