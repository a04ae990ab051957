"""Which node of a workflow was which one before. Pure.

Authors seldom name nodes: `n2` becomes `n3` when a call is put before it. A node is therefore told by what it calls
and by what it is given, once it is known which nodes above it were which. Only what is left is paired in order.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Final

from flytelike.compiler.graph_changes import data
from flytelike.model.closure import CompiledWorkflow
from flytelike.model.graph import Node
from flytelike.model.ids import END_NODE, START_NODE, NodeId

CANDIDATES_MAX: Final = 50
"""How many nodes that call the same are looked at for the closest one."""

NameOf = Callable[[Node], str]


def matching(old: CompiledWorkflow, new: CompiledWorkflow, order: list[Node], name_of: NameOf) -> dict[NodeId, NodeId]:
    """Return for nodes of `new` which node of `old` each was.

    Args:
        old: the earlier workflow.
        new: the one of now.
        order: the nodes of `new`, each after those it waits for.
        name_of: what a node calls, equal for equal callees of both.
    """
    if old.template.nodes == new.template.nodes:
        return {node.id: node.id for node in new.template.nodes}
    matcher = _Matcher(old, name_of)
    matcher.by_given_ids(order)
    matcher.by_bindings(order, new)
    matcher.by_likeness(order, new)
    return matcher.pairs


def is_given(node_id: NodeId) -> bool:
    """Tell whether an author chose a node's id; those of the SDK are `n0`, `n1`, ..."""
    return not (node_id.startswith("n") and node_id[1:].isdigit())


class _Matcher:
    def __init__(self, old: CompiledWorkflow, name_of: NameOf) -> None:
        self.pairs: dict[NodeId, NodeId] = {}
        self._name_of = name_of
        self._left = {node.id: node for node in old.template.nodes}
        self._by_call: dict[str, deque[NodeId]] = defaultdict(deque)
        self._by_key: dict[object, deque[NodeId]] = defaultdict(deque)
        for node in old.template.nodes:
            self._by_call[name_of(node)].append(node.id)
            self._by_key[_key(node, name_of(node), {})].append(node.id)

    def by_given_ids(self, order: list[Node]) -> None:
        for node in order:
            old = self._left.get(node.id)
            if is_given(node.id) and old is not None and self._name_of(old) == self._name_of(node):
                self._pair(node.id, old.id)

    def by_bindings(self, order: list[Node], new: CompiledWorkflow) -> None:
        """Pair nodes that call the same with the same, as far as those above them are paired."""
        for node in order:
            self._pair_equal(node, new)

    def by_likeness(self, order: list[Node], new: CompiledWorkflow) -> None:
        """Pair what is left with what is most alike, and what then is equal below."""
        for node in order:
            if node.id in self.pairs or self._pair_equal(node, new):
                continue
            candidates = self._by_call.get(self._name_of(node), deque())
            while candidates and candidates[0] not in self._left:
                candidates.popleft()
            free = [it for it in list(candidates)[:CANDIDATES_MAX] if it in self._left]
            if free:
                mine = _bound(node, self.pairs)
                best = max(free, key=lambda it: len(mine & _bound(self._left[it], {})))
                self._pair(node.id, best)

    def _pair_equal(self, node: Node, new: CompiledWorkflow) -> bool:
        above = [it for it in new.upstream.get(node.id, ()) if it not in {START_NODE, END_NODE}]
        if node.id in self.pairs or any(it not in self.pairs for it in above):
            return False
        equal = self._by_key.get(_key(node, self._name_of(node), self.pairs))
        while equal:
            found = equal.popleft()
            if found in self._left:
                self._pair(node.id, found)
                return True
        return False

    def _pair(self, new: NodeId, old: NodeId) -> None:
        self.pairs[new] = old
        del self._left[old]


def _key(node: Node, name: str, renamed: Mapping[NodeId, NodeId]) -> object:
    return name, _bound(node, renamed), frozenset(renamed.get(it, it) for it in node.upstream)


def _bound(node: Node, renamed: Mapping[NodeId, NodeId]) -> frozenset[tuple[str, str]]:
    """Return what a node is given, in words that are equal for equal sources; `renamed` gives old ids."""
    return frozenset((binding.var, data(binding.data, renamed)) for binding in node.bindings)
