"""Asking for pods that are kept, in the model's terms and on the wire."""

from datetime import timedelta

import pytest

from flytelike import ReusePolicy, task
from flytelike.codec.faults import MalformedError
from flytelike.codec.tasks import task_template_from_proto, task_template_to_proto
from flytelike.model import policies
from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.graph import TaskTemplate
from tests.unit.sdk.built import built

S = 1_000_000_000


def asking(policy: ReusePolicy | None) -> TaskTemplate:
    @task(reusable=policy)
    def small() -> None: ...

    return built(small).tasks[0]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (None, None),
        (ReusePolicy(), policies.ReusePolicy(2, 30 * S)),
        (ReusePolicy(replicas=8, idle_ttl=timedelta(minutes=5)), policies.ReusePolicy(8, 300 * S)),
    ],
)
def test_what_is_asked_for_travels_with_the_task(policy: ReusePolicy | None, expected: policies.ReusePolicy) -> None:
    template = asking(policy)
    assert template.metadata.reuse == expected
    assert task_template_from_proto(task_template_to_proto(template)).metadata == template.metadata


@pytest.mark.parametrize("policy", [ReusePolicy(replicas=0), ReusePolicy(1001), ReusePolicy(idle_ttl=0)])
def test_a_policy_that_cannot_be_is_told(policy: ReusePolicy) -> None:
    with pytest.raises(DiagnosticError) as caught:
        asking(policy)
    assert [found.code for found in caught.value.diagnostics] == ["invalid-option"]


def test_a_policy_without_pods_is_no_policy() -> None:
    sent = task_template_to_proto(asking(ReusePolicy()))
    sent.metadata.reuse.replicas = 0
    with pytest.raises(MalformedError, match="reuse.replicas"):
        task_template_from_proto(sent)
