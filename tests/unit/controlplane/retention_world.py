"""Small worlds of executions that refer to each other's data, and an independent idea of what may go."""

import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from flytelike.codec.literals import literal_map_to_proto
from flytelike.codec.parse import serialise
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.collecting.policy import Policies, Rule
from flytelike.controlplane.collecting.ports import Keepers, Stranger
from flytelike.controlplane.collecting.report import Report
from flytelike.controlplane.collecting.wish import Wish
from flytelike.controlplane.repository.executions import add_execution
from flytelike.controlplane.schema import executions, node_executions, task_executions
from flytelike.embedded.keepers import EngineLayout
from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.literals import Blob, Literal
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from flytelike.model.types import BlobType
from flytelike.storage import Store
from flytelike_idl.admin import execution_pb2
from propeller.engine import places
from tests.unit.controlplane.builders import FakeLauncher, settings_for

DAY_NS = 24 * 3600 * 1_000_000_000
PROJECT, DOMAIN = "default", "development"


class SetClock:
    """A clock that tests set; it begins a day before the machine's."""

    def __init__(self) -> None:
        self.ns = time.time_ns() - DAY_NS

    def now_ns(self) -> int:
        return self.ns


@dataclass
class FakeStates:
    """The engine's states: what was forgotten, and what cannot be yet."""

    forgotten: list[ExecutionId] = field(default_factory=list)
    held: set[str] = field(default_factory=set)

    async def forget(self, executions: Sequence[ExecutionId]) -> Collection[ExecutionId]:
        self.forgotten += [execution for execution in executions if execution.name not in self.held]
        return [execution for execution in executions if execution.name in self.held]


@dataclass
class FakeLogFiles:
    """Ten bytes of log for each execution."""

    there: set[str] = field(default_factory=set)

    async def log_bytes(self, execution: ExecutionId) -> int:
        return 10 if execution.name in self.there else 0

    async def delete_logs(self, execution: ExecutionId) -> int:
        size = await self.log_bytes(execution)
        self.there.discard(execution.name)
        return size


@dataclass
class FakeStrangers:
    """Executions that somebody else started."""

    there: list[Stranger] = field(default_factory=list)

    async def strangers(self) -> Sequence[Stranger]:
        return self.there


@dataclass(frozen=True)
class Ran:
    """An execution of a world; others are named by their number. Data places are told by the number of a folder."""

    age_days: int = 60
    phase: WorkflowPhase = WorkflowPhase.SUCCEEDED
    parent: int | None = None
    goes_on_from: int | None = None
    has_child_of: int | None = None
    folders: int = 1
    refers: tuple[tuple[int, int], ...] = ()
    workflow: str = "flow"
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def ended(self) -> bool:
        return self.phase.terminal


