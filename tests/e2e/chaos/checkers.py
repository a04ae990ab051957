"""The guarantees, each checked by itself against the API, the databases and what the tasks noted."""

import asyncio
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

from flytelike.codec.ids import execution_id_from_proto
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from flytelike.remote import Client, executions
from flytelike.types.inputs import json_from_literal
from flytelike_idl.admin import task_execution_pb2
from flytelike_idl.core import execution_pb2
from propeller.core import node_state
from propeller.engine.encoding import decode
from tests.e2e.chaos.ledger import Ledger, Note
from tests.e2e.chaos.scenario import ALL
from tests.e2e.chaos.site import Site
from tests.e2e.chaos.witness import View

SYSTEM_RETRIES = 3
"""How many losses of an attempt are borne."""
RETRIES = {"third_time": 3, "hopeless": 1, "in_two_goes": 1}
"""How many failures of their own the tasks may have, beside the last."""
PHASES = {
    node_state.Succeeded: {NodePhase.SUCCEEDED, NodePhase.RECOVERED},
    node_state.Failed: {NodePhase.FAILED, NodePhase.TIMED_OUT},
    node_state.Skipped: {NodePhase.SKIPPED},
    node_state.LeftOut: {NodePhase.SKIPPED},
    node_state.Aborted: {NodePhase.ABORTED},
}

Attempts = dict[tuple[str, str], list[task_execution_pb2.TaskExecution]]


async def attempts_of(client: Client, view: View) -> Attempts:
    """Return the recorded attempts of all nodes of tasks."""
    found = {}
    for key, node in view.nodes.items():
        attempts = await executions.attempts(client, node.id)
        if attempts:
            found[key] = attempts
    return found


async def right_ends(client: Client, view: View) -> list[str]:
    """Every execution ends in its phase with its outputs, or with its error."""
    faults = []
    for case in ALL:
        execution = view.executions[case.name]
        phase = WorkflowPhase(execution.closure.phase)
        told = execution.closure.error.code
        if phase is not case.phase or told != case.error:
            faults.append(f"{case.name} ended {phase.name} {told}: {execution.closure.error.message[:400]}")
        elif case.output is not None:
            _, outputs = await executions.data(client, execution_id_from_proto(execution.id))
            if (given := json_from_literal(outputs["o0"])) != case.output:
                faults.append(f"{case.name} gave {given}, not {case.output}")
    return faults


def nodes_have_ended(view: View) -> Iterator[str]:
    """No node is left on its way once its execution has ended, and branches that were not taken are skipped."""
    for (name, path), node in view.nodes.items():
        if not NodePhase(node.closure.phase).terminal:
            yield f"{name} has ended, its node {path} is {NodePhase(node.closure.phase).name}"
    skipped = [key for key, node in view.nodes.items() if node.closure.phase == NodePhase.SKIPPED]
    if ("branches", "n0") in view.nodes and not any(name == "branches" for name, _ in skipped):
        yield "no node of `branches` was skipped"


def attempts_add_up(view: View, attempts: Attempts) -> Iterator[str]:
    """At most one success a node, the last attempt; nothing tried more often than it may be; none left out."""
    for key, tries in attempts.items():
        if view.nodes[key].metadata.is_array:
            continue
        numbers = [one.id.retry_attempt for one in tries]
        if numbers != [*range(len(tries))]:
            yield f"{key} has the attempts {numbers}"
        if any(one.closure.phase == TaskPhase.SUCCEEDED for one in tries[:-1]):
            yield f"{key} was tried again after it had succeeded"
        if any(not TaskPhase(one.closure.phase).terminal for one in tries):
            yield f"{key} has an attempt without an end"
        task = tries[0].id.task_id.name.rpartition(".")[2]
        failed = [one.closure.error.kind for one in tries if one.closure.phase == TaskPhase.FAILED]
        own = failed.count(execution_pb2.ExecutionError.USER)
        if own > RETRIES.get(task, 0) + 1:
            yield f"{key} ({task}) failed {own} times by itself"
        if len(failed) - own > SYSTEM_RETRIES + 1:
            yield f"{key} was lost {len(failed) - own} times"


def nothing_lost_or_repeated(
    view: View, attempts: Attempts, succeeded_ns: dict[str, int], ledger: Ledger
) -> Iterator[str]:
    """What succeeded did run to its end, and was never begun again; what never ran is told of nowhere."""
    notes = ledger.notes()
    began, ended = _by_attempt(notes, "begin"), _by_attempt(notes, "end")
    for (name, path), tries in attempts.items():
        if view.nodes[name, path].metadata.is_array:
            continue
        last = tries[-1]
        here = f"{name}-{path}"
        if last.closure.phase == TaskPhase.SUCCEEDED and began[here, last.id.retry_attempt]:
            if not ended[here, last.id.retry_attempt]:
                yield f"{here} is told to have succeeded in attempt {last.id.retry_attempt}, which never ended"
            at_ns = last.closure.updated_at.ToNanoseconds()
            succeeded_ns[here] = min(at_ns, succeeded_ns.get(here, at_ns))
        for one in notes:
            if one.node == here and one.attempt >= len(tries):
                yield f"attempt {one.attempt} of {here} ran, and nothing tells of it"
    known = {f"{name}-{path}" for name, path in view.nodes}
    yield from (f"{node} ran, and nothing tells of it" for node in {one.node_of_spec for one in notes} - known)
    for one in notes:
        if one.what == "begin" and one.at_ns > succeeded_ns.get(one.node, one.at_ns):
            late_ms = (one.at_ns - succeeded_ns[one.node]) / 1e6
            yield f"{one.label} of {one.node} began once more {late_ms:.0f} ms after its success was recorded"
    for case in ALL:
        for label in case.ran:
            if not any(one.label == label and one.node.startswith(f"{case.name}-") for one in notes):
                yield f"`{label}` of {case.name} never ran"


