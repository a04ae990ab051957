"""Rows of an earlier execution as what another one may take over."""

from collections import defaultdict
from collections.abc import Iterable

from flytelike.controlplane.messages import execution_id
from flytelike.controlplane.repository.rows import ExecutionRow, NodeRow
from flytelike.model.earlier import Earlier, EarlierNode
from flytelike.model.ids import Digest, NodeId, NodePath
from flytelike.model.phases import NodePhase
from flytelike.model.reuse import ReuseSource


def earlier_of(row: ExecutionRow, raw_prefix: str, nodes: Iterable[NodeRow], attempts: dict[str, int]) -> Earlier:
    """Return what an execution left.

    Args:
        row: the execution.
        raw_prefix: where its tasks wrote their data.
        nodes: its nodes.
        attempts: the number of each task node's last attempt, by path.
    """
    execution = execution_id(row)
    by_scope: dict[NodePath, dict[NodeId, EarlierNode]] = defaultdict(dict)
    scopes: dict[NodePath, NodePath] = {}
    for node in nodes:
        path = NodePath(node.path)
        scope, _, node_id = node.path.rpartition(".")
        attempt = attempts.get(node.path, 0)
        graph = Digest(node.graph)
        source = ReuseSource(execution, raw_prefix, path, attempt, node.inputs_uri, node.output_uri, node.child, graph)
        elements = (node.elements_succeeded, node.elements) if node.is_array else None
        by_scope[NodePath(scope)][NodeId(node_id)] = EarlierNode(NodePhase(node.phase), source, elements)
        if scope:
            _take_scope(scopes, NodePath(scope))
    return Earlier(execution, by_scope, scopes)


def _take_scope(scopes: dict[NodePath, NodePath], scope: NodePath) -> None:
    """Remember a scope, unless a later attempt of its node opened another."""
    owner, _, number = scope.rpartition(".")
    known = scopes.get(NodePath(owner))
    if known is None or int(number) > int(known.rpartition(".")[2]):
        scopes[NodePath(owner)] = scope
