"""What operators grant to the attempts of a cluster: they alone know, and say so now and then."""

from collections.abc import Mapping, Sequence
from functools import partial

from flytelike.codec.parse import parse, serialise
from flytelike.codec.quota_reports import report_from_proto, report_to_proto
from flytelike.controlplane.database import Database
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.repository.quota_reports import put_report, read_report
from flytelike.model.ids import ExecutionId
from flytelike.model.queued import Queued, QuotaReport
from flytelike.model.quota import PlaceUse, QuotaPlace
from flytelike_idl.service import propeller_pb2 as pb

OLD_NS = 90_000_000_000
"""How long a report holds: operators that have granted anything say so three times a minute at least."""
NOTHING_SAID = QuotaReport(0, {})


class Reported:
    """Keeps what was said last, for all replicas."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Keep it in `database`."""
        self._database = database
        self._clock = clock

    async def take(self, report: QuotaReport) -> None:
        """Keep a report, unless a later one is known."""
        body = serialise(report_to_proto(report))
        now_ns = self._clock.now_ns()
        await self._database.write(partial(put_report, at_ms=report.at_ms, heard_ns=now_ns, body=body))

    async def uses(self) -> Mapping[QuotaPlace, PlaceUse]:
        """Return what attempts use, by place; nothing where no operator has said anything of late."""
        return (await self.last()).uses

    async def waits(self, execution: ExecutionId) -> Sequence[Queued]:
        """Return what of an execution waits; of very much some."""
        return [queued for of, queued in (await self.last()).waits if of == execution]

    async def last(self) -> QuotaReport:
        """Return what was said last; nothing where no operator has said anything of late."""
        since_ns = self._clock.now_ns() - OLD_NS
        body = await self._database.read(partial(read_report, since_ns=since_ns))
        return NOTHING_SAID if body is None else report_from_proto(parse(pb.ReportQuotaUseRequest, body))
