"""Random workflows: nested, with every policy an author can set."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from flytelike.model.graph import MinSuccesses, MinSuccessRatio
from flytelike.model.ids import NodePath
from flytelike.model.policies import Backoff, FailurePolicy
from propeller.core.header import Limits
from propeller.core.plan import Plan
from propeller.core.reuse import Reuse
from tests.unit.propeller_core.builders import (
    GraphSketch,
    NodeSketch,
    S,
    branch,
    child,
    closure_of,
    dynamic,
    each,
    gate,
    graph,
    sub,
    task,
)

MAX_INNER = 3
MAX_NODES = 12
GIVEN = ("w0", "w2")
"""Workflows that dynamic tasks may give: these have no failure node."""
PRIORITISED = 0.3
"""The part of the worlds in which some nodes are more urgent than others."""
ARRAYS = 0.15
"""The part of the nodes that are repeated."""

MAX_DEPTH = 2


@dataclass(frozen=True)
class Scenario:
    """What is executed. The checkers know the sketches, the core knows the plan."""

    primary: GraphSketch
    inner: dict[str, GraphSketch]
    limits: Limits
    reuse: dict[NodePath, Reuse] = field(default_factory=dict)

    def plan(self) -> Plan:
        """What the core is given."""
        return Plan.of(closure_of(self.primary, *self.inner.values()))

    def given(self, name: str) -> Plan:
        """What a dynamic task gives, as the core gets it."""
        return Plan.of(closure_of(self.inner[name], *self.inner.values()))


def random_scenario(rng: random.Random, *, arrays: bool = True) -> Scenario:
    """Draw a scenario. A workflow holds only workflows drawn before it, so that nesting ends.

    Its values flow without `arrays` only: see `tests.simulation.engine.values`.
    """
    inner: dict[str, GraphSketch] = {}
    for number in range(rng.choice([0, 0, 1, 2, MAX_INNER])):
        name = f"w{number}"
        inner[name] = _random_graph(rng, name, list(inner), rng.randint(0, 5), arrays=arrays)
    primary = _random_graph(rng, "main", list(inner), rng.choice([0, 1, 2, 3, 4, 5, 6, 7, 9, MAX_NODES]), arrays=arrays)
    limits = Limits(
        max_parallelism=rng.choice([0, 0, 0, 1, 2, 3]),
        timeout_ns=rng.randint(20, 400) * S if rng.random() < 0.12 else 0,
        interruptible=rng.choice([None, None, True, False]),
        cached=rng.random() > 0.05,
    )
    if rng.random() < PRIORITISED:
        primary = _with_priorities(rng, primary)
        inner = {name: _with_priorities(rng, sketch) for name, sketch in inner.items()}
    # Drawn aside, so that worlds without it stay as they were.
    aside = random.Random(f"{primary}{inner}{limits}")
    reuse = dict(_random_reuse(aside, primary, inner, "")) if aside.random() < 0.35 else {}
    return Scenario(primary, inner, limits, reuse)


def _with_priorities(rng: random.Random, sketch: GraphSketch) -> GraphSketch:
    """Give some nodes a priority, and some tasks."""

    def rated(node: NodeSketch) -> NodeSketch:
        own = rng.choice([None, None, -5, 0, 1, 7])
        of_task = replace(node.task, priority=rng.choice([0, 0, 0, 3]))
        return replace(node, task=of_task, metadata=replace(node.metadata, priority=own))

    cleanup = sketch.cleanup and rated(sketch.cleanup)
    return replace(sketch, nodes=tuple(map(rated, sketch.nodes)), cleanup=cleanup)


def _random_reuse(
    rng: random.Random, sketch: GraphSketch, inner: dict[str, GraphSketch], scope: str
) -> Iterator[tuple[NodePath, Reuse]]:
    """List some nodes, and inside of sub-workflows that are not listed some of theirs."""
    for node in sketch.tops:
        path = NodePath(f"{scope}.{node.id}" if scope else node.id)
        lot = rng.random()
        if lot < 0.4:
            yield path, Reuse.TAKE
        elif lot < 0.5:
            yield path, Reuse.LEAVE
        elif node.workflow and not node.array:
            yield from _random_reuse(rng, inner[node.workflow], inner, f"{path}.0")


def _random_graph(rng: random.Random, name: str, known: list[str], size: int, *, arrays: bool) -> GraphSketch:
    nodes: list[NodeSketch] = []
    for number in range(size):
        others = [node.id for node in nodes if not node.branch]
        nodes.extend(_random_nodes(rng, f"n{number}", others, known, 0, arrays=arrays))
    policy = rng.choice(list(FailurePolicy))
    lucky = name in GIVEN or rng.random() > 0.3
    cleanup = None if lucky else _random_node(rng, "fn0", [], known, arrays=arrays)
    return graph(
        *nodes,
        name=name,
        policy=policy,
        outputs=rng.random() < 0.8,
        interruptible=rng.random() < 0.2,
        cleanup=cleanup,
    )


def _random_nodes(
    rng: random.Random, node_id: str, others: list[str], known: list[str], depth: int, *, arrays: bool
) -> tuple[NodeSketch, ...]:
    """Draw a node; a branch comes with the nodes inside it, which wait for nodes outside of it."""
    wanted = min(len(others), rng.choice([0, 0, 1, 1, 2, 3]))
    after = rng.sample(others, wanted)
    if depth == MAX_DEPTH or rng.random() > 0.2:
        return (_random_node(rng, node_id, after, known, arrays=arrays),)
    inside = [
        _random_nodes(rng, f"{node_id}-c{number}", others, known, depth + 1, arrays=arrays)
        for number in range(rng.randint(1, 3))
    ]
    return branch(node_id, *(node for case in inside for node in case), after=after)


def _random_node(
    rng: random.Random, node_id: str, after: list[str], known: list[str], *, arrays: bool = True
) -> NodeSketch:
    node = _random_single(rng, node_id, after, known)
    if not arrays or node.is_gate or rng.random() > ARRAYS:
        return node
    small = bool(node.workflow)
    length = rng.choice([0, 1, 2, 3] if small else [0, 1, 2, 5, 12, 30])
    ratio = MinSuccessRatio(rng.choice([0.0, 0.3, 0.5, 1.0]))
    success = rng.choice([None, None, MinSuccesses(rng.randint(0, 4)), ratio])
    window = rng.choice([None, 0, 1, 2, 5])
    timeout_ns = rng.randint(20, 200) * S if rng.random() < 0.1 else 0
    return each(node, length, window, success, run_all=rng.random() < 0.2, timeout_ns=timeout_ns)


def _random_single(rng: random.Random, node_id: str, after: list[str], known: list[str]) -> NodeSketch:
    timeout_ns = rng.randint(5, 60) * S if rng.random() < 0.2 else 0
    kind = rng.random()
    if kind < 0.25 and known:
        retries = rng.choice([0, 0, 1, 2])
        slow = timeout_ns * 5
        return sub(node_id, rng.choice(known), *after, retries=retries, timeout_ns=slow)
    if kind < 0.35:
        return child(node_id, "lp", *after, retries=rng.choice([0, 1]), timeout_ns=timeout_ns)
    if kind < 0.42:
        return gate(node_id, *after, timeout_ns=timeout_ns)
    if kind < 0.45:
        return gate(node_id, *after, timeout_ns=timeout_ns, sleep_ns=rng.choice([0, 1, 30]) * S)
    if kind < 0.6 and (given := [name for name in known if name in GIVEN]):
        retries, slow = rng.choice([0, 0, 1, 2]), timeout_ns * 3
        return dynamic(node_id, rng.choice(given), *after, retries=retries, timeout_ns=slow)
    backoff = Backoff(rng.choice([1, 3]) * S, rng.choice([1.0, 2.0]), rng.choice([0, 4 * S]))
    wait = backoff if rng.random() < 0.3 else None
    queued_ns = rng.randint(1, 20) * S if rng.random() < 0.15 else 0
    retries = rng.choice([0, 0, 1, 2])
    cached, serialize = rng.choice([(0, 0), (0, 0), (1, 0), (1, 1)])
    return task(
        node_id,
        *after,
        retries=retries,
        backoff=wait,
        timeout_ns=timeout_ns,
        queued_timeout_ns=queued_ns,
        cached=cached,
        serialize=serialize,
    )