@dataclass
class World:
    """A control plane with executions of a `Ran` each."""

    plane: ControlPlane
    clock: SetClock
    states: FakeStates
    logs: FakeLogFiles
    root: Path
    strangers: FakeStrangers
    ran: list[Ran] = field(default_factory=list)

    def execution(self, number: int) -> ExecutionId:
        return ExecutionId(PROJECT, DOMAIN, f"e{number}")

    def folder(self, number: int, index: int) -> Path:
        """Return the data folder of a node."""
        return Path(places.raw_prefix(str(self.root / "data"), self.execution(number), NodePath(f"n{index}"), 0))

    def document(self, number: int, index: int = 0) -> Path:
        """Return where a node's outputs lie."""
        prefix = str(self.root / "metadata/propeller")
        return Path(places.outputs_uri(prefix, self.execution(number), NodePath(f"n{index}"), 0))

    async def run(self, ran: Sequence[Ran]) -> None:
        """Put executions there as if they had run, oldest first."""
        for one in ran:
            number = len(self.ran)
            self.ran.append(one)
            self._write_files(number, one)
            self.logs.there.add(self.execution(number).name)
            await self.plane.database.write(lambda connection, n=number, r=one: self._add(connection, n, r))

    async def collect(self, *rules: Rule, **wish: object) -> Report:
        """Collect and return the report."""
        report = None
        async for told in self.plane.maintenance.collect(Wish(rules, **wish)):  # type: ignore[arg-type]
            report = told
        assert isinstance(report, Report)
        return report

    async def left(self) -> set[int]:
        """Return which executions are there, found by readers or not."""
        rows = await self.plane.database.read(lambda c: c.execute(executions.select()).all())
        return {int(row.name[1:]) for row in rows if not row.deleted_at}

    async def names(self) -> set[int]:
        """Return the executions of which only the names are left."""
        rows = await self.plane.database.read(lambda c: c.execute(executions.select()).all())
        return {int(row.name[1:]) for row in rows if row.deleted_at}

    async def alive(self) -> set[int]:
        """Return which executions readers find."""
        rows = await self.plane.database.read(lambda c: c.execute(executions.select()).all())
        return {int(row.name[1:]) for row in rows if not row.deleting_at}

    def data(self) -> set[tuple[int, int]]:
        """Return which data folders there are."""
        every = [(n, i) for n, ran in enumerate(self.ran) for i in range(ran.folders)]
        return {place for place in every if (self.folder(*place) / "part").exists()}

    async def check_nothing_dangles(self) -> None:
        """Hold all that readers find to its data and documents."""
        there = self.data()
        for number in await self.alive():
            ran = self.ran[number]
            assert self.document(number).exists(), f"e{number} has lost its documents"
            missing = {*ran.refers, *((number, i) for i in range(ran.folders))} - there
            assert not missing, f"e{number} refers to {missing}"
            if ran.has_child_of is not None:
                assert ran.has_child_of in await self.left(), f"e{number} names a child that is gone"

    def _write_files(self, number: int, ran: Ran) -> None:
        for index in range(ran.folders):
            self.folder(number, index).mkdir(parents=True)
            (self.folder(number, index) / "part").write_bytes(b"12345")
        named = [(number, index) for index in range(ran.folders)] + list(ran.refers)
        outputs = {f"o{i}": Literal(Blob(f"{self.folder(*place)}/part", BlobType())) for i, place in enumerate(named)}
        self.document(number).parent.mkdir(parents=True)
        self.document(number).write_bytes(serialise(literal_map_to_proto(outputs)))

    def _add(self, connection, number: int, ran: Ran) -> None:
        at_ns = time.time_ns() + 10 * DAY_NS - ran.age_days * DAY_NS
        spec = execution_pb2.ExecutionSpec()
        spec.labels.values.update(dict(ran.labels))
        if ran.goes_on_from is not None:
            reference = self.execution(ran.goes_on_from)
            spec.metadata.reference_execution.project = reference.project
            spec.metadata.reference_execution.domain = reference.domain
            spec.metadata.reference_execution.name = reference.name
        add_execution(
            connection,
            {
                "project": PROJECT,
                "domain": DOMAIN,
                "name": f"e{number}",
                "phase": ran.phase.value,
                "mode": 0,
                "launched_kind": 3,
                "workflow_name": ran.workflow,
                "spec": serialise(spec),
                "parent_name": "" if ran.parent is None else f"e{ran.parent}",
                "created_at": at_ns,
                "updated_at": at_ns,
            },
            dict(ran.labels),
        )
        row = connection.execute(executions.select().where(executions.c.name == f"e{number}")).one()
        child = "" if ran.has_child_of is None else f"e{ran.has_child_of}"
        node = {"execution": row.id, "path": "n0", "phase": NodePhase.SUCCEEDED.value, "is_parent": False}
        node |= {"is_child": bool(child), "output_uri": str(self.document(number)), "child": child, "sequence": 1}
        connection.execute(node_executions.insert(), node)
        attempt = {"execution": row.id, "path": "n0", "attempt": 0, "phase": TaskPhase.SUCCEEDED.value, "sequence": 1}
        connection.execute(task_executions.insert(), attempt)


@asynccontextmanager
async def world(folder: Path, url: str = "", policies: Policies | None = None) -> AsyncIterator[World]:
    """Yield an empty world whose clock stands ten days ahead: all files are old enough to be orphans."""
    settings = settings_for(folder, url)
    clock, states, logs = SetClock(), FakeStates(), FakeLogFiles()
    layout = EngineLayout(f"{settings.base}/metadata/propeller")
    strangers = FakeStrangers()
    keepers = Keepers(layout, logs, states, policies or Policies(), strangers)
    plane = ControlPlane(settings, Store(), FakeLauncher(), keepers=keepers, clock=clock)
    await plane.start()
    clock.ns = time.time_ns() + 10 * DAY_NS
    try:
        yield World(plane, clock, states, logs, folder / "store", strangers)
    finally:
        await plane.close()


def expected_gone(ran: Sequence[Ran], older_than_days: int) -> set[int]:
    """Return which executions are to go, by trying again and again until no more may: a model of its own."""

    def root(number: int) -> int:
        parent = ran[number].parent
        return number if parent is None else root(parent)

    gone: set[int] = set()
    while True:
        before = set(gone)
        for number in range(len(ran)):
            family = {n for n in range(len(ran)) if root(n) == root(number)}
            old = all(ran[n].ended and ran[n].age_days >= older_than_days for n in family)
            others = [n for n in range(len(ran)) if n not in gone]
            unfinished = {ran[n].goes_on_from for n in others if not ran[n].ended}
            lent = {ran[n].has_child_of for n in others if ran[n].has_child_of is not None}
            lent = {c for c in lent if any(ran[n].has_child_of == c and ran[c].parent != n for n in others)}
            if old and not family & (unfinished | lent):
                gone |= family
        if gone == before:
            return gone
