"""What it means that the API server does not take a pod. The messages are Kubernetes 1.34's."""

import pytest

from flytelike.model.failure import Failure, Fault
from propeller.executors.pod.refusal import TryLater, refusal_of
from propeller.kube.errors import error_of

USER, SYSTEM = Fault.USER, Fault.SYSTEM

QUOTA = 'pods "p" is forbidden: exceeded quota: team, requested: {asked}, used: limits.cpu=3,pods=9, limited: limits.cpu=4,pods=9'  # noqa: E501


@pytest.mark.parametrize(
    ("status", "message", "code", "fault", "retryable"),
    [
        (403, QUOTA.format(asked="limits.cpu=5,pods=1"), "ResourceRequestsExceedLimits", USER, False),
        (
            403,
            'pods "p" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false',
            "PodSecurityViolated",
            USER,
            False,
        ),
        (
            403,
            'pods "p" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi',
            "ResourceRequestsExceedLimits",
            USER,
            False,
        ),
        (
            403,
            'pods "p" is forbidden: failed quota: q: must specify limits.cpu for: c',
            "ResourceRequestsMissing",
            USER,
            False,
        ),
        (
            403,
            'pods "p" is forbidden: error looking up service account ns/trainer: serviceaccount "trainer" not found',
            "ServiceAccountNotFound",
            USER,
            False,
        ),
        (
            403,
            'pods "p" is forbidden: unable to create new content in namespace ns because it is being terminated',
            "NamespaceTerminating",
            SYSTEM,
            True,
        ),
        (
            403,
            'pods is forbidden: User "propeller" cannot create resource "pods" in API group "" in the namespace "ns"',
            "PodRefused",
            SYSTEM,
            True,
        ),
        (403, 'admission webhook "policy.example" denied the request: no latest tags', "PodRefused", USER, False),
        (404, 'namespaces "ns" not found', "NamespaceNotFound", SYSTEM, True),
        (422, 'Pod "p" is invalid: spec.containers[0].image: Required value', "BadTaskFormat", USER, False),
        (400, 'strict decoding error: unknown field "spec.surprise"', "BadTaskFormat", USER, False),
        (413, "limit is 3145728", "BadTaskFormat", USER, False),
        (401, "Unauthorized", "PodRefused", SYSTEM, True),
    ],
    ids=lambda value: str(value) if isinstance(value, int | str) else "",
)
def test_a_refusal_is_told_as_what_it_is(status: int, message: str, code: str, fault: Fault, retryable: bool) -> None:
    found = refusal_of(error_of(status, "", message))
    assert isinstance(found, Failure)
    assert (found.code, found.fault, found.retryable) == (code, fault, retryable)


@pytest.mark.parametrize(
    ("status", "message", "for_resources"),
    [
        (403, QUOTA.format(asked="limits.cpu=2,pods=1"), True),
        (403, 'pods "p" is forbidden: status unknown for quota: team, resources: pods,requests.cpu', True),
        (429, "too many requests", False),
        (500, "etcdserver: leader changed", False),
        (503, "apiserver is shutting down", False),
        (0, "connection refused", False),
    ],
)
def test_what_may_pass_is_tried_again(status: int, message: str, for_resources: bool) -> None:
    found = refusal_of(error_of(status, "", message))
    assert isinstance(found, TryLater)
    assert found.for_resources is for_resources


def test_what_a_quota_never_has_is_told_with_what_it_has() -> None:
    found = refusal_of(error_of(403, "", QUOTA.format(asked="limits.cpu=5,pods=1")))
    assert isinstance(found, Failure)
    assert "5 of limits.cpu (at most 4)" in found.message
