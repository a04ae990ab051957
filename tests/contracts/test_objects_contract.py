"""Kubernetes' objects: the real API server through our client, and the fake that stands for it, answer alike."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from propeller.kube.errors import Expired, ObjectChanged, ObjectExists, ObjectNotFound
from propeller.kube.ports import FLYTE_WORKFLOWS, Change, Json, Objects, ResourceKind, Selection
from tests.kube.examples import document
from tests.kube.fake_objects import FakeObjects
from tests.services.kubernetes import connected

Body = Callable[[Objects, str], Awaitable[None]]


@asynccontextmanager
async def opened(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[tuple[Objects, str]]:
    if kind == "fake":
        yield FakeObjects(), "one"
        return
    plane = request.getfixturevalue("api_server")
    namespace = f"contract-{uuid.uuid4().hex[:12]}"
    await asyncio.to_thread(plane.kubectl, "create", "namespace", namespace)
    async with connected(plane) as client:
        yield client, namespace


@pytest.fixture(params=["fake", "real"])
def run(request: pytest.FixtureRequest) -> Callable[[Body], None]:
    kind = request.param
    if kind == "real":
        request.getfixturevalue("api_server")

    def run(body: Body) -> None:
        async def main() -> None:
            async with asyncio.timeout(60), opened(kind, request) as (objects, namespace):
                await body(objects, namespace)

        asyncio.run(main())

    return run


def test_what_was_created_is_returned(run) -> None:
    async def body(objects: Objects, namespace: str) -> None:
        made = await objects.create(FLYTE_WORKFLOWS, namespace, document("e1", namespace))
        found = await objects.get(FLYTE_WORKFLOWS, namespace, "e1")
        assert found["spec"] == made["spec"] == document("e1", namespace)["spec"]
        assert found["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"] != ""
        assert found["metadata"]["generation"] == 1

    run(body)


def test_a_name_is_taken_once(run) -> None:
    async def body(objects: Objects, namespace: str) -> None:
        await objects.create(FLYTE_WORKFLOWS, namespace, document("e1", namespace))
        with pytest.raises(ObjectExists):
            await objects.create(FLYTE_WORKFLOWS, namespace, document("e1", namespace))

    run(body)


QUOTAS = ResourceKind("", "v1", "resourcequotas")


def quota(hard: dict[str, str], **labels: str) -> Json:
    metadata = {"name": "q", "labels": labels}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": hard}}


def test_what_is_applied_is_so_afterwards_whoever_changed_it(run) -> None:
    async def body(objects: Objects, namespace: str) -> None:
        made = await objects.apply(QUOTAS, namespace, quota({"pods": "5", "secrets": "3"}, a="1"), "us")
        assert made["spec"]["hard"] == {"pods": "5", "secrets": "3"}
        again = await objects.apply(QUOTAS, namespace, quota({"pods": "5", "secrets": "3"}, a="1"), "us")
        assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"], "nothing was to be written"
        theirs = {"metadata": {"labels": {"theirs": "yes"}}, "spec": {"hard": {"pods": "500"}}}
        await objects.merge(QUOTAS, namespace, "q", theirs)
        back = await objects.apply(QUOTAS, namespace, quota({"pods": "5"}, a="1"), "us")
        assert back["spec"]["hard"] == {"pods": "5"}, "put back, and taken away what is not applied any more"
        assert back["metadata"]["labels"] == {"a": "1", "theirs": "yes"}, "what others added stays"

    run(body)


def test_what_is_not_there_cannot_be_read_changed_or_deleted(run) -> None:
    async def body(objects: Objects, namespace: str) -> None:
        with pytest.raises(ObjectNotFound):
            await objects.get(FLYTE_WORKFLOWS, namespace, "e1")
        with pytest.raises(ObjectNotFound):
            await objects.merge(FLYTE_WORKFLOWS, namespace, "e1", {"metadata": {"labels": {"a": "b"}}})
        with pytest.raises(ObjectNotFound):
            await objects.delete(FLYTE_WORKFLOWS, namespace, "e1")

    run(body)


def test_pages_hold_the_selected_objects_once(run) -> None:
    async def body(objects: Objects, namespace: str) -> None:
        for number in range(5):
            await objects.create(FLYTE_WORKFLOWS, namespace, document(f"e{number}", namespace, odd=str(number % 2)))
        names, more = [], ""
        while True:
            page = await objects.page(Selection(FLYTE_WORKFLOWS, namespace), 2, more)
            names += [item["metadata"]["name"] for item in page.items]
            more = page.more
            if not more:
                break
        assert names == ["e0", "e1", "e2", "e3", "e4"]
        odd = await objects.page(Selection(FLYTE_WORKFLOWS, namespace, "odd=1"), 10)
        assert [item["metadata"]["name"] for item in odd.items] == ["e1", "e3"]

    run(body)


def test_the_status_is_apart_from_the_rest(run) -> None:
    """Who writes the status changes nothing else, and the other way round; only the rest counts generations."""

    async def body(objects: Objects, namespace: str) -> None:
        made = await objects.create(FLYTE_WORKFLOWS, namespace, document("e1", namespace))
        told = {**made, "status": {"phase": "RUNNING"}, "spec": {**made["spec"], "abort": {"cause": "no"}}}
        told = await objects.replace(FLYTE_WORKFLOWS, told, "status")
        assert told["status"] == {"phase": "RUNNING"}
        assert "abort" not in told["spec"]
        wished = {**told, "status": {"phase": "FAILED"}, "spec": {**made["spec"], "abort": {"cause": "enough"}}}
        wished = await objects.replace(FLYTE_WORKFLOWS, wished)
        assert wished["status"] == {"phase": "RUNNING"}
        assert wished["spec"]["abort"] == {"cause": "enough"}
        assert (told["metadata"]["generation"], wished["metadata"]["generation"]) == (1, 2)

    run(body)


@pytest.mark.parametrize("way", ["replace", "merge"])
def test_an_old_version_is_not_written_over(run, way: str) -> None:
    async def body(objects: Objects, namespace: str) -> None:
        made = await objects.create(FLYTE_WORKFLOWS, namespace, document("e1", namespace))
        await objects.merge(FLYTE_WORKFLOWS, namespace, "e1", {"metadata": {"labels": {"a": "b"}}})
        version = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}}
        written = (
            objects.replace(FLYTE_WORKFLOWS, {**made, "status": {"phase": "RUNNING"}}, "status")
            if way == "replace"
            else objects.merge(FLYTE_WORKFLOWS, namespace, "e1", version | {"status": {"phase": "RUNNING"}}, "status")
        )
        with pytest.raises(ObjectChanged):
            await written
        assert "status" not in await objects.get(FLYTE_WORKFLOWS, namespace, "e1")

    run(body)


def test_a_finalizer_keeps_what_is_deleted(run) -> None:
    async def body(objects: Objects, namespace: str) -> None:
        kept = document("e1", namespace)
        kept["metadata"]["finalizers"] = ["flytelike.dev/propeller"]
        await objects.create(FLYTE_WORKFLOWS, namespace, kept)
        await objects.delete(FLYTE_WORKFLOWS, namespace, "e1")
        found = await objects.get(FLYTE_WORKFLOWS, namespace, "e1")
        assert found["metadata"]["deletionTimestamp"]
        await objects.merge(FLYTE_WORKFLOWS, namespace, "e1", {"metadata": {"finalizers": []}})
        with pytest.raises(ObjectNotFound):
            await objects.get(FLYTE_WORKFLOWS, namespace, "e1")

    run(body)


def test_only_the_object_that_is_meant_is_deleted(run) -> None:
    async def body(objects: Objects, namespace: str) -> None:
        await objects.create(FLYTE_WORKFLOWS, namespace, document("e1", namespace))
        with pytest.raises(ObjectChanged):
            await objects.delete(FLYTE_WORKFLOWS, namespace, "e1", uid="another")
        assert await objects.get(FLYTE_WORKFLOWS, namespace, "e1")

    run(body)


def test_a_watch_tells_what_changed_since_a_version_in_order(run) -> None:
    async def body(objects: Objects, namespace: str) -> None:
        selection = Selection(FLYTE_WORKFLOWS, namespace)
        await objects.create(FLYTE_WORKFLOWS, namespace, document("before", namespace))
        since = (await objects.page(selection, 10)).resource_version
        await objects.create(FLYTE_WORKFLOWS, namespace, document("e1", namespace))
        await objects.merge(FLYTE_WORKFLOWS, namespace, "e1", {"metadata": {"labels": {"a": "b"}}})
        await objects.delete(FLYTE_WORKFLOWS, namespace, "before")
        told = []
        async for event in objects.watch(selection, since, 30):
            if event.change is not Change.BOOKMARK:
                told.append((event.change, event.object["metadata"]["name"]))
            if len(told) == 3:
                break
        assert told == [(Change.ADDED, "e1"), (Change.MODIFIED, "e1"), (Change.DELETED, "before")]

    run(body)


def test_a_version_of_long_ago_cannot_be_watched(run) -> None:
    async def body(objects: Objects, namespace: str) -> None:
        await objects.create(FLYTE_WORKFLOWS, namespace, document("e1", namespace))
        if isinstance(objects, FakeObjects):
            objects.forget()
        await objects.create(FLYTE_WORKFLOWS, namespace, document("e2", namespace))
        with pytest.raises(Expired):
            async for _ in objects.watch(Selection(FLYTE_WORKFLOWS, namespace), "1", 30):
                pass

    run(body)
