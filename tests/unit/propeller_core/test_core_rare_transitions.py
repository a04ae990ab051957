"""Transitions that hardly any simulated world takes, each taken for certain."""

import pytest

from flytelike.model.caching import CacheNote, CacheStatus
from flytelike.model.ids import NodePath
from propeller.core.events import CacheTaken, Event
from propeller.core.header import Limits
from tests.unit.propeller_core.builders import (
    BUG,
    FLAKE,
    GOES_ON,
    GraphSketch,
    Run,
    S,
    abort,
    begin,
    dynamic,
    err,
    gave,
    graph,
    ok,
    plan_of,
    sub,
    task,
    timer,
    uncollectable,
)

INNER = graph(task("a"), name="inner")
GIVES = graph(dynamic("n", "inner", retries=1), task("x"), task("z", "x"), policy=GOES_ON, outputs=False)
TAKEN_ELSEWHERE = CacheTaken(NodePath("a"), 0, 1, 9 * S, CacheNote(CacheStatus.MISS))

RARE: dict[str, tuple[GraphSketch, Limits, list[Event]]] = {
    "Collecting -retried-> Expanded": (
        graph(sub("n", "inner", retries=1)),
        Limits(),
        [ok("n.0.a"), uncollectable("n", FLAKE)],
    ),
    "Collecting -exhausted-> Failed": (
        graph(sub("n", "inner", retries=1)),
        Limits(),
        [ok("n.0.a"), uncollectable("n", FLAKE), ok("n.1.a"), uncollectable("n", FLAKE, attempt=1)],
    ),
    "Collecting -retried-> Started": (
        graph(dynamic("n", "inner", retries=1)),
        Limits(),
        [gave("n", "inner"), ok("n.0.a"), uncollectable("n", FLAKE)],
    ),
    "Collecting -held-> Held": (
        GIVES,
        Limits(max_parallelism=1),
        [gave("n", "inner"), ok("x"), ok("n.0.a"), uncollectable("n", FLAKE)],
    ),
    "Expanded -held-> Held": (
        graph(dynamic("n", "inner", retries=1, timeout_ns=9 * S), task("x"), policy=GOES_ON),
        Limits(max_parallelism=1),
        [gave("n", "inner"), timer("n", "0/graph/0", at=9 * S)],
    ),
    "Collecting -handling-> HandlingScopeFailure": (
        graph(sub("n", "cleaned")),
        Limits(),
        [ok("n.0.a"), uncollectable("n", BUG)],
    ),
    "HandlingScopeFailure -aborted-> Aborted": (graph(sub("n", "cleaned")), Limits(), [err("n.0.a"), abort()]),
    "HandlingScopeFailure -exhausted-> Failed": (
        graph(sub("n", "cleaned", retries=1)),
        Limits(),
        [err("n.0.a", FLAKE), ok("n.0.f"), err("n.1.a", FLAKE), ok("n.1.f")],
    ),
    "WaitingForCache -aborted-> Aborted": (graph(task("a", serialize=1)), Limits(), [TAKEN_ELSEWHERE, abort()]),
    "Succeeding -failed-> ExecutionFailed": (graph(task("a")), Limits(), [ok("a"), uncollectable()]),
    "Succeeding -timed_out-> ExecutionTimedOut": (
        graph(task("a")),
        Limits(timeout_ns=S),
        [ok("a"), timer("", "timeout", at=S)],
    ),
    "Succeeding -handling-> HandlingFailure": (
        graph(task("a"), cleanup=task("f")),
        Limits(),
        [ok("a"), uncollectable()],
    ),
    "HandlingFailure -aborted-> ExecutionAborted": (
        graph(task("a"), cleanup=task("f")),
        Limits(),
        [err("a"), abort()],
    ),
}


@pytest.mark.parametrize("name", RARE)
def test_a_rare_transition_is_taken(name: str) -> None:
    primary, limits, story = RARE[name]
    cleaned = graph(task("a"), name="cleaned", cleanup=task("f"))
    run = Run(plan_of(primary, INNER, cleaned), limits)
    if any(node.gives for node in primary.nodes):
        run.plan.grafts[NodePath("n.0")] = plan_of(INNER)
    run.on(begin())
    for event in story:
        run.on(event)
    assert name in [step.transition.name for step in run.decision.steps]
