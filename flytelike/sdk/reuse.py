"""Pods that are kept for a task's next attempts."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from flytelike.model import policies
from flytelike.sdk.option_rules import OptionFault, duration_ns

REPLICAS_MAX = 1000
IDLE_TTL_MAX = timedelta(days=1)
"""Whoever wants one for longer wants a service."""


@dataclass(frozen=True)
class ReusePolicy:
    """In a cluster, attempts run in pods that are kept, one after another in each: a small task pays no pod's start.

    Tasks share pods where all that makes the pod is equal: image, resources, secrets, variables, code and this policy.

    Attributes:
        replicas: How many pods are kept at most. More attempts wait for one of them.
        idle_ttl: How long one without work is kept; a number counts seconds.
    """

    replicas: int = 2
    idle_ttl: timedelta | int = 30


def reuse_faults(policy: ReusePolicy | None) -> Iterator[OptionFault]:
    """Tell what is wrong with the `reusable` of a task."""
    if policy is None:
        return
    replicas: object = policy.replicas
    idle_ttl: object = policy.idle_ttl
    if isinstance(replicas, bool) or not isinstance(replicas, int) or not 1 <= replicas <= REPLICAS_MAX:
        yield OptionFault("invalid-option", "reusable", f"`replicas` must be a number from 1 to {REPLICAS_MAX}")
    if isinstance(idle_ttl, bool) or not isinstance(idle_ttl, int | timedelta):
        kind = type(idle_ttl).__name__
        yield OptionFault("invalid-option", "reusable", f"`idle_ttl` must be timedelta or int, not {kind}")
    elif not 1_000_000_000 <= duration_ns(idle_ttl) <= duration_ns(IDLE_TTL_MAX):
        yield OptionFault("invalid-option", "reusable", "`idle_ttl` must lie between a second and a day")


def reuse_of(policy: ReusePolicy | None) -> policies.ReusePolicy | None:
    """Return a policy that has no faults in the model's terms."""
    return None if policy is None else policies.ReusePolicy(policy.replicas, duration_ns(policy.idle_ttl))
