"""Namespaces of projects on a real API server, which defaults, merges and remembers who set what."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from propeller.app.cluster_resources import MANAGER, ClusterResources, ClusterResourceSettings
from propeller.kube.client import KubernetesClient
from propeller.kube.cluster_templates import KINDS, MANAGED
from propeller.kube.errors import ObjectNotFound
from propeller.kube.ports import EVENTS, NAMESPACES, Json, ResourceKind, Selection
from propeller.kube.project_domain import PREPARED, TROUBLE, namespace_to_json
from tests.kube.control_plane import ControlPlane
from tests.kube.tenant_templates import TEXTS, settings
from tests.services.kubernetes import connected

QUOTAS, ROLES = KINDS["v1", "ResourceQuota"], KINDS["rbac.authorization.k8s.io/v1", "Role"]

_numbers = count()


@asynccontextmanager
async def keeping(client: KubernetesClient, chosen: ClusterResourceSettings) -> AsyncIterator[None]:
    task = asyncio.get_running_loop().create_task(ClusterResources(client, chosen).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


Body = Callable[[KubernetesClient, str], Awaitable[None]]


@pytest.fixture(scope="module")
def plane(kube_programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane where nobody else keeps namespaces."""
    made = ControlPlane(kube_programs, tmp_path_factory.mktemp("kube"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def run(plane: ControlPlane) -> Callable[[Body], None]:
    """Make a namespace of a project of the test's own."""

    def run(body: Body) -> None:
        async def main() -> None:
            async with asyncio.timeout(100), connected(plane) as client:
                place = namespace_to_json(f"project-{next(_numbers)}", "d")
                await client.create(NAMESPACES, "", place)
                await body(client, place["metadata"]["name"])

        asyncio.run(main())

    return run


async def until(
    client: KubernetesClient, kind: ResourceKind, namespace: str, name: str, true: Callable[[Json], Any]
) -> Json:
    while True:
        try:
            found = await client.get(kind, namespace, name)
            if true(found):
                return found
        except ObjectNotFound:
            pass
        await asyncio.sleep(0.02)


def prepared(found: Json) -> bool:
    notes = found["metadata"].get("annotations") or {}
    return PREPARED in notes and TROUBLE not in notes


def test_all_kinds_are_made_and_put_back(run: Any) -> None:
    async def body(client: KubernetesClient, place: str) -> None:
        async with keeping(client, settings()):
            await until(client, NAMESPACES, "", place, prepared)
            for kind in KINDS.values():
                if kind != NAMESPACES:
                    (one,) = (await client.page(Selection(kind, place, f"{MANAGED}=true"), 10)).items
                    assert MANAGER in {it["manager"] for it in one["metadata"]["managedFields"]}
            theirs = {"metadata": {"labels": {"theirs": "yes"}}, "spec": {"hard": {"pods": "500"}}}
            await client.merge(QUOTAS, place, "quota", theirs)
            found = await until(client, QUOTAS, place, "quota", lambda it: it["spec"]["hard"]["pods"] == "10")
            assert found["metadata"]["labels"]["theirs"] == "yes"
            await client.delete(ROLES, place, "viewers")
            await until(client, ROLES, place, "viewers", lambda _: True)

    run(body)


def test_once_all_is_as_it_should_be_nothing_is_written(run: Any) -> None:
    """What the API server defaults and normalises is not taken for a change."""

    async def body(client: KubernetesClient, place: str) -> None:
        async with keeping(client, settings(resync_s=0.05)):
            await until(client, NAMESPACES, "", place, prepared)
            before = await versions_in(client, place)
            for _ in range(10):
                await asyncio.sleep(0.05)  # several times looked at anew
            assert await versions_in(client, place) == before

    run(body)


async def versions_in(client: KubernetesClient, place: str) -> dict[str, tuple[str, object]]:
    """Return the versions of what was made of templates, each with who set what of it last."""
    kinds = [kind for kind in KINDS.values() if kind != NAMESPACES]
    found = {kind.plural: (await client.page(Selection(kind, place, f"{MANAGED}=true"), 10)).items for kind in kinds}
    return {
        f"{plural}/{it['metadata']['name']}": (it["metadata"]["resourceVersion"], it["metadata"]["managedFields"])
        for plural, items in found.items()
        for it in items
    }


def test_what_the_api_server_does_not_take_is_told_and_mended(run: Any) -> None:
    async def body(client: KubernetesClient, place: str) -> None:
        wrong = TEXTS | {"limits.yaml": TEXTS["limits.yaml"].replace("type: Container", "type: Nothing")}
        async with keeping(client, settings(wrong)):
            found = await until(
                client, NAMESPACES, "", place, lambda it: TROUBLE in (it["metadata"].get("annotations") or {})
            )
            assert "Nothing" in found["metadata"]["annotations"][TROUBLE]
            selection = Selection(EVENTS, place, fields="reason=ClusterResourcesFailed")
            while not (await client.page(selection, 10)).items:
                await asyncio.sleep(0.02)
        async with keeping(client, settings()):
            await until(client, NAMESPACES, "", place, prepared)

    run(body)
