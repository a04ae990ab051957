"""What `evaluate` gives: only what changed, and what is to be done and told about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from flytelike.model.history import Record
from flytelike.model.ids import Digest, NodePath
from propeller.core.commands import Command
from propeller.core.elements import Chunk
from propeller.core.header import Header
from propeller.core.node_state import NodeState
from propeller.core.transitions import Transition


class Step(NamedTuple):
    """One transition that was taken, for traces and for measuring what tests cover."""

    path: NodePath
    transition: Transition


@dataclass(frozen=True, slots=True)
class Decision:
    """The difference that a batch of events makes.

    `header` is the execution's header from now on (the same object as before if nothing in
    it changed), `nodes` the states that changed. `commands` are to be carried out in order
    after the commit, `records` to be told in order. `graphs` are those that dynamic nodes gave, by
    the scope that each opens. `chunks` are the elements of arrays that changed, and `dropped` the keys
    of what is not kept any longer. `steps` explain, and are not stored.
    """

    header: Header
    nodes: Mapping[NodePath, NodeState] = field(default_factory=dict)
    commands: tuple[Command, ...] = ()
    records: tuple[Record, ...] = ()
    steps: tuple[Step, ...] = ()
    graphs: Mapping[NodePath, Digest] = field(default_factory=dict)
    chunks: Mapping[NodePath, Chunk] = field(default_factory=dict)
    dropped: tuple[NodePath, ...] = ()

    @property
    def changes_nothing(self) -> bool:
        """Whether the events were all stale, so that nothing needs to be stored."""
        return not (self.steps or self.nodes or self.commands or self.records)
