"""Which attempts may share a pod that is kept, and what such a pod is."""

from dataclasses import replace
from typing import Any

import pytest

from flytelike.model.graph import Container, DataFiles
from flytelike.model.policies import Resources, ReusePolicy, TaskMetadata
from propeller.executors.pod.manifest import PodOrder
from propeller.executors.pod.reuse import ORDER, WORKER, Shared, can_share, given_annotations, shared, worker_pod
from propeller.executors.pod.settings import PodSettings
from propeller.ports import AttemptKey, AttemptSpec
from tests.unit.pods.builders import CPU, KEY, attempt, pod_message, task_of

KEPT = TaskMetadata(reuse=ReusePolicy(2, 30_000_000_000))
ARGS = ("flytelike-execute", "--inputs", "{{.input}}", "--code", "sha256:1", "--", "module", "flows", "task", "train")
CONTAINER = Container("registry.example/image:1", args=ARGS, env={"MODE": "fast"})


def asking(spec: AttemptSpec | None = None, **of_container: Any) -> AttemptSpec:
    spec = spec or attempt(task_of(container=CONTAINER))
    assert spec.task.container is not None
    task = replace(spec.task, metadata=KEPT, container=replace(spec.task.container, **of_container))
    return replace(spec, task=task)


def found(spec: AttemptSpec, settings: PodSettings | None = None) -> Shared:
    given = shared(PodOrder(spec, template={"spec": {"nodeSelector": {"pool": "a"}}}), settings or PodSettings())
    assert given is not None
    return given


def of(spec: AttemptSpec, **changed: str) -> AttemptSpec:
    return replace(spec, key=AttemptKey(replace(spec.key.execution, **changed), spec.key.path, spec.key.attempt))


SPEC = asking()
SAME = {
    "execution": of(SPEC, name="e2"),
    "task": replace(SPEC, task=replace(SPEC.task, id=replace(SPEC.task.id, name="flows.other"))),
    "attempt": replace(SPEC, key=AttemptKey(KEY.execution, KEY.path, 3)),
    "variables of the attempt": replace(SPEC, env={"OF": "this attempt"}),
    "labels": replace(SPEC, labels={"of": "this execution"}),
    "timeout": replace(SPEC, deadline_ns=1_000_000_000),
    "arguments": asking(args=(*ARGS[:-1], "other")),
}
OTHER = {
    "project": of(SPEC, project="trains"),
    "domain": of(SPEC, domain="production"),
    "image": asking(image="registry.example/image:2"),
    "resources": asking(resources=Resources({CPU: "2"}, {})),
    "variables of the task": asking(env={"MODE": "slow"}),
    "code": asking(args=tuple(word.replace("sha256:1", "sha256:2") for word in ARGS)),
    "policy": replace(SPEC, task=replace(SPEC.task, metadata=TaskMetadata(reuse=ReusePolicy(3, 30_000_000_000)))),
    "service account": replace(SPEC, task=replace(SPEC.task, extra={"security_context": b"\x0a\x05\x12\x03ann"})),
}


@pytest.mark.parametrize("what", SAME)
def test_these_share_a_worker_with_others_of(what: str) -> None:
    assert found(SAME[what]).kind == found(SPEC).kind


@pytest.mark.parametrize("what", OTHER)
def test_these_do_not_share_a_worker_with_another(what: str) -> None:
    assert found(OTHER[what]).kind.digest != found(SPEC).kind.digest


@pytest.mark.parametrize(
    "spec",
    [
        attempt(task_of(container=CONTAINER)),
        asking(args=("pyflyte-execute", "--inputs", "{{.input}}")),
        asking(data=DataFiles("/in", "/out")),
        replace(attempt(task_of(extra={"k8s_pod": pod_message({"containers": []})})), env={}),
    ],
    ids=["not asked for", "another program", "plain files", "a pod of its own"],
)
def test_these_have_a_pod_for_themselves(spec: AttemptSpec) -> None:
    assert not can_share(spec)


def test_what_differs_from_attempt_to_attempt_is_in_the_order() -> None:
    given = found(replace(SPEC, env={"OF": "this attempt"}))
    order = given.order("ab" * 16)
    assert order.args[:3] == ("flytelike-execute", "--inputs", SPEC.inputs_uri)
    assert (order.env["OF"], order.env["FLYTE_INTERNAL_EXECUTION_ID"]) == ("this attempt", "e1")


def test_a_workers_pod_names_no_attempt_and_sees_its_mailbox() -> None:
    given = found(SPEC)
    pod = worker_pod(given.kind, "worker-1", given_annotations(KEY, given.order("ab" * 16)))
    (container,) = pod["spec"]["containers"]
    assert container["args"] == ["flytelike-worker", "/var/run/flytelike/order", "930"]
    assert {one["name"] for one in container["env"]} == {"MODE"}
    assert pod["metadata"]["labels"][WORKER] == given.kind.digest
    assert not [name for name in pod["metadata"]["labels"] if "execution" in name]
    (volume,) = pod["spec"]["volumes"]
    assert ORDER in volume["downwardAPI"]["items"][0]["fieldRef"]["fieldPath"]
    assert "ownerReferences" not in pod["metadata"]
    assert pod["spec"]["nodeSelector"] == {"pool": "a"}


def test_an_order_that_is_too_large_is_none() -> None:
    spec = replace(SPEC, env={"LARGE": "x" * (64 << 10)})
    assert shared(PodOrder(spec), PodSettings()) is None
