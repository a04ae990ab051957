"""What a collection is asked for."""

from dataclasses import dataclass

from flytelike.controlplane.collecting.policy import CacheRule, Rule
from flytelike.model.ids import ExecutionId

GRACE_NS = 24 * 3600 * 1_000_000_000
"""What nobody names may be named soon: somebody has uploaded it and registers now."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Which executions and cached results go.

    Attributes:
        rules: The first that covers an execution decides.
        cache: Which cached results go.
        only: Of these executions alone, whatever their age; empty for all.
        dry_run: Only say how much it would be.
        grace_ns: What nobody names goes once it is older than this.
    """

    rules: tuple[Rule, ...] = ()
    cache: tuple[CacheRule, ...] = ()
    only: tuple[ExecutionId, ...] = ()
    dry_run: bool = False
    grace_ns: int = GRACE_NS


@dataclass(frozen=True, slots=True)
class Step:
    """How far a collection is: what it does now, and how many things it has done of it."""

    name: str
    done: int = 0
