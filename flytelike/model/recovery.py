"""What becomes of each node when an execution is made from an earlier one: a plan, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from flytelike.model.ids import NodePath
from flytelike.model.reuse import ReuseList


class Action(Enum):
    """What becomes of a node."""

    REUSE = "reuse"
    PARTLY = "partly"
    RUN = "run"
    NEW = "new"
    GONE = "gone"
    LEFT_OUT = "left out"


class Reason(Enum):
    """Why."""

    UNCHANGED = "unchanged"
    CODE = "code"
    INTERFACE = "interface"
    BINDING = "binding"
    INPUT = "input"
    UPSTREAM = "upstream"
    NOT_DONE = "not-done"
    INSIDE = "inside"
    NOT_THERE = "not-there"
    CHOSEN = "chosen"
    NOT_CHOSEN = "not-chosen"
    NEEDED = "needed"


@dataclass(frozen=True, slots=True)
class PlannedNode:
    """One node of the plan.

    `path` is the one in the new execution, `earlier` that in the earlier one; either is empty when there is
    none. `called` is what the node runs, for people; `detail` says more of the reason.
    """

    path: NodePath
    earlier: NodePath
    called: str
    action: Action
    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RecoveryPlan:
    """What becomes of each node, in the author's order, and the list that the engine is given.

    `missing_outputs` are outputs of the workflow that nobody gives, since their nodes are left out.
    """

    nodes: tuple[PlannedNode, ...]
    reuse: ReuseList = field(default_factory=dict)
    missing_outputs: tuple[str, ...] = ()

    def counts(self) -> Mapping[Action, int]:
        """Return how many nodes each action befalls."""
        found: dict[Action, int] = {}
        for node in self.nodes:
            found[node.action] = found.get(node.action, 0) + 1
        return found
