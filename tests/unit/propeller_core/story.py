"""Decisions and transitions, told to people: for traces of tests and simulations, and for the docs."""

from collections.abc import Iterable
from typing import assert_never

from flytelike.model.history import AttemptChanged, ElementsChanged, ExecutionChanged, NodeChanged, Record
from flytelike.model.phases import TaskPhase
from propeller.core.commands import SetTimer
from propeller.core.decision import Decision
from propeller.core.transitions import Transition


def tell(decision: Decision) -> list[str]:
    """Return a line for each transition, command and record of a decision."""
    lines = [f"{step.path or 'execution'}: {step.transition.name}" for step in decision.steps]
    for command in decision.commands:
        due = f" due {command.due_ns}" if isinstance(command, SetTimer) else ""
        lines.append(f"do {command.id}{due}")
    lines.extend(f"record {tell_record(record)}" for record in decision.records)
    return lines


def tell_record(record: Record) -> str:
    """Return a record in a few words, such as `attempt n0/1 FAILED OOMKilled`."""
    match record:
        case ExecutionChanged(phase=phase):
            what = f"execution {phase.name}"
        case NodeChanged(path=path, phase=node_phase):
            what = f"node {path} {node_phase.name}"
        case AttemptChanged(path=path, attempt=attempt, phase=task_phase):
            what = f"attempt {path}/{attempt} {task_phase.name}"
        case ElementsChanged(path=path, changes=changes):
            told = ", ".join(f"{first}+{count} {TaskPhase(phase).name}" for first, count, phase in changes)
            what = f"elements {path} {told or record.length}"
        case unreachable:
            assert_never(unreachable)
    return f"{what} {record.failure.code}" if record.failure else what


def draw(transitions: Iterable[Transition]) -> str:
    """Return a Mermaid state diagram; causes that lead from one state to another share an arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for row in transitions:
        source = row.source.__name__ if row.source else "[*]"
        arrows.setdefault((source, row.target.__name__), []).append(row.cause.name.lower())
    lines = [
        f"    {source} --> {target}: {', '.join(sorted(causes))}" for (source, target), causes in sorted(arrows.items())
    ]
    return "\n".join(["stateDiagram-v2", *lines])
