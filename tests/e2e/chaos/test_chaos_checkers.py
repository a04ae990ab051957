"""The checkers find what they are for: each planted fault is told, and a history without faults passes."""

from collections.abc import Iterable
from pathlib import Path
from typing import cast

import pytest

from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from flytelike.remote import Client
from flytelike_idl.admin import execution_pb2, node_execution_pb2, task_execution_pb2
from flytelike_idl.core import execution_pb2 as core_pb2
from tests.e2e.chaos import checkers
from tests.e2e.chaos.ledger import Ledger
from tests.e2e.chaos.scenario import ALL
from tests.e2e.chaos.witness import View, Witness

NODE = ("chain", "n0")
USER, SYSTEM = core_pb2.ExecutionError.USER, core_pb2.ExecutionError.SYSTEM
CLEAN_UPS = "\n".join(f"1 begin clean_up {case.name}-fn0-0" for case in ALL if case.ran)


def node(phase: NodePhase = NodePhase.SUCCEEDED) -> node_execution_pb2.NodeExecution:
    return node_execution_pb2.NodeExecution(closure=node_execution_pb2.NodeExecutionClosure(phase=int(phase)))


def attempts(*ends: TaskPhase, kind: int = USER, at_ns: int = 50) -> checkers.Attempts:
    found = []
    for number, phase in enumerate(ends):
        one = task_execution_pb2.TaskExecution()
        one.id.retry_attempt, one.id.task_id.name = number, "flows.add"
        one.closure.phase, one.closure.error.kind = int(phase), kind
        one.closure.updated_at.FromNanoseconds(at_ns)
        found.append(one)
    return {NODE: found}


def view(*more: tuple[str, str]) -> View:
    handlers = [(case.name, "fn0") for case in ALL if case.ran]
    return View(nodes=dict.fromkeys([NODE, *handlers, *more], node()))


def ledger(folder: Path, lines: str) -> Ledger:
    (folder / "ledger").write_text(f"{CLEAN_UPS}\n{lines}")
    return Ledger(folder / "ledger")


RIGHT = "10 begin add chain-n0-0\n20 end add chain-n0-0\n"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (RIGHT, ""),
        ("5 begin add chain-n0-0\n" + RIGHT, ""),
        ("10 begin add chain-n0-0\n", "which never ended"),
        (RIGHT + "60 begin add chain-n0-0\n", "began once more"),
        (RIGHT + "30 begin add chain-n0-1\n", "attempt 1 of chain-n0 ran"),
        (RIGHT + "30 begin add chain-n9-0\n", "chain-n9 ran, and nothing tells of it"),
    ],
)
def test_lost_and_repeated_work_is_found(tmp_path: Path, lines: str, told: str) -> None:
    found = checkers.nothing_lost_or_repeated(view(), attempts(TaskPhase.SUCCEEDED), {}, ledger(tmp_path, lines))
    assert_told(found, told)


def test_a_success_that_somebody_saw_counts_from_then_on(tmp_path: Path) -> None:
    lines = ledger(tmp_path, "10 begin even_only mapped-n0-0/3/0\n40 begin even_only mapped-n0-0/3/0\n")
    found = checkers.nothing_lost_or_repeated(view(("mapped", "n0")), {}, {"mapped-n0-0/3": 30}, lines)
    assert_told(found, "began once more")


@pytest.mark.parametrize(
    ("ends", "kind", "told"),
    [
        ([TaskPhase.SUCCEEDED], USER, ""),
        ([TaskPhase.FAILED] * 4 + [TaskPhase.SUCCEEDED], SYSTEM, ""),
        ([TaskPhase.SUCCEEDED] * 2, USER, "again after it had succeeded"),
        ([TaskPhase.RUNNING], USER, "without an end"),
        ([TaskPhase.FAILED] * 2, USER, "failed 2 times by itself"),
        ([TaskPhase.FAILED] * 5, SYSTEM, "was lost 5 times"),
    ],
)
def test_attempts_beyond_what_is_allowed_are_found(ends: list[TaskPhase], kind: int, told: str) -> None:
    assert_told(checkers.attempts_add_up(view(), attempts(*ends, kind=kind)), told)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("1 begin costly-1 a-n0-0\n5 end costly-1 a-n0-0\n", ""),
        (
            "1 begin costly-1 a-n0-0\n2 begin costly-1 b-n0-0\n3 end costly-1 b-n0-0\n4 end costly-1 a-n0-0\n",
            "was doing",
        ),
        ("".join(f"{n} begin costly-1 {n}-n0-0\n{n} end costly-1 {n}-n0-0\n" for n in range(4)), "done 4 times"),
    ],
)
def test_work_done_twice_is_found(tmp_path: Path, lines: str, told: str) -> None:
    (tmp_path / "ledger").write_text(lines)
    assert_told(checkers.done_once_for_all(2, 1, Ledger(tmp_path / "ledger")), told)


def test_nodes_without_an_end_are_found() -> None:
    assert_told(checkers.nodes_have_ended(View(nodes={NODE: node(NodePhase.RUNNING)})), "is RUNNING")


def test_what_ended_and_changed_is_found() -> None:
    witness = Witness(cast("Client", None))
    ended = execution_pb2.Execution(closure=execution_pb2.ExecutionClosure(phase=int(WorkflowPhase.FAILED)))
    before = View({"chain": ended}, {NODE: node()})
    witness._compare(before, before)
    assert witness.faults == []
    witness._compare(before, View({}, {NODE: node(NodePhase.FAILED)}))
    assert len(witness.faults) == 2


def assert_told(found: Iterable[str], told: str) -> None:
    faults = list(found)
    assert (len(faults) > 0) is bool(told), faults
    assert all(told in fault for fault in faults), faults
