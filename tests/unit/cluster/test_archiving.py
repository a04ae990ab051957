"""Namespaces say whether their projects are archived, and go on saying it when something fails meanwhile."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flytelike.cluster import archiving
from flytelike.cluster.archiving import mark_archived, mark_once
from flytelike.cluster.namespaces import Namespaces
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.repository.attributes import Setting, Target
from flytelike_idl.admin import matchable_resource_pb2 as pb
from flytelike_idl.admin import project_pb2
from propeller.kube.errors import Unavailable
from propeller.kube.ports import NAMESPACES
from propeller.kube.project_domain import ARCHIVED, ATTRIBUTES, STATE
from tests.kube.fake_objects import FakeObjects
from tests.unit.controlplane.builders import settings_for, started

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[ControlPlane]:
    async with started(settings_for(tmp_path, projects=["flights", "trains"])) as plane:
        yield plane


@pytest.fixture
async def objects() -> FakeObjects:
    """A cluster with namespaces of two projects here, and of one that is another platform's."""
    made = FakeObjects()
    for project in ("flights", "trains", "somebody-elses"):
        await Namespaces(made).ensure(project, "development")
    return made


async def archive(plane: ControlPlane, project: str, state: "project_pb2.Project.ProjectState.ValueType") -> None:
    await plane.projects.update(project_pb2.Project(id=project, state=state))


async def archived(objects: FakeObjects) -> list[str]:
    """Return which projects' namespaces say so."""
    names = ("flights", "trains", "somebody-elses")
    found = [await objects.get(NAMESPACES, "", f"{name}-development") for name in names]
    return [name for name, one in zip(names, found, strict=True) if one["metadata"]["labels"].get(STATE) == ARCHIVED]


@pytest.mark.parametrize("state", [project_pb2.Project.ARCHIVED, project_pb2.Project.SYSTEM_ARCHIVED])
async def test_a_label_follows_its_project(
    plane: ControlPlane, objects: FakeObjects, state: "project_pb2.Project.ProjectState.ValueType"
) -> None:
    await mark_once(plane, Namespaces(objects))
    assert await archived(objects) == []
    await archive(plane, "flights", state)
    await mark_once(plane, Namespaces(objects))
    assert await archived(objects) == ["flights"]
    await archive(plane, "flights", project_pb2.Project.ACTIVE)
    await mark_once(plane, Namespaces(objects))
    assert await archived(objects) == []


async def test_what_is_so_already_is_not_written(plane: ControlPlane, objects: FakeObjects) -> None:
    await archive(plane, "flights", project_pb2.Project.ARCHIVED)
    for _ in range(3):
        await mark_once(plane, Namespaces(objects))
    assert objects.calls.count("merge") == 1


async def test_it_goes_on_through_trouble_of_the_cluster_and_tells_it_once(
    plane: ControlPlane, objects: FakeObjects, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(archiving, "EVERY_S", 0.001)
    await archive(plane, "flights", project_pb2.Project.ARCHIVED)
    objects.trouble = [Unavailable(503, "", "away")] * 3
    marking = asyncio.create_task(mark_archived(plane, Namespaces(objects)))
    async with asyncio.timeout(30):
        while objects.trouble or await archived(objects) != ["flights"]:
            await objects.called()
    marking.cancel()
    await asyncio.gather(marking, return_exceptions=True)
    assert [record.getMessage() for record in caplog.records if "namespaces" in record.getMessage()] == [
        "namespaces cannot be told of their projects: away (503)"
    ]


async def test_cluster_resource_attributes_become_values_for_templates(
    plane: ControlPlane, objects: FakeObjects
) -> None:
    """The domain's go before the project's; who takes them back finds none, and what others wrote stays."""
    for name, value in (("flights-development", None), ("trains-development", "{}")):
        note = {"metadata": {"annotations": {ATTRIBUTES: value}}}
        await objects.merge(NAMESPACES, "", name, note)
    await told(plane, "flights", "", cpu="1", memory="1Gi")
    await told(plane, "flights", "development", cpu="2")
    for _ in range(2):
        await mark_once(plane, Namespaces(objects))
    assert await values(objects, "flights") == {"cpu": "2", "memory": "1Gi"}
    assert await values(objects, "trains") == {}
    merges = objects.calls.count("merge")
    assert merges == 3
    for domain in ("", "development"):
        await plane.attributes.drop(Target("flights", domain), pb.CLUSTER_RESOURCE)
    await mark_once(plane, Namespaces(objects))
    assert await values(objects, "flights") is None
    assert await values(objects, "trains") == {}


async def told(plane: ControlPlane, project: str, domain: str, **values: str) -> None:
    said = pb.ClusterResourceAttributes(attributes=values)
    await plane.attributes.put(
        Setting(Target(project, domain), pb.MatchingAttributes(cluster_resource_attributes=said))
    )


async def values(objects: FakeObjects, project: str) -> object:
    notes = (await objects.get(NAMESPACES, "", f"{project}-development"))["metadata"].get("annotations") or {}
    return json.loads(notes[ATTRIBUTES]) if notes.get(ATTRIBUTES) is not None else None