def done_once_for_all(lives: int, losses: int, ledger: Ledger) -> Iterator[str]:
    """Equal work that is cached is done by one at a time, and again only where a kill lost it."""
    begun: dict[tuple[str, int], int] = {}
    whole: list[tuple[int, int, str]] = []
    for one in ledger.notes():
        if one.label.startswith("costly-"):
            if one.what == "begin":
                begun[one.node, one.attempt] = one.at_ns
            else:
                whole.append((begun[one.node, one.attempt], one.at_ns, one.node))
    if len(whole) > lives + losses:
        yield f"equal work was done {len(whole)} times with {lives - 1} restarts and {losses} lost workers"
    for (_, ended_ns, node), (begun_ns, _, other) in pairwise(sorted(whole)):
        if begun_ns < ended_ns:
            yield f"{other} did what {node} was doing"


async def elements_kept_waiting_count_for_nothing(client: Client, view: View, losses: int) -> list[str]:
    """Elements that found the disk full are in the attempt in which they found it, but for workers that were killed."""
    faults = []
    for (name, path), node in view.nodes.items():
        if name == "mapped-files" and node.metadata.is_array:
            async for element in executions.elements(client, node.id):
                if element.attempt > losses:
                    faults.append(f"element {element.index} of {name}-{path} is in attempt {element.attempt}")
    return faults


async def nothing_to_do(data: Path) -> bool:
    """Wait until the engine has carried out and told all; False if it does not come to that."""
    for _ in range(300):
        with closing(_open(data / "propeller.db")) as engine:
            left = engine.execute(
                "select (select count(*) from propeller_command) + (select count(*) from propeller_history)"
            ).fetchone()[0]
        if not left:
            return True
        await asyncio.sleep(0.1)
    return False


def houses_agree(data: Path, view: View) -> Iterator[str]:
    """The engine's store and the control plane tell the same, and nothing is left to be done in either."""
    with closing(_open(data / "propeller.db")) as engine, closing(_open(data / "controlplane.db")) as plane:
        for table, where in (("propeller_command", ""), ("propeller_history", "")):
            for row in engine.execute(f"select execution from {table} {where}"):  # noqa: S608 - our own words
                yield f"{table} still has something of execution {row[0]}"
        for (reservation,) in plane.execute("select count(*) from catalog_reservations where until > 0"):
            if reservation:
                yield f"{reservation} reservations of cached work are left"
        rows = engine.execute("select id, name, closed from propeller_execution").fetchall()
        for number, name, closed in rows:
            if not closed:
                yield f"the engine holds {name} for unfinished"
            cells = engine.execute(
                "select key, state from propeller_cell where execution = ? and state is not null", (number,)
            )
            for path, state in cells.fetchall():
                yield from _agree(view, name, path, decode(state))
        if missing := set(view.executions) - {name for _, name, _ in rows}:
            yield f"the engine knows nothing of {sorted(missing)}"


def _agree(view: View, name: str, path: str, state: object) -> Iterator[str]:
    told = PHASES.get(type(state))
    node = view.nodes.get((name, path.replace(".", "-")), view.nodes.get((name, path)))
    if told is None or node is None:
        return
    if NodePhase(node.closure.phase) not in told:
        yield f"{name}/{path}: the engine says {state}, the control plane {NodePhase(node.closure.phase).name}"


def nothing_left_behind(site: Site) -> Iterator[str]:
    """With the platform down: no process, no folder for a worker's scratch."""
    yield from (f"the process {one.pid} is left" for one in site.processes())
    yield from (f"{one.relative_to(site.root)} is left" for one in site.scratch.iterdir())


def all_can_go(site: Site, view: View) -> Iterator[str]:
    """A collection finds all executions and nothing that belongs to none; afterwards their data are gone."""
    done = site.cli("gc", "--older-than", "0s", "--yes", "--json")
    if done.code:
        yield f"gc failed: {done.stderr}"
        return
    report = json.loads(done.stdout)
    if report["executions"] != len(view.executions) or report["waiting"]:
        yield f"gc found {report['executions']} executions of {len(view.executions)}: {report}"
    if report["orphans"]["count"]:
        yield f"gc found what belongs to nobody: {report['orphans']}"
    left = list((site.data / "logs").rglob("*.log"))
    left += [path for path in (site.data / "store" / "metadata" / "propeller").rglob("*") if path.is_file()]
    yield from (f"{path.relative_to(site.data)} is left after gc" for path in left[:10])


def _by_attempt(notes: list[Note], what: str) -> Counter[tuple[str, int]]:
    return Counter((one.node, one.attempt) for one in notes if one.what == what)


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)
