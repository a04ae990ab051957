"""The history of a finished execution: its plan, the events in their batches, and what was decided at each."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from flytelike.codec.closures import closure_from_proto, closure_to_proto
from flytelike.model.closure import WorkflowClosure
from flytelike.model.history import AttemptChanged, NodeChanged, Record
from flytelike.model.ids import NodePath
from flytelike_idl.core import compiler_pb2 as pb
from propeller.core.decision import Decision
from propeller.core.evaluate import evaluate
from propeller.core.events import AttemptExpanded, Event, GraphTaken
from propeller.core.header import Limits
from propeller.core.invariants import check
from propeller.core.plan import Plan, scope_of
from propeller.core.reuse import Reuse
from propeller.core.state import ExecutionState
from tests.golden.plain import Plain, from_plain, to_plain

FOLDER = Path(__file__).parent / "histories"


@dataclass
class History:
    """What a file holds. `graphs` are those that dynamic nodes gave, by digest."""

    closure: WorkflowClosure
    limits: Limits
    reuse: Mapping[NodePath, Reuse]
    graphs: Mapping[str, WorkflowClosure]
    batches: Sequence[Sequence[Event]]
    decided: list[Plain] = field(default_factory=list)

    @staticmethod
    def read(path: Path) -> "History":
        """Read a file: the first line tells what was executed, each other one a batch and its decision."""
        first, *lines = [json.loads(line) for line in path.read_text().splitlines()]
        return History(
            _closure(first["closure"]),
            from_plain(first["limits"]),
            {NodePath(at): Reuse[name] for at, name in first["reuse"].items()},
            {digest: _closure(graph) for digest, graph in first["graphs"].items()},
            [[from_plain(event) for event in line["events"]] for line in lines],
            [line["decided"] for line in lines],
        )

    def write(self, path: Path) -> None:
        """Write a new file; refuses to write over one."""
        first = {
            "closure": _told(self.closure),
            "limits": to_plain(self.limits),
            "reuse": {at: what.name for at, what in self.reuse.items()},
            "graphs": {digest: _told(graph) for digest, graph in self.graphs.items()},
        }
        pairs = zip(self.batches, self.decided, strict=True)
        lines = [first, *({"events": to_plain(batch), "decided": decided} for batch, decided in pairs)]
        with path.open("x") as file:
            file.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)

    def replay(self) -> Iterator[Decision]:
        """Yield what the present core decides, batch by batch; its state is checked after each."""
        plan = Plan.of(self.closure)
        state = ExecutionState.new(plan, self.limits, self.reuse)
        for batch in self.batches:
            for event in batch:
                if isinstance(event, AttemptExpanded | GraphTaken):
                    attempt = event.attempt if isinstance(event, AttemptExpanded) else 0
                    plan.grafts.setdefault(scope_of(event.path, attempt), Plan.of(self.graphs[event.graph]))
            decision = evaluate(plan, state, batch)
            state.apply(decision)
            check(plan, state)
            yield decision

    def features(self) -> Counter[str]:
        """Tell what occurs in it: kinds of events and commands, and transitions of nodes."""
        found = Counter(type(event).__name__ for batch in self.batches for event in batch)
        for decision in self.replay():
            found.update(type(command).__name__ for command in decision.commands)
            found.update(step.transition.name for step in decision.steps)
        return found


def told(decision: Decision) -> Plain:
    """Return all that is stored and carried out of a decision, but for words that only people read."""
    elements = {"chunks": decision.chunks, "dropped": decision.dropped}
    return {
        **{name: to_plain(found) for name, found in elements.items() if found},
        "header": to_plain(decision.header),
        "nodes": to_plain(decision.nodes),
        "commands": to_plain(decision.commands),
        "records": to_plain([_silent(record) for record in decision.records]),
        "graphs": to_plain(decision.graphs),
    }


def _silent(record: Record) -> Record:
    match record:
        case NodeChanged():
            return replace(record, waits="", waits_until_ns=0, priority=0)
        case AttemptChanged():
            return replace(record, next_ns=0)
        case _:
            return record


def _closure(message: dict[str, Any]) -> WorkflowClosure:
    return closure_from_proto(json_format.ParseDict(message, pb.CompiledWorkflowClosure()))


def _told(closure: WorkflowClosure) -> Mapping[str, Any]:
    message = closure_to_proto(closure)
    shown: Mapping[str, Any] = json_format.MessageToDict(message)
    return shown
