"""The order in which the nodes of a compiled workflow can run. Pure."""

from collections import deque

from flytelike.model.closure import CompiledWorkflow
from flytelike.model.graph import Node


def in_order(workflow: CompiledWorkflow) -> list[Node]:
    """Return the nodes so that each comes after those it waits for; otherwise in the author's order."""
    nodes = {node.id: node for node in workflow.template.nodes}
    missing = {it: sum(1 for other in workflow.upstream.get(it, ()) if other in nodes) for it in nodes}
    ready = deque(it for it in nodes if missing[it] == 0)
    found: list[Node] = []
    while ready:
        node_id = ready.popleft()
        found.append(nodes[node_id])
        for below in workflow.downstream.get(node_id, ()):
            if below in missing:
                missing[below] -= 1
                if missing[below] == 0:
                    ready.append(below)
    return found
