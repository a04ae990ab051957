"""ScheduleService."""

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from flytelike.codec.ids import identifier_to_proto
from flytelike.codec.schedules import fill_schedule
from flytelike.controlplane.access.caller import caller
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import Faults, invalid
from flytelike.controlplane.messages import timestamp
from flytelike.controlplane.repository.backfills import BackfillRun
from flytelike.controlplane.rpc.tenancy import page_of
from flytelike.controlplane.schedule_rules import BACKFILL_RUNS_MAX
from flytelike.controlplane.schedules import Listed
from flytelike.controlplane.scheduling.backfills import Told, Wish
from flytelike.model.ids import Identifier, ResourceKind
from flytelike_idl.service import schedules_pb2 as pb

TIMES_MAX = 100
BACKFILLS = 50
RUNS = 1_000


class ScheduleServicer:
    """The RPCs of schedules and backfills."""

    def __init__(self, plane: ControlPlane) -> None:
        """Answer with the use cases of `plane`."""
        self._clock = plane.clock
        self._schedules = plane.scheduling.schedules
        self._backfills = plane.scheduling.backfills

    async def list_schedules(self, request: pb.ListSchedulesRequest) -> pb.ListSchedulesResponse:
        """Return a page of a domain's schedules."""
        _check(request, "project", "domain")
        limit, offset = page_of(request.limit, request.token)
        ahead, behind = min(request.next or 1, TIMES_MAX), min(request.last, TIMES_MAX)
        place = request.project, request.domain, ""
        found = await self._schedules.page(place, limit + 1, offset, ahead, behind)
        now_ns = self._clock.now_ns()
        token = str(offset + limit) if len(found) > limit else ""
        shown = [schedule_message(one, now_ns) for one in found[:limit]]
        return pb.ListSchedulesResponse(schedules=shown, token=token)

    async def get_schedule(self, request: pb.GetScheduleRequest) -> pb.GetScheduleResponse:
        """Return the schedule of a launch plan."""
        _check(request, "project", "domain", "name")
        ahead, behind = min(request.next or 5, TIMES_MAX), min(request.last or 10, TIMES_MAX)
        found = await self._schedules.one((request.project, request.domain, request.name), ahead, behind)
        return pb.GetScheduleResponse(schedule=schedule_message(found, self._clock.now_ns()))

    async def create_backfill(self, request: pb.CreateBackfillRequest) -> pb.CreateBackfillResponse:
        """Begin a backfill, or tell what it would be."""
        _check(request, "project", "domain", "launch_plan", "begin")
        wish = Wish(
            (request.project, request.domain, request.launch_plan),
            _instant(request.begin),
            _instant(request.end) if request.HasField("end") else self._clock.now_ns(),
            request.version,
            request.name,
            request.parallel or 1,
            request.newest_first,
            request.again,
        )
        told, runs = await self._backfills.create(wish, caller().user, dry_run=request.dry_run)
        return pb.CreateBackfillResponse(backfill=backfill_message(told), runs=map(run_message, runs))

    async def list_backfills(self, request: pb.ListBackfillsRequest) -> pb.ListBackfillsResponse:
        """Return a page of a domain's backfills."""
        _check(request, "project", "domain")
        limit, offset = page_of(request.limit or BACKFILLS, request.token)
        place = request.project, request.domain
        found = await self._backfills.page(place, request.launch_plan, limit + 1, offset)
        token = str(offset + limit) if len(found) > limit else ""
        return pb.ListBackfillsResponse(backfills=map(backfill_message, found[:limit]), token=token)

    async def get_backfill(self, request: pb.GetBackfillRequest) -> pb.GetBackfillResponse:
        """Return a backfill with a page of its times."""
        _check(request, "project", "domain", "name")
        _, offset = page_of(0, request.token)
        limit = min(request.limit or RUNS, BACKFILL_RUNS_MAX)
        key = request.project, request.domain, request.name
        told, runs = await self._backfills.one(key, limit + 1, offset)
        token = str(offset + limit) if len(runs) > limit else ""
        return pb.GetBackfillResponse(backfill=backfill_message(told), runs=map(run_message, runs[:limit]), token=token)

    async def cancel_backfill(self, request: pb.CancelBackfillRequest) -> pb.CancelBackfillResponse:
        """Let a backfill start no more executions."""
        _check(request, "project", "domain", "name")
        key = request.project, request.domain, request.name
        told = await self._backfills.cancel(key, caller().user, abort=request.abort)
        return pb.CancelBackfillResponse(backfill=backfill_message(told))


def schedule_message(found: Listed, now_ns: int) -> pb.ScheduledPlan:
    """Return the message of a schedule."""
    row = found.row
    plan = Identifier(ResourceKind.LAUNCH_PLAN, row.project, row.domain, row.name, row.version)
    out = pb.ScheduledPlan(
        id=identifier_to_proto(plan),
        words=found.schedule.words,
        active=row.active,
        activated_by=row.user,
        active_since=_optional(row.since if row.active else 0),
        next=map(timestamp, found.next),
        late=0 < row.next_at <= now_ns,
        missed_from=_optional(row.missed_from),
        missed_to=_optional(row.missed_to),
    )
    fill_schedule(found.schedule, out.schedule)
    for run in found.last:
        told = out.last.add(at=timestamp(run.at), version=run.version, fault=run.fault)
        told.decided_at.CopyFrom(timestamp(run.decided_at))
        if not run.fault:
            told.execution = run.execution_name
            told.phase = found.phases.get(run.execution_name, 0)  # type: ignore[assignment] # the values are the same
    return out


def backfill_message(told: Told) -> pb.Backfill:
    """Return the message of a backfill."""
    row = told.row
    plan = Identifier(ResourceKind.LAUNCH_PLAN, row.project, row.domain, row.launch_plan, row.version)
    return pb.Backfill(
        project=row.project,
        domain=row.domain,
        name=row.name,
        launch_plan=identifier_to_proto(plan),
        begin=timestamp(row.from_at),
        end=timestamp(row.to_at),
        parallel=row.parallel,
        newest_first=row.newest_first,
        again=row.again,
        phase=row.phase,  # type: ignore[arg-type] # the values are the same
        created_by=row.user,
        created_at=timestamp(row.created_at),
        ended_at=_optional(row.ended_at),
        cancelled_by=row.ended_by,
        counts=[
            pb.BackfillCount(phase=phase, count=count)  # type: ignore[arg-type] # as above
            for phase, count in sorted(told.counts.items())
        ],
    )


def run_message(run: BackfillRun) -> pb.BackfillRun:
    """Return the message of a time of a backfill."""
    return pb.BackfillRun(
        at=timestamp(run.at),
        execution=run.execution_name,
        phase=run.phase,  # type: ignore[arg-type] # the values are the same
        execution_phase=run.execution_phase,  # type: ignore[arg-type] # as above
        fault=run.fault,
    )


def _optional(ns: int) -> Timestamp | None:
    return timestamp(ns) if ns else None


def _instant(message: Timestamp) -> int:
    """Return an instant in nanoseconds; raises Refusal INVALID_ARGUMENT for one outside of the calendar."""
    try:
        message.ToJsonString()
    except ValueError:
        raise invalid("invalid-range", "the range has an end that is no time") from None
    return message.ToNanoseconds()


def _check(request: Message, *fields: str) -> None:
    faults = Faults()
    for field in fields:
        if not (request.HasField(field) if field == "begin" else getattr(request, field)):
            faults.add("missing-field", f"the request names no {field.replace('_', ' ')}")
    faults.check()
