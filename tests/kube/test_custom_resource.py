"""The custom resource on a real API server: what it takes, what it refuses, what people see of it."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from flytelike.model.failure import Failure, Fault
from flytelike.model.phases import WorkflowPhase
from propeller.kube.client import KubernetesClient
from propeller.kube.errors import Refused
from propeller.kube.ports import FLYTE_WORKFLOWS, Json
from propeller.kube.resource import Abort, resource_from_json, resource_of, resource_to_json
from propeller.kube.status import NodeCounts, WorkflowStatus, status_to_json
from tests.kube.control_plane import ControlPlane
from tests.kube.examples import DIGEST, document, full_request, request
from tests.services.kubernetes import ROOT, connected

RUNNING = WorkflowStatus(
    WorkflowPhase.RUNNING,
    NodeCounts(1000, 4, 800, 5, 7),
    started_ns=1_700_000_000_000_000_000,
    waits_for="gate approve",
)
NOT_FOUND = Failure("USER:FileNotFoundError", "there is no flights.csv", Fault.USER, retryable=False)


def live(plane: ControlPlane, body: Callable[[KubernetesClient], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(60), connected(plane) as client:
            await body(client)

    asyncio.run(main())


def test_every_field_is_kept(api_server: ControlPlane, namespace: str) -> None:
    """A field that the schema does not know would be refused, one that it cuts off would be missed."""

    async def body(client: KubernetesClient) -> None:
        wished = replace(resource_of(full_request(), namespace), abort=Abort("enough", "ann"))
        made = await client.create(FLYTE_WORKFLOWS, namespace, resource_to_json(wished))
        told = WorkflowStatus(
            WorkflowPhase.FAILED, RUNNING.nodes, "why", "that", NOT_FOUND, 1_000_000, 2_000_000, "s3://o", 9, 3
        )
        kept = resource_from_json(
            await client.replace(FLYTE_WORKFLOWS, made | {"status": status_to_json(told)}, "status")
        )
        assert (kept.request, kept.abort, kept.status) == (wished.request, wished.abort, told)

    live(api_server, body)


def changed(*path: str, to: object) -> Callable[[Json], None]:
    """Return what sets a field, or takes it away with None."""

    def change(found: Json) -> None:
        place = found
        for step in path[:-1]:
            place = place.setdefault(step, {})
        if to is None:
            del place[path[-1]]
        else:
            place[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (changed("spec", "execution", "name", to="e2"), "metadata.name must be spec.execution.name"),
        (changed("spec", "execution", "name", to="E_1"), "should match"),
        (changed("spec", "closure", "digest", to="sha256:abc"), "should match"),
        (changed("spec", "inputs", to=None), "spec.inputs: Required value"),
        (changed("spec", "workflow", "version", to=""), "at least 1 chars long"),
        (changed("spec", "options", "timeout", to="soon"), "should match"),
        (changed("spec", "options", "cache", to="SOME"), "Unsupported value"),
        (changed("spec", "options", "maxParallelism", to=-1), "greater than or equal to 0"),
        (changed("spec", "graph", to={}), 'unknown field "spec.graph"'),
    ],
)
def test_what_is_not_as_it_should_be_is_refused(
    api_server: ControlPlane, namespace: str, change: Callable[[Json], None], told: str
) -> None:
    async def body(client: KubernetesClient) -> None:
        wrong = document("e1", namespace)
        change(wrong)
        with pytest.raises(Refused, match=re.escape(told)):
            await client.create(FLYTE_WORKFLOWS, namespace, wrong)

    live(api_server, body)


@pytest.mark.parametrize(
    "change",
    [
        changed("spec", "launchPlan", "version", to="v2"),
        changed("spec", "workflow", "version", to="v2"),
        changed("spec", "closure", "uri", to="s3://other"),
        changed("spec", "inputs", "uri", to="s3://other"),
        changed("spec", "options", "maxParallelism", to=8),
        changed("spec", "options", to=None),
        changed("spec", "parent", "node", to="n9"),
        changed("spec", "parent", to=None),
        changed("spec", "reuse", "digest", to="sha256:2"),
        changed("spec", "reuse", to=None),
        changed("spec", "abort", "cause", to="other"),
        changed("spec", "abort", to=None),
        changed("spec", "execution", "domain", to="production"),
    ],
)
def test_what_is_executed_cannot_be_changed(
    api_server: ControlPlane, namespace: str, change: Callable[[Json], None]
) -> None:
    async def body(client: KubernetesClient) -> None:
        wished = replace(resource_of(full_request(), namespace), abort=Abort("enough", "ann"))
        made = await client.create(FLYTE_WORKFLOWS, namespace, resource_to_json(wished))
        change(made)
        with pytest.raises(Refused, match=r"cannot be (changed|taken back)"):
            await client.replace(FLYTE_WORKFLOWS, made)

    live(api_server, body)


@pytest.mark.parametrize("added", ["options", "parent", "reuse"])
def test_what_was_not_said_at_first_cannot_be_added(api_server: ControlPlane, namespace: str, added: str) -> None:
    async def body(client: KubernetesClient) -> None:
        made = await client.create(FLYTE_WORKFLOWS, namespace, document("e1", namespace))
        full = resource_to_json(resource_of(full_request(), namespace))
        made["spec"][added] = full["spec"][added]
        with pytest.raises(Refused, match=f"{added} cannot be changed"):
            await client.replace(FLYTE_WORKFLOWS, made)

    live(api_server, body)


@pytest.mark.parametrize("phase", ["SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT"])
@pytest.mark.parametrize("then", [{"phase": "RUNNING"}, {}], ids=["another", "none"])
def test_what_has_ended_stays_so(api_server: ControlPlane, namespace: str, phase: str, then: dict[str, Any]) -> None:
    async def body(client: KubernetesClient) -> None:
        made = await client.create(FLYTE_WORKFLOWS, namespace, document("e1", namespace))
        ended = await client.replace(FLYTE_WORKFLOWS, made | {"status": {"phase": phase}}, "status")
        with pytest.raises(Refused, match="what has ended does not change its phase"):
            await client.replace(FLYTE_WORKFLOWS, ended | {"status": {"sequence": 1, **then}}, "status")

    live(api_server, body)


def test_more_nodes_than_there_are_cannot_have_ended(api_server: ControlPlane, namespace: str) -> None:
    async def body(client: KubernetesClient) -> None:
        made = await client.create(FLYTE_WORKFLOWS, namespace, document("e1", namespace))
        status = status_to_json(replace(RUNNING, nodes=NodeCounts(3, 1, 3, 0, 0)))
        with pytest.raises(Refused, match="there are not that many nodes"):
            await client.replace(FLYTE_WORKFLOWS, made | {"status": status}, "status")

    live(api_server, body)


def test_people_see_how_it_goes(api_server: ControlPlane, namespace: str) -> None:
    """What `kubectl get fw` and `kubectl describe fw` print."""

    async def body(client: KubernetesClient) -> None:
        for name, status in {
            "runs": RUNNING,
            "broke": WorkflowStatus(
                WorkflowPhase.FAILED, NodeCounts(3, 0, 1, 1, 1), NOT_FOUND.message, failure=NOT_FOUND, ended_ns=10**18
            ),
        }.items():
            made = await client.create(
                FLYTE_WORKFLOWS, namespace, resource_to_json(resource_of(request(name), namespace))
            )
            told = status_to_json(replace(status, observed_generation=1))
            await client.replace(FLYTE_WORKFLOWS, made | {"status": told}, "status")
        await client.create(FLYTE_WORKFLOWS, namespace, document("waits", namespace))

    live(api_server, body)
    listed = [re.split(r"\s{2,}", line) for line in api_server.kubectl("get", "fw", "-n", namespace).splitlines()]
    assert [row[:-1] for row in listed] == [
        ["NAME", "PHASE", "PROGRESS", "WAITS FOR", "MESSAGE"],
        ["broke", "FAILED", "3/3", "there is no flights.csv"],
        ["runs", "RUNNING", "812/1000", "gate approve"],
        ["waits"],
    ]
    described = " ".join(api_server.kubectl("describe", "fw", "broke", "-n", namespace).split())
    for told in ("Code: USER:FileNotFoundError", "Failed: 1", "Reason: Failed", "Phase: FAILED", "Progress: 3/3"):
        assert told in described
    chosen = api_server.kubectl("get", "fw", "-n", namespace, "--field-selector=status.phase=FAILED", "-o", "json")
    assert [item["metadata"]["name"] for item in json.loads(chosen)["items"]] == ["broke"]
    waited = api_server.kubectl("wait", "fw/broke", "-n", namespace, "--for=condition=Succeeded=False", "--timeout=60s")
    assert "condition met" in waited


def test_the_manifest_in_the_documentation_is_taken(api_server: ControlPlane) -> None:
    page = (ROOT / "docs/kubernetes.md").read_text(encoding="utf-8")
    (text,) = (found for found in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "kind: FlyteWorkflow" in found)
    namespace = "default"
    written = text.replace("sha256:…", DIGEST).replace("namespace: flights-development", f"namespace: {namespace}")
    assert "created" in api_server.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=written)
