"""Holds executions back while as many run as may, and lets them go when others have ended."""

import asyncio
import logging
from functools import cache

from sqlalchemy import Connection

from flytelike.codec.priority import priority_from_proto
from flytelike.controlplane.database import Database
from flytelike.controlplane.dispatch import Dispatch
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.repository.executions import Values
from flytelike.controlplane.repository.holding import (
    Held,
    find_held,
    held_executions,
    held_lines,
    hold_starting,
    let_go,
    running_executions,
)
from flytelike.controlplane.repository.rows import ExecutionRow
from flytelike.controlplane.tenancy.admitting import HeldBack, admitted, is_limited, shortfalls
from flytelike.controlplane.tenancy.rules import Rules
from flytelike.controlplane.tenancy.tenancy import TenancyCases
from flytelike.model.ids import ROOT, ExecutionId
from flytelike.model.queued import Queued, Shortfall
from flytelike.model.quota import EXECUTIONS
from flytelike_idl.admin import execution_pb2

AGING_NS = 60_000_000_000
"""How much waiting counts as one priority; as for attempts."""
LOOKED_AT_MAX = 10_000
LET_GO_MAX = 500
"""How many are let go in one transaction; the rest follow."""
AGAIN_S = 5.0

log = logging.getLogger(__name__)


class Holding:
    """Keeps limits on running executions.

    Executions that others start are not held: who waits for them would hold them. Used on one event loop; several
    servers on one database may do it together.
    """

    def __init__(self, database: Database, tenancy: TenancyCases, dispatch: Dispatch, clock: Clock) -> None:
        """Hold by the rules of `tenancy`; let go through `dispatch`."""
        self._database = database
        self._tenancy = tenancy
        self._dispatch = dispatch
        self._clock = clock
        self._releasing: asyncio.Task[None] | None = None
        self._again = False
        tenancy.on_changed(self._rules_changed)

    @property
    def rules(self) -> Rules:
        """The rules in force."""
        return self._tenancy.rules

    def judged(self, connection: Connection, execution: ExecutionId, spec: execution_pb2.ExecutionSpec) -> Values:
        """Return what a new execution's row has to say of being held, within the transaction that adds it."""
        rules = self._tenancy.rules
        if all(EXECUTIONS not in terms.limits for terms in rules.terms(execution.project, execution.domain)):
            return {}
        hold_starting(connection)
        if not shortfalls(rules, running_executions(connection), execution.project, execution.domain):
            return {}
        now_ns = self._clock.now_ns()
        return {"held_since": now_ns, "held_order": now_ns - priority_from_proto(spec.quality_of_service) * AGING_NS}

    def soon(self) -> None:
        """Let go what may run now, in the background, if there are limits at all."""
        if is_limited(self._tenancy.rules):
            self._start()

    async def release(self) -> None:
        """Let go what may run now."""
        while rows := await self._database.write(self._let_go):
            for row in rows:
                await self._dispatch.tell(row)

    async def why(self, row: ExecutionRow) -> Queued | None:
        """Return what an execution is held back for; None when it is not."""
        if not row.held_since:
            return None

        def look(connection: Connection) -> Queued | None:
            held = find_held(connection, row)
            if held is None:
                return None
            found = shortfalls(self._tenancy.rules, running_executions(connection), row.project, row.domain)
            return _queued(held, found)

        return await self._database.read(look)

    async def lines(self, most: int) -> list[tuple[ExecutionId, Queued]]:
        """Return the first `most` of each line of those held back; a line is that of a project's domain."""

        def look(connection: Connection) -> list[tuple[ExecutionId, Queued]]:
            running, rules = running_executions(connection), self._tenancy.rules
            short = cache(lambda project, domain: shortfalls(rules, running, project, domain))
            return [
                (held.execution, _queued(held, short(held.execution.project, held.execution.domain)))
                for held in held_lines(connection, most)
            ]

        return await self._database.read(look)

    async def close(self) -> None:
        """Stop letting go."""
        if self._releasing is not None:
            self._releasing.cancel()
            await asyncio.gather(self._releasing, return_exceptions=True)

    def _let_go(self, connection: Connection) -> list[ExecutionRow]:
        hold_starting(connection)
        held = held_executions(connection, LOOKED_AT_MAX)
        if not held:
            return []
        known = {number: execution for number, execution, _ in held}
        lines = [HeldBack(number, execution.project, execution.domain) for number, execution in known.items()]
        numbers = admitted(self._tenancy.rules, running_executions(connection), lines)[:LET_GO_MAX]
        return let_go(connection, numbers, [known[number] for number in numbers]) if numbers else []

    def _rules_changed(self, _rules: Rules) -> None:
        self._start()

    def _start(self) -> None:
        self._again = True
        if self._releasing is None or self._releasing.done():
            self._releasing = asyncio.get_running_loop().create_task(self._release(), name="controlplane-holding")

    async def _release(self) -> None:
        while self._again:
            self._again = False
            try:
                await self.release()
            except Exception:
                log.exception("executions that wait could not be let go; trying again")
                self._again = True
                await asyncio.sleep(AGAIN_S)


def _queued(held: Held, found: tuple[Shortfall, ...]) -> Queued:
    """Return an execution that is held back as one that waits, with the limits in its way."""
    priority = (held.since_ns - held.order_ns) // AGING_NS
    return Queued(
        ROOT, 0, held.place, held.of, EXECUTIONS, held.since_ns, found, priority=priority, asks={EXECUTIONS: 1}
    )
