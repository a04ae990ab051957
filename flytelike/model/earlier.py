"""What an earlier execution left: its nodes, as far as they can be of use to another one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flytelike.model.ids import Digest, ExecutionId, NodeId, NodePath
from flytelike.model.phases import NodePhase
from flytelike.model.reuse import ReuseSource

DONE = frozenset({NodePhase.SUCCEEDED, NodePhase.RECOVERED})
"""Phases of nodes whose outputs are there. A skipped node is none of them."""


@dataclass(frozen=True, slots=True)
class EarlierNode:
    """A node of an earlier execution: how it ended, and where to take from.

    `elements` are those of an array that succeeded, and how many there were; None for other nodes.
    """

    phase: NodePhase
    source: ReuseSource
    elements: tuple[int, int] | None = None

    @property
    def done(self) -> bool:
        """Whether its outputs are there."""
        return self.phase in DONE


@dataclass(frozen=True, slots=True)
class Earlier:
    """The nodes of an execution by the scope they lie in, and for each node the scope its last attempt opened."""

    execution: ExecutionId
    nodes: Mapping[NodePath, Mapping[NodeId, EarlierNode]]
    scopes: Mapping[NodePath, NodePath] = field(default_factory=dict)

    def graphs(self) -> frozenset[Digest]:
        """Return the graphs that dynamic nodes gave whose nodes did not all succeed."""
        left = (node for nodes in self.nodes.values() for node in nodes.values() if not node.done)
        return frozenset(node.source.graph for node in left if node.source.graph)

    def within(self, scope: NodePath | None) -> Mapping[NodeId, EarlierNode]:
        """Return the nodes of a scope; none when nothing of it ran, or there is no scope."""
        return {} if scope is None else self.nodes.get(scope, {})

    def scope_in(self, path: NodePath) -> NodePath | None:
        """Return the scope that the last attempt of a node opened; None if it opened none."""
        return self.scopes.get(path)
