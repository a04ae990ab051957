"""Namespaces are kept as templates say: on the fake, where every order of things can be had."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from propeller.app.cluster_resources import ClusterResources, ClusterResourceSettings
from propeller.kube.cluster_templates import KINDS, MANAGED
from propeller.kube.errors import KubernetesError, ObjectNotFound, Refused, Unavailable
from propeller.kube.ports import EVENTS, NAMESPACES, Json, ResourceKind, Selection
from propeller.kube.project_domain import (
    ATTRIBUTES,
    PREPARED,
    STATE,
    TROUBLE,
    ProjectDomain,
    namespace_to_json,
)
from tests.kube.fake_objects import FakeObjects
from tests.kube.tenant_templates import TEXTS, settings

PLACE = "flights-development"
QUOTAS = KINDS["v1", "ResourceQuota"]
ACCOUNTS = KINDS["v1", "ServiceAccount"]


@asynccontextmanager
async def keeping(objects: FakeObjects, chosen: ClusterResourceSettings) -> AsyncIterator[None]:
    task = asyncio.get_running_loop().create_task(ClusterResources(objects, chosen).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def live(body: Callable[[FakeObjects], Awaitable[None]], objects: FakeObjects | None = None) -> None:
    async def main() -> None:
        made = objects or FakeObjects()
        await made.create(NAMESPACES, "", namespace_to_json("flights", "development"))
        async with asyncio.timeout(20):
            await body(made)

    asyncio.run(main())


async def until(
    objects: FakeObjects, kind: ResourceKind, namespace: str, name: str, true: Callable[[Json], Any]
) -> Json:
    """Return an object once something is true of it."""
    while True:
        try:
            found = await objects.get(kind, namespace, name)
            if true(found):
                return found
        except ObjectNotFound:
            pass
        await asyncio.sleep(0)


def notes(found: Json) -> Json:
    return found["metadata"].get("annotations") or {}


async def until_prepared(objects: FakeObjects) -> Json:
    return await until(
        objects, NAMESPACES, "", PLACE, lambda it: notes(it).get(PREPARED) and not notes(it).get(TROUBLE)
    )


def is_marked(found: Json) -> bool:
    return MANAGED in found["metadata"]["labels"]


def hard(pods: int) -> Callable[[Json], bool]:
    return lambda quota: quota["spec"]["hard"]["pods"] == pods


def test_a_new_namespace_gets_all_that_belongs_there() -> None:
    async def body(objects: FakeObjects) -> None:
        async with keeping(objects, settings()):
            found = await until_prepared(objects)
        assert found["metadata"]["labels"]["team"] == "flights"
        for kind in KINDS.values():
            if kind != NAMESPACES:
                (one,) = (await objects.page(Selection(kind, PLACE, f"{MANAGED}=true"), 10)).items
                assert one["metadata"]["namespace"] == PLACE

    live(body)


def test_namespaces_of_others_are_left_alone() -> None:
    async def body(objects: FakeObjects) -> None:
        await objects.create(NAMESPACES, "", {"metadata": {"name": "theirs", "labels": {}}})
        async with keeping(objects, settings()):
            await until_prepared(objects)
        assert not (await objects.page(Selection(QUOTAS, "theirs"), 10)).items
        assert not notes(await objects.get(NAMESPACES, "", "theirs"))

    live(body)


@pytest.mark.parametrize("change", ["changed", "label taken away", "deleted"])
def test_what_was_changed_by_hand_is_put_back(change: str) -> None:
    async def body(objects: FakeObjects) -> None:
        async with keeping(objects, settings()):
            await until_prepared(objects)
            if change == "changed":
                await objects.merge(QUOTAS, PLACE, "quota", {"spec": {"hard": {"pods": 500}}})
            elif change == "deleted":
                await objects.delete(QUOTAS, PLACE, "quota")
            else:
                await objects.merge(QUOTAS, PLACE, "quota", {"metadata": {"labels": {MANAGED: None}}})
            await until(
                objects, QUOTAS, PLACE, "quota", lambda it: hard(10)(it) and MANAGED in it["metadata"]["labels"]
            )

    live(body)


def test_once_all_is_as_it_should_be_nothing_is_written() -> None:
    async def body(objects: FakeObjects) -> None:
        async with keeping(objects, settings()):
            await until_prepared(objects)
            for _ in range(200):
                await asyncio.sleep(0)
            before = objects._version
            for _ in range(200):
                await asyncio.sleep(0)
            assert objects._version == before

    live(body)


def test_what_a_template_does_not_have_any_more_is_removed_and_nothing_else() -> None:
    async def body(objects: FakeObjects) -> None:
        await objects.create(QUOTAS, PLACE, {"metadata": {"name": "theirs"}, "spec": {}})
        async with keeping(objects, settings()):
            await until_prepared(objects)
        fewer = {name: text for name, text in TEXTS.items() if name not in {"quota.yaml", "account.yaml"}}
        async with keeping(objects, settings(fewer)):
            while (await objects.page(Selection(QUOTAS, PLACE, f"{MANAGED}=true"), 10)).items:
                await asyncio.sleep(0)
            while (await objects.page(Selection(ACCOUNTS, PLACE), 10)).items:
                await asyncio.sleep(0)
        assert (await objects.get(QUOTAS, PLACE, "theirs"))["spec"] == {}

    live(body)


@pytest.mark.parametrize("keep", [True, False])
def test_archived_projects_keep_theirs_or_lose_it(keep: bool) -> None:
    async def body(objects: FakeObjects) -> None:
        async with keeping(objects, settings(keep_archived=keep)):
            await until_prepared(objects)
            await objects.merge(NAMESPACES, "", PLACE, {"metadata": {"labels": {STATE: "archived"}}})
            if keep:
                await objects.delete(QUOTAS, PLACE, "quota")
                await until(objects, QUOTAS, PLACE, "quota", hard(10))
            else:
                while (await objects.page(Selection(QUOTAS, PLACE), 10)).items:
                    await asyncio.sleep(0)
                await objects.merge(NAMESPACES, "", PLACE, {"metadata": {"labels": {STATE: None}}})
                await until(objects, QUOTAS, PLACE, "quota", hard(10))

    live(body)


def test_the_nearest_value_counts() -> None:
    chosen = settings(
        domains={"development": {"b": "domain", "c": "domain", "d": "domain", "e": "domain"}},
        projects={
            "flights": {"c": "project", "d": "project", "e": "project"},
            "flights/development": {"d": "both", "e": "both"},
        },
        defaults=dict.fromkeys("abcde", "default"),
    )
    place = ProjectDomain(PLACE, "flights", "development", attributes={"e": "own"})
    found = {"a": "default", "b": "domain", "c": "project", "d": "both", "e": "own"}
    assert chosen.attributes(place) == found


def test_a_value_of_the_namespace_itself_counts_at_once() -> None:
    async def body(objects: FakeObjects) -> None:
        async with keeping(objects, settings()):
            await until_prepared(objects)
            own = {"metadata": {"annotations": {ATTRIBUTES: json.dumps({"pods": "77"})}}}
            await objects.merge(NAMESPACES, "", PLACE, own)
            await until(objects, QUOTAS, PLACE, "quota", hard(77))

    live(body)


@pytest.mark.parametrize(
    ("spoil", "mend", "told"),
    [
        ({ATTRIBUTES: "{"}, {ATTRIBUTES: None}, "not JSON"),
        ({ATTRIBUTES: '{"pods": 5}'}, {ATTRIBUTES: '{"pods": "5"}'}, "expected text, got a number"),
    ],
)
def test_a_trouble_is_told_and_goes_with_its_cause(spoil: Json, mend: Json, told: str) -> None:
    async def body(objects: FakeObjects) -> None:
        async with keeping(objects, settings()):
            await until_prepared(objects)
            await objects.merge(NAMESPACES, "", PLACE, {"metadata": {"annotations": spoil}})
            await until(objects, NAMESPACES, "", PLACE, lambda it: told in notes(it).get(TROUBLE, ""))
            while not (await objects.page(Selection(EVENTS, PLACE), 10)).items:
                await asyncio.sleep(0)
            (event,) = (await objects.page(Selection(EVENTS, PLACE), 10)).items
            assert told in event["message"]
            assert event["involvedObject"]["name"] == PLACE
            await objects.merge(NAMESPACES, "", PLACE, {"metadata": {"annotations": mend}})
            await until_prepared(objects)

    live(body)


def test_a_trouble_that_stays_is_told_once() -> None:
    async def body(objects: FakeObjects) -> None:
        async with keeping(objects, settings(defaults={"pods": "1"})):
            found = await until(objects, NAMESPACES, "", PLACE, lambda it: notes(it).get(TROUBLE))
            assert "no value for `projectQuotaCpu`" in notes(found)[TROUBLE]
            assert PREPARED not in notes(found)
            while not (await objects.page(Selection(EVENTS, PLACE), 10)).items:
                await asyncio.sleep(0)
            tries = objects.calls.count("create")
            for _ in range(20):
                await asyncio.sleep(0.01)
            assert objects.calls.count("create") == tries
            assert len((await objects.page(Selection(EVENTS, PLACE), 10)).items) == 1

    live(body)


class Troubled(FakeObjects):
    """Answers to applying with an error, as long as there is one."""

    error: KubernetesError | None = None

    async def apply(self, kind, namespace, document, manager):
        if self.error is not None:
            raise self.error
        return await super().apply(kind, namespace, document, manager)


@pytest.mark.parametrize("error", [Unavailable(500, "", "no time"), Refused(403, "Forbidden", "not yours")])
def test_what_the_api_server_did_not_do_is_tried_again(error: KubernetesError) -> None:
    async def body(objects: FakeObjects) -> None:
        assert isinstance(objects, Troubled)
        async with keeping(objects, settings()):
            await until_prepared(objects)
            objects.error = error
            await objects.delete(QUOTAS, PLACE, "quota")
            if isinstance(error, Refused):
                await until(objects, NAMESPACES, "", PLACE, lambda it: notes(it).get(TROUBLE) == "not yours")
            objects.error = None
            await until(objects, QUOTAS, PLACE, "quota", hard(10))
            await until_prepared(objects)

    live(body, Troubled())
