"""Numbers derived from node states, so that no step has to look at all nodes.

The same code counts for the state itself and for the changes laid over it while a batch is
evaluated; both times each entry is a function of the node states alone.
"""

from collections import OrderedDict
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from flytelike.model.ids import NodePath
from propeller.core.elements import element_of
from propeller.core.node_state import DONE_STATES, END_STATES, SLOT_STATES, Held, NodeState
from propeller.core.plan import Place, path_in


class Counts(Protocol):
    """Numbers by path."""

    def get(self, key: NodePath, /) -> int | None:
        """Return the number, or None if there is none yet."""

    def __setitem__(self, key: NodePath, value: int, /) -> None: ...


class BaseCounts(dict[NodePath, int]):
    """Counts of a state."""

    __slots__ = ()

    def forget(self, key: NodePath) -> None:
        """Drop a number, if there is one."""
        self.pop(key, None)


class LayeredCounts:
    """Counts whose changes lie over a base that is only read."""

    __slots__ = ("_base", "_over")

    def __init__(self, base: Counts) -> None:
        """Start without changes."""
        self._base = base
        self._over: dict[NodePath, int] = {}

    def get(self, key: NodePath, /) -> int | None:
        """Return the number, or None if there is none yet."""
        value = self._over.get(key)
        return self._base.get(key) if value is None else value

    def __setitem__(self, key: NodePath, value: int, /) -> None:
        self._over[key] = value


C = TypeVar("C", bound=Counts)


@dataclass(slots=True)
class Tally(Generic[C]):
    """What is counted.

    `missing` tells for a waiting node how many of its upstream nodes are not done,
    `open` for a scope how many of its nodes have not ended; both only where the number is
    not the full one. `slots` are the nodes that count towards `max_parallelism`.
    """

    missing: C
    open: C
    slots: int = 0
    held: int = 0

    def over(self) -> "Tally[LayeredCounts]":
        """Return a tally that starts from this one and leaves it as it is."""
        return Tally(LayeredCounts(self.missing), LayeredCounts(self.open), self.slots, self.held)

    def moved(self, place: Place, old: NodeState | None, new: NodeState) -> None:
        """Count a node's change of state."""
        before, after = type(old), type(new)
        slots = (after in SLOT_STATES) - (before in SLOT_STATES)
        if slots and not element_of(place.path):
            self.slots += slots
        self.held += (after is Held) - (before is Held)
        if after not in END_STATES or place.workflow.of_elements:
            return
        if not place.node.aside:
            self.open[place.scope] = self.open_in(place) - 1
        if after in DONE_STATES:
            for node_id in place.node.downstream:
                below = path_in(place.scope, node_id)
                missing = self.missing.get(below)
                if missing is None:
                    missing = len(place.workflow.nodes[node_id].upstream)
                self.missing[below] = missing - 1

    def missing_above(self, place: Place) -> int:
        """Return how many of a waiting node's upstream nodes have not succeeded."""
        count = self.missing.get(place.path)
        return len(place.node.upstream) if count is None else count

    def open_in(self, place: Place) -> int:
        """Return how many nodes of the place's scope have not ended."""
        count = self.open.get(place.scope)
        return place.workflow.size if count is None else count


@dataclass(slots=True)
class Index:
    """The tally of a state, its active nodes by scope, those held by priority, and what lies in which element."""

    tally: Tally[BaseCounts] = field(default_factory=lambda: Tally(BaseCounts(), BaseCounts()))
    active: MutableMapping[NodePath, dict[NodePath, None]] = field(default_factory=dict)
    lines: "dict[int, OrderedDict[NodePath, None]]" = field(default_factory=dict)
    inside: dict[NodePath, dict[NodePath, None]] = field(default_factory=dict)

    def moved(self, place: Place, old: NodeState | None, new: NodeState) -> None:
        """Take a node's change of state in. Held nodes must come by ascending `order`."""
        self.tally.moved(place, old, new)
        self.holds(place.path)
        if isinstance(old, Held):
            line = self.lines[old.priority]
            del line[place.path]
            if not line:
                del self.lines[old.priority]
        if isinstance(new, Held):
            self.lines.setdefault(new.priority, OrderedDict())[place.path] = None
        if type(new) in END_STATES:
            active = self.active.get(place.scope)
            if active is not None:
                active.pop(place.path, None)
                if not active:
                    del self.active[place.scope]
        else:
            self.active.setdefault(place.scope, {})[place.path] = None

    def holds(self, key: NodePath) -> None:
        """Remember a key if it lies inside of an element."""
        element = element_of(key)
        if element:
            self.inside.setdefault(element, {})[key] = None

    def dropped(self, place: Place) -> None:
        """Forget what was counted for a node inside of an element that is gone."""
        tally = self.tally
        self.inside.pop(element_of(place.path), None)
        tally.open.forget(place.scope)
        for node_id in place.node.downstream:
            tally.missing.forget(path_in(place.scope, node_id))
