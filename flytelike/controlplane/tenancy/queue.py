"""Who waits at a place for their part of what many share, and for what."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from flytelike.controlplane.tenancy.holding import Holding
from flytelike.controlplane.tenancy.tenancy import TenancyCases
from flytelike.controlplane.tenancy.usage import NOTHING, Usage
from flytelike.model.ids import ExecutionId
from flytelike.model.queued import Queued
from flytelike.model.quota import QuotaPlace

Waits: TypeAlias = Sequence[tuple[ExecutionId, Queued]]
"""Attempts, and executions that are held back, as they wait."""


@dataclass(frozen=True, slots=True)
class QueuePage:
    """Some of those who wait, whether there are `more`, how many wait in all, and how many of these are not named."""

    waits: Waits
    more: bool
    waiting: int
    unnamed: int


class Queue:
    """Brings together the attempts that wait and the executions that are held back.

    A line is that of the attempts, or the executions, of a project's domain; a place has the lines below it.
    """

    def __init__(self, tenancy: TenancyCases, usage: Usage, holding: Holding) -> None:
        """Ask `usage` for attempts, `holding` for executions; `tenancy` knows which places those count for."""
        self._tenancy = tenancy
        self._usage = usage
        self._holding = holding

    async def page(self, place: QuotaPlace, may_read: Callable[[str, str], bool], limit: int, offset: int) -> QueuePage:
        """Return a page of those who wait at and below a place, by their places in line and then their ages.

        Args:
            place: Where.
            may_read: Tells of a project and domain whether those who wait there are to be named.
            limit: How many there are on a page.
            offset: How many stand on the pages before it.
        """
        most = offset + limit + 1
        report, held = await self._usage.attempts(most), await self._holding.lines(most)
        attempts, executions = self._at(place, report.waits), self._at(place, held)
        # Where not all lines are told of, what is used tells how many wait.
        waiting = max(report.uses.get(place, NOTHING).waiting, _length(attempts)) + _length(executions)
        named = [[it for it in waits if may_read(it[0].project, it[0].domain)] for waits in (attempts, executions)]
        found = sorted((it for waits in named for it in waits), key=_order)
        page = found[offset : offset + limit]
        unnamed = waiting - sum(map(_length, named))
        return QueuePage(page, len(found) > offset + limit, waiting, unnamed)

    def _at(self, place: QuotaPlace, waits: Waits) -> Waits:
        rules = self._tenancy.rules
        return [it for it in waits if place in rules.places(it[0].project, it[0].domain)]


def _length(waits: Waits) -> int:
    """Return how many wait in the lines of which some are given."""
    return sum({(execution.project, execution.domain): queued.of for execution, queued in waits}.values())


def _order(wait: tuple[ExecutionId, Queued]) -> tuple[int, int, str, str]:
    execution, queued = wait
    return queued.place, queued.since_ns, str(execution), queued.path
