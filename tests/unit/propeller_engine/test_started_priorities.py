"""What the engine starts is told its priority: that of the execution, and what the node adds."""

from dataclasses import replace

import pytest

from flytelike.model.graph import Node
from flytelike.model.priority import bounded
from tests.unit.propeller_engine.builders import request
from tests.unit.propeller_engine.kinds import closure, constant, launched, task, workflow
from tests.unit.propeller_engine.world import World, live


def ranked(node: Node, priority: int) -> Node:
    return replace(node, metadata=replace(node.metadata, priority=priority))


@pytest.mark.parametrize(("own", "added"), [(0, 0), (3, 0), (0, 4), (3, 4)])
def test_attempts_and_children_are_started_with_it(own: int, added: int) -> None:
    async def body() -> None:
        nodes = ranked(task("a", constant(1)), added), ranked(launched("b", "plan", constant(1)), added)
        world = World(closure(workflow(*nodes)))
        engine = await world.engine()
        await engine.submit(request("e1", priority=own))
        await world.settle()
        (spec,) = world.executor.specs.values()
        assert (spec.priority, world.children.priority) == (bounded(own + added), bounded(own + added))
        await engine.close()

    live(body())
