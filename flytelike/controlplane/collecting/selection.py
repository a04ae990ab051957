"""Which executions go: roots with all that their nodes started, as wholes, and none that another still needs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection

from flytelike.controlplane.collecting.policy import Ended, Rule, is_due, rule_for, youngest_age_ns
from flytelike.controlplane.collecting.report import Report
from flytelike.controlplane.database import Database
from flytelike.controlplane.repository import collecting as rows
from flytelike.controlplane.repository.collecting import Member
from flytelike.model.ids import ExecutionId
from flytelike.model.phases import WorkflowPhase
from flytelike_idl.admin import execution_pb2

ROOTS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Family:
    """An execution and all that its nodes started, theirs too."""

    root: Member
    members: tuple[Member, ...]

    @property
    def ended_ns(self) -> int | None:
        """When the last of them ended; None while one goes on."""
        if not all(WorkflowPhase(member.phase).terminal for member in self.members):
            return None
        return max(member.updated_at for member in self.members)

    def seen(self) -> Ended:
        """Return the family as rules see it."""
        root = self.root
        spec = execution_pb2.ExecutionSpec.FromString(root.spec)
        return Ended(
            root.project,
            root.domain,
            root.name,
            root.workflow_name,
            WorkflowPhase(root.phase),
            self.ended_ns or 0,
            dict(spec.labels.values),
        )


@dataclass(slots=True)
class Selection:
    """Chooses by rules, and marks what it chooses unless it is a dry run; then `going` has the numbers."""

    database: Database
    rules: Sequence[Rule]
    only: tuple[ExecutionId, ...]
    now_ns: int
    report: Report
    going: set[int] = field(default_factory=set)
    _latest: dict[tuple[str, str, str, int], frozenset[int]] = field(default_factory=dict)

    async def choose(self) -> None:
        """Go through all executions until nothing more may go: what one needed is free once that one goes."""
        more = True
        while more:
            self.report.held, self.report.held_examples = 0, []
            more = await self._round()

    async def _round(self) -> bool:
        age_ns = youngest_age_ns(self.rules)
        if age_ns is None:
            return False
        needed = await self.database.read(self._needed)
        after, chosen = 0, False
        while True:
            batch = await self.database.read(partial(self._roots, before_ns=self.now_ns - age_ns, after=after))
            if not batch:
                return chosen
            after = batch[-1].id
            roots = [root for root in batch if root.id not in self.going]
            families = await self.database.read(partial(families_of, roots=roots))
            due = [family for family in families if await self._is_due(family)]
            going = list(self._free(due, needed))
            if going:
                chosen = await self._take(going) or chosen
            if self.only:
                return chosen

    def _roots(self, connection: Connection, before_ns: int, after: int) -> list[Member]:
        if not self.only:
            return rows.ended_roots(connection, before_ns, after, ROOTS_AT_ONCE)
        found = [rows.find_member(connection, execution) for execution in self.only]
        return [member for member in found if member is not None and member.deleting_at == 0]

    async def _is_due(self, family: Family) -> bool:
        if family.ended_ns is None:
            return False
        if self.only:
            return True
        seen = family.seen()
        rule = rule_for(self.rules, seen)
        if rule is None or not is_due(rule, seen, self.now_ns):
            return False
        return not rule.keep_latest or family.root.id not in await self._latest_of(family.root, rule.keep_latest)

    async def _latest_of(self, root: Member, count: int) -> frozenset[int]:
        # Asked once: what goes meanwhile was none of the latest.
        key = (root.project, root.domain, root.workflow_name, count)
        if key not in self._latest:
            self._latest[key] = await self.database.read(lambda connection: rows.latest_roots(connection, *key))
        return self._latest[key]

    def _needed(self, connection: Connection) -> dict[ExecutionId, str]:
        """Return which executions others need, and why."""
        lent = {child: f"{by} has its results" for child, number, by in rows.lent_children(connection)
                if number not in self.going}  # fmt: skip
        unfinished = {old: f"{new} goes on from it" for old, new in rows.needed_by_unfinished(connection).items()}
        return {**lent, **unfinished}

    def _free(self, families: Iterable[Family], needed: Mapping[ExecutionId, str]) -> Iterator[Family]:
        for family in families:
            held = [member for member in family.members if member.execution in needed]
            if held:
                self.report.hold(str(family.root.execution), needed[held[0].execution])
            else:
                yield family

    async def _take(self, families: Sequence[Family]) -> bool:
        numbers = [member.id for family in families for member in family.members]
        if self.report.dry_run:
            self.going.update(numbers)
            self.report.executions += len(numbers)
            self.report.nodes += await self.database.read(lambda connection: rows.count_parts(connection, numbers))
            return True
        return await self.database.write(lambda connection: mark_free(connection, families, self.now_ns)) > 0


def families_of(connection: Connection, roots: Iterable[Member]) -> list[Family]:
    """Return executions with all that their nodes started."""
    return [Family(root, (root, *rows.descendants(connection, root))) for root in roots]


def mark_free(connection: Connection, families: Sequence[Family], now_ns: int) -> int:
    """Mark families as on their way out; return how many executions that are.

    Whoever creates an execution that goes on from another one holds that one's row until then. So what
    began meanwhile is seen once the rows are marked, and what it needs is let go again.
    """
    rows.mark(connection, [member.id for family in families for member in family.members], now_ns)
    needed = rows.needed_by_unfinished(connection)
    marked = 0
    for family in families:
        numbers = [member.id for member in family.members]
        if any(member.execution in needed for member in family.members):
            rows.mark(connection, numbers, 0)
        else:
            marked += len(numbers)
    return marked
