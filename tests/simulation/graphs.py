"""Random workflows: nested, with every policy an author can set."""

import random
from dataclasses import dataclass

from flytelike.model.graph import MinSuccesses, MinSuccessRatio
from flytelike.model.policies import FailurePolicy
from propeller.core.header import Limits
from propeller.core.plan import Plan
from tests.unit.propeller_core.builders import GraphSketch, NodeSketch, S, child, closure_of, each, graph, sub, task

MAX_INNER = 3
MAX_NODES = 12


@dataclass(frozen=True)
class Scenario:
    """What is executed. The checkers know the sketches, the core knows the plan."""

    primary: GraphSketch
    inner: dict[str, GraphSketch]
    limits: Limits

    def plan(self) -> Plan:
        """What the core is given."""
        return Plan.of(closure_of(self.primary, *self.inner.values()))


def random_scenario(rng: random.Random, *, arrays: float = 0.15) -> Scenario:
    """Draw a scenario. A workflow holds only workflows drawn before it, so that nesting ends.

    `arrays` is the part of the nodes that are repeated.
    """
    inner: dict[str, GraphSketch] = {}
    for number in range(rng.choice([0, 0, 1, 2, MAX_INNER])):
        name = f"w{number}"
        inner[name] = _random_graph(rng, name, list(inner), rng.randint(0, 5), arrays)
    primary = _random_graph(rng, "main", list(inner), rng.choice([0, 1, 2, 3, 4, 5, 6, 7, 9, MAX_NODES]), arrays)
    limits = Limits(
        max_parallelism=rng.choice([0, 0, 0, 1, 2, 3]),
        timeout_ns=rng.randint(20, 400) * S if rng.random() < 0.12 else 0,
        interruptible=rng.choice([None, None, True, False]),
    )
    return Scenario(primary, inner, limits)


def _random_graph(rng: random.Random, name: str, known: list[str], size: int, arrays: float) -> GraphSketch:
    nodes: list[NodeSketch] = []
    for number in range(size):
        others = [node.id for node in nodes]
        wanted = min(len(others), rng.choice([0, 0, 1, 1, 2, 3]))
        nodes.append(_random_node(rng, f"n{number}", rng.sample(others, wanted), known, arrays))
    policy = rng.choice(list(FailurePolicy))
    return graph(*nodes, name=name, policy=policy, outputs=rng.random() < 0.8, interruptible=rng.random() < 0.2)


def _random_node(rng: random.Random, node_id: str, after: list[str], known: list[str], arrays: float) -> NodeSketch:
    node = _random_single(rng, node_id, after, known)
    if not arrays or rng.random() > arrays:
        return node
    small = bool(node.workflow)
    length = rng.choice([0, 1, 2, 3] if small else [0, 1, 2, 5, 12, 30])
    success = rng.choice(
        [None, None, MinSuccesses(rng.randint(0, 4)), MinSuccessRatio(rng.choice([0.0, 0.3, 0.5, 1.0]))]
    )
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
    return task(node_id, *after, retries=rng.choice([0, 0, 1, 2]), timeout_ns=timeout_ns)
