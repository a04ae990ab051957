"""Schedules of launch plans, and backfills."""

from collections.abc import Sequence

from flytelike.codec.ids import identifier_to_proto
from flytelike.model.ids import Identifier
from flytelike.remote.client import Client
from flytelike_idl.admin import common_pb2, launch_plan_pb2
from flytelike_idl.service import schedules_pb2 as pb

PAGE = 1_000


async def schedules(client: Client, project: str, domain: str, ahead: int) -> Sequence[pb.ScheduledPlan]:
    """Return all schedules of a domain with `ahead` next times each, and what came of the last one."""
    found: list[pb.ScheduledPlan] = []
    request = pb.ListSchedulesRequest(project=project, domain=domain, next=ahead, last=1, limit=PAGE)
    while True:
        page = await client.call(client.schedules.ListSchedules(request))
        found.extend(page.schedules)
        request.token = page.token
        if not page.token:
            return found


async def schedule(client: Client, project: str, domain: str, name: str, ahead: int, behind: int) -> pb.ScheduledPlan:
    """Return the schedule of a launch plan; raises RemoteError when it has none."""
    request = pb.GetScheduleRequest(project=project, domain=domain, name=name, next=ahead, last=behind)
    return (await client.call(client.schedules.GetSchedule(request))).schedule


async def switch(client: Client, plan: Identifier, *, active: bool) -> None:
    """Make a version of a launch plan the active one, or inactive."""
    state = launch_plan_pb2.ACTIVE if active else launch_plan_pb2.INACTIVE
    request = launch_plan_pb2.LaunchPlanUpdateRequest(id=identifier_to_proto(plan), state=state)
    await client.call(client.admin.UpdateLaunchPlan(request))


async def active_version(client: Client, project: str, domain: str, name: str) -> str:
    """Return the active version of a launch plan; raises RemoteError where there is none."""
    place = common_pb2.NamedEntityIdentifier(project=project, domain=domain, name=name)
    request = launch_plan_pb2.ActiveLaunchPlanRequest(id=place)
    return (await client.call(client.admin.GetActiveLaunchPlan(request))).id.version


async def begin(client: Client, request: pb.CreateBackfillRequest) -> pb.CreateBackfillResponse:
    """Begin a backfill, or ask what it would be."""
    return await client.call(client.schedules.CreateBackfill(request))


async def backfills(client: Client, project: str, domain: str, launch_plan: str, limit: int) -> Sequence[pb.Backfill]:
    """Return the newest backfills of a domain, of one launch plan if it is named."""
    request = pb.ListBackfillsRequest(project=project, domain=domain, launch_plan=launch_plan, limit=limit)
    return (await client.call(client.schedules.ListBackfills(request))).backfills


async def backfill(client: Client, project: str, domain: str, name: str) -> pb.GetBackfillResponse:
    """Return a backfill with all its times; raises RemoteError when there is none."""
    request = pb.GetBackfillRequest(project=project, domain=domain, name=name, limit=10 * PAGE)
    return await client.call(client.schedules.GetBackfill(request))


async def cancel(client: Client, project: str, domain: str, name: str, *, abort: bool) -> pb.Backfill:
    """Let a backfill start no more executions; with `abort`, end those that run."""
    request = pb.CancelBackfillRequest(project=project, domain=domain, name=name, abort=abort)
    return (await client.call(client.schedules.CancelBackfill(request))).backfill
