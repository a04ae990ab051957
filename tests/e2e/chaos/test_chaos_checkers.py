"""The checkers find what they are for: each planted fault is told, and a history without faults passes."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from flytelike.model.ids import ExecutionId
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from flytelike.remote import Client
from flytelike_idl.admin import execution_pb2, node_execution_pb2, task_execution_pb2
from flytelike_idl.core import execution_pb2 as core_pb2
from propeller.core import node_state
from propeller.engine.encoding import encode
from tests.e2e.chaos import checkers
from tests.e2e.chaos.ledger import Ledger
from tests.e2e.chaos.scenario import ALL, DOMAIN, PROJECT
from tests.e2e.chaos.site import Site
from tests.e2e.chaos.witness import View, Witness
from tests.e2e.cli import Outcome

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


def ended(phase: WorkflowPhase, error: str = "") -> execution_pb2.Execution:
    closure = execution_pb2.ExecutionClosure(phase=int(phase))
    if error:
        closure.error.code = error
    return execution_pb2.Execution(closure=closure)


@pytest.mark.parametrize(
    ("name", "instead", "output", "told"),
    [
        ("", None, None, ""),
        ("chain", ended(WorkflowPhase.FAILED, "USER:ValueError"), None, "chain ended FAILED USER:ValueError"),
        ("failing", ended(WorkflowPhase.FAILED, "OutputsNotFound"), None, "failing ended FAILED OutputsNotFound"),
        ("stopped", ended(WorkflowPhase.SUCCEEDED), None, "stopped ended SUCCEEDED"),
        ("chain", None, 68, "chain gave 68, not 69"),
    ],
)
def test_wrong_ends_are_found(
    monkeypatch: pytest.MonkeyPatch, name: str, instead: execution_pb2.Execution | None, output: object, told: str
) -> None:
    given = {case.name: case.output for case in ALL} | ({name: output} if output is not None else {})

    async def data(_: Client, execution: ExecutionId) -> tuple[dict[str, object], dict[str, object]]:
        return {}, {"o0": given[execution.name]}

    monkeypatch.setattr(checkers.executions, "data", data)
    monkeypatch.setattr(checkers, "json_from_literal", lambda value: value)
    all_right = {case.name: ended(case.phase, case.error) for case in ALL}
    for case, execution in all_right.items():
        execution.id.project, execution.id.domain, execution.id.name = PROJECT, DOMAIN, case
    found = View(executions=all_right | ({name: instead} if instead is not None else {}))
    assert_told(asyncio.run(checkers.right_ends(cast("Client", None), found)), told)


STORED = """
create table propeller_command (execution integer);
create table propeller_history (execution integer);
create table propeller_execution (id integer, name text, closed integer);
create table propeller_cell (execution integer, key text, state blob);
insert into propeller_execution values (1, 'chain', 1);
"""


@pytest.mark.parametrize(
    ("engine", "plane", "told"),
    [
        ("", "", ""),
        ("insert into propeller_command values (1)", "", "propeller_command still has something of execution 1"),
        ("insert into propeller_history values (1)", "", "propeller_history still has something"),
        ("", "insert into catalog_reservations values ('d', 5)", "1 reservations of cached work are left"),
        ("update propeller_execution set closed = 0", "", "holds chain for unfinished"),
        ("update propeller_execution set name = 'other'", "", "knows nothing of ['chain']"),
        (
            "update propeller_cell set state = (select state from propeller_cell where key = 'n1')",
            "",
            "the engine says",
        ),
    ],
)
def test_houses_that_disagree_are_found(tmp_path: Path, engine: str, plane: str, told: str) -> None:
    with closing(sqlite3.connect(tmp_path / "propeller.db")) as store, store:
        store.executescript(STORED)
        for key, state in (("n0", node_state.Succeeded(0)), ("n1", node_state.Skipped())):
            store.execute("insert into propeller_cell values (1, ?, ?)", (key, encode(state)))
        store.execute(engine)
    with closing(sqlite3.connect(tmp_path / "controlplane.db")) as store, store:
        store.execute("create table catalog_reservations (digest text, until integer)")
        store.execute(plane)
    nodes = {NODE: node(), ("chain", "n1"): node(NodePhase.SKIPPED)}
    found = View(executions={"chain": ended(WorkflowPhase.SUCCEEDED)}, nodes=nodes)
    assert_told(checkers.houses_agree(tmp_path, found), told)


class Left:
    """A site that is down: what it left, and what a collection tells."""

    def __init__(self, folder: Path, gc: Outcome | None = None, *pids: int) -> None:
        self.root, self.scratch, self.data = folder, folder / "tmp", folder / "data"
        self.gc, self.pids = gc, pids
        self.scratch.mkdir()
        self.data.mkdir()

    def processes(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(pid=pid) for pid in self.pids]

    def cli(self, *words: str) -> Outcome:
        assert words[0] == "gc"
        assert self.gc is not None
        return self.gc


def test_processes_and_folders_that_are_left_are_found(tmp_path: Path) -> None:
    site = Left(tmp_path)
    assert_told(checkers.nothing_left_behind(cast("Site", site)), "")
    site.pids = (17,)
    assert_told(checkers.nothing_left_behind(cast("Site", site)), "the process 17 is left")
    site.pids = ()
    (site.scratch / "ftl-1").mkdir()
    assert_told(checkers.nothing_left_behind(cast("Site", site)), "tmp/ftl-1 is left")


CLEAN: dict[str, object] = {"executions": 1, "waiting": 0, "orphans": {"count": 0}}


@pytest.mark.parametrize(
    ("code", "report", "left", "told"),
    [
        (0, CLEAN, "", ""),
        (1, CLEAN, "", "gc failed"),
        (0, CLEAN | {"executions": 2}, "", "gc found 2 executions of 1"),
        (0, CLEAN | {"waiting": 1}, "", "gc found 1 executions of 1"),
        (0, CLEAN | {"orphans": {"count": 3}}, "", "belongs to nobody"),
        (0, CLEAN, "logs/p/e/n0/0.log", "0.log is left after gc"),
        (0, CLEAN, "store/metadata/propeller/p-d-e/n0/data/inputs.pb", "inputs.pb is left after gc"),
    ],
)
def test_what_a_collection_leaves_or_misses_is_found(
    tmp_path: Path, code: int, report: dict[str, object], left: str, told: str
) -> None:
    site = Left(tmp_path, Outcome(code, json.dumps(report), "no"))
    if left:
        (site.data / left).parent.mkdir(parents=True)
        (site.data / left).touch()
    found = View(executions={"chain": ended(WorkflowPhase.SUCCEEDED)})
    assert_told(checkers.all_can_go(cast("Site", site), found), told)


@pytest.mark.parametrize(("attempt", "told"), [(2, ""), (3, "element 4 of mapped-files-n0 is in attempt 3")])
def test_attempts_that_a_full_disk_cost_are_found(monkeypatch: pytest.MonkeyPatch, attempt: int, told: str) -> None:
    async def elements(_: Client, __: object) -> AsyncIterator[SimpleNamespace]:
        yield SimpleNamespace(index=4, attempt=attempt)

    monkeypatch.setattr(checkers.executions, "elements", elements)
    array = node()
    array.metadata.is_array = True
    found = View(nodes={("mapped-files", "n0"): array, NODE: node()})
    told_of = checkers.elements_kept_waiting_count_for_nothing(cast("Client", None), found, losses=2)
    assert_told(asyncio.run(told_of), told)


def assert_told(found: Iterable[str], told: str) -> None:
    faults = list(found)
    assert (len(faults) > 0) is bool(told), faults
    assert all(told in fault for fault in faults), faults
