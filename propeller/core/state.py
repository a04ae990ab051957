"""The state of an execution: its header, its nodes, and indexes derived from them.

The shell owns a state and makes decisions current with `apply`; `evaluate` only reads it.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from flytelike.model.ids import Digest, NodePath
from propeller.core.decision import Decision
from propeller.core.elements import Chunk
from propeller.core.header import Header, Limits
from propeller.core.index import Index
from propeller.core.node_state import ActiveState, EndState, Held, NodeState
from propeller.core.plan import Plan
from propeller.core.reuse import Reuse

NO_REUSE: Mapping[NodePath, Reuse] = MappingProxyType({})


class ExecutionState:
    """What is known of an execution. A node that is not in `nodes` has not started."""

    __slots__ = ("_chunks", "_nodes", "graphs", "header", "index", "plan", "reuse")

    def __init__(
        self,
        plan: Plan,
        header: Header,
        nodes: Mapping[NodePath, NodeState],
        reuse: Mapping[NodePath, Reuse] = NO_REUSE,
        graphs: Mapping[NodePath, Digest] | None = None,
        chunks: Mapping[NodePath, Chunk] | None = None,
    ) -> None:
        """Take over a stored state; the indexes are made anew, in one pass over `nodes`.

        `reuse` lists nodes that are not to run when they are ready; it never changes. `graphs` are those
        that dynamic nodes gave, by scope; each is among the plan's grafts.
        """
        self.reuse = reuse
        self.plan = plan
        self.header = header
        self.graphs = dict(graphs or {})
        self._nodes = dict(nodes)
        self._chunks = dict(chunks or {})
        self.index = Index()
        for key in self._chunks:
            self.index.holds(key)
        held: list[tuple[int, NodePath]] = []
        for path, node in self._nodes.items():
            if isinstance(node, Held):
                held.append((node.order, path))
            else:
                self.index.moved(plan.place(path), None, node)
        for _, path in sorted(held):
            self.index.moved(plan.place(path), None, self._nodes[path])

    @staticmethod
    def new(plan: Plan, limits: Limits | None = None, reuse: Mapping[NodePath, Reuse] = NO_REUSE) -> "ExecutionState":
        """Return the state of an execution that has just been accepted."""
        return ExecutionState(plan, Header(limits=limits or Limits()), {}, reuse)

    @property
    def nodes(self) -> Mapping[NodePath, NodeState]:
        """All nodes that have a state. Not to be changed."""
        return self._nodes

    @property
    def chunks(self) -> Mapping[NodePath, Chunk]:
        """How it is with the elements of arrays, by key. Not to be changed."""
        return self._chunks

    def get(self, path: NodePath) -> NodeState | None:
        """Return the node's state; None if it has not started."""
        return self._nodes.get(path)

    def active(self) -> Iterator[tuple[NodePath, ActiveState]]:
        """Yield the nodes that have started and not ended, sub-workflow nodes included."""
        for paths in self.index.active.values():
            for path in paths:
                node = self._nodes[path]
                if not isinstance(node, EndState):
                    yield path, node

    def apply(self, decision: Decision) -> None:
        """Make a decision current. It must have been made for exactly this state."""
        self.header = decision.header
        self.graphs.update(decision.graphs)
        for path, node in decision.nodes.items():
            old = self._nodes.get(path)
            self._nodes[path] = node
            self.index.moved(self.plan.place(path), old, node)
        for key, chunk in decision.chunks.items():
            self._chunks[key] = chunk
            self.index.holds(key)
        for key in decision.dropped:
            if self._chunks.pop(key, None) is None:
                self.index.dropped(self.plan.place(key))
                self._nodes.pop(key, None)
