"""TenancyService: teams, the projects they own, and quotas."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from flytelike.codec.ids import execution_id_to_proto
from flytelike.codec.quota_reports import place_to_proto, queued_to_proto
from flytelike.controlplane.access.caller import caller
from flytelike.controlplane.access.roles import Action, Place, Rights
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import Faults, Status, invalid, refusal
from flytelike.controlplane.messages import timestamp
from flytelike.controlplane.repository.attributes import Target
from flytelike.controlplane.repository.tenancy import TeamRow
from flytelike.controlplane.rpc.requests import execution_of
from flytelike.controlplane.tenancy.planning import Plan
from flytelike.controlplane.tenancy.queue import Queue
from flytelike.controlplane.tenancy.usage import NOTHING
from flytelike.controlplane.tenancy.wishes import Mode, ProjectWish, QuotaWish, TeamWish, Wanted, Wish
from flytelike.model.ids import ExecutionId
from flytelike.model.queued import Queued, Shortfall
from flytelike.model.quota import QuotaPlace, QuotaTerms
from flytelike_idl.service import tenancy_pb2 as pb

WISHES_MAX = 10_000
ROWS = 100
ROWS_MAX = 1_000


class TenancyServicer:
    """The RPCs of tenancy."""

    def __init__(self, plane: ControlPlane) -> None:
        """Answer with the use cases of `plane`."""
        self._tenancy = plane.tenancy
        self._usage = plane.usage
        self._queue = Queue(plane.tenancy, plane.usage, plane.holding)
        self._holding = plane.holding
        self._executions = plane.executions
        self._launcher = plane.launcher
        self._attributes = plane.attributes

    async def apply_tenancy(self, request: pb.ApplyTenancyRequest) -> pb.ApplyTenancyResponse:
        """Carry wishes out, or tell what they would change."""
        if len(request.wishes) > WISHES_MAX:
            raise invalid("too-many-values", f"{len(request.wishes)} wishes at once; at most {WISHES_MAX} are allowed")
        faults = Faults()
        wanted = [wanted_of(wish, faults) for wish in request.wishes]
        faults.check()
        plan = await self._tenancy.apply(
            [wish for wish in wanted if wish is not None], dry_run=request.dry_run, expected=request.plan
        )
        return plan_message(plan)

    async def list_teams(self, request: pb.ListTeamsRequest) -> pb.ListTeamsResponse:
        """Return a page of the teams that the caller may know of."""
        limit, offset = page_of(request.limit, request.token)
        among = caller().rights.teams_seen()
        rows = await self._tenancy.teams(limit + 1, offset, request.name, among, archived=request.archived)
        token = str(offset + limit) if len(rows) > limit else ""
        return pb.ListTeamsResponse(teams=[team_message(row) for row in rows[:limit]], token=token)

    async def list_quotas(self, request: pb.ListQuotasRequest) -> pb.ListQuotasResponse:
        """Return a page of the quotas that the caller may know of: their teams', their projects'."""
        limit, offset = page_of(request.limit, request.token)
        rights, uses = caller().rights, await self._usage.now()
        more = [place for place, use in uses.items() if use.waiting or any(use.used.values())] if request.used else ()
        every = self._tenancy.quotas(request.team, request.project, more)
        found = [it for it in every if may_know(rights, it[1])]
        page = found[offset : offset + limit]
        out = pb.ListQuotasResponse(token=str(offset + limit) if len(found) > offset + limit else "")
        for team, place, terms in page:
            use = uses.get(place, NOTHING)
            out.quotas.add(quota=quota_message(place, terms), team=team, used=use.used, waiting=use.waiting)
        return out

    async def list_quota_samples(self, request: pb.ListQuotaSamplesRequest) -> pb.ListQuotaSamplesResponse:
        """Return a page of samples."""
        limit, offset = page_of(request.limit, request.token)
        faults = Faults()
        place = place_of(request.place, faults)
        faults.check()
        assert place is not None, "it was checked"
        rows = await self._usage.samples(place, request.since.ToNanoseconds(), limit + 1, offset)
        out = pb.ListQuotaSamplesResponse(token=str(offset + limit) if len(rows) > limit else "")
        for row in rows[:limit]:
            out.samples.add(at=timestamp(row.at_ns), used=row.use.used, waiting=row.use.waiting)
        return out

    async def explain_quota_wait(self, request: pb.ExplainQuotaWaitRequest) -> pb.ExplainQuotaWaitResponse:
        """Return what of an execution waits, and why."""
        execution = execution_of(request.id)
        held = await self._holding.why(await self._executions.row(execution))
        found = [held] if held is not None else await self._waiting(execution)
        rights = caller().rights
        return pb.ExplainQuotaWaitResponse(waits=[queued_to_proto(told_to(rights, one)) for one in found])

    async def list_quota_queue(self, request: pb.ListQuotaQueueRequest) -> pb.ListQuotaQueueResponse:
        """Return a page of those who wait at a place; those the caller may not read are counted."""
        limit, offset = page_of(request.limit, request.token)
        faults = Faults()
        place = place_of(request.place, faults)
        faults.check()
        assert place is not None, "it was checked"
        rights = caller().rights
        # Of the whole platform everybody sees what is theirs.
        if place != QuotaPlace() and not may_know(rights, place):
            raise refusal(
                Status.PERMISSION_DENIED,
                "permission-denied",
                f"{caller().user} has no role in {place}",
                "ask somebody who administers it for one",
            )
        page = await self._queue.page(place, partial(may_read, rights), limit, offset)
        token = str(offset + limit) if page.more else ""
        out = pb.ListQuotaQueueResponse(token=token, waiting=page.waiting, unnamed=page.unnamed)
        for execution, queued in page.waits:
            wait = queued_to_proto(told_to(rights, queued))
            out.entries.add(execution=execution_id_to_proto(execution), wait=wait)
        return out

    async def _waiting(self, execution: ExecutionId) -> Sequence[Queued]:
        """Return what of an execution waits: where propeller is beside us it knows, else it has said so."""
        return await self._launcher.queued(execution) or await self._usage.reported.waits(execution)

    async def explain_tenancy_config(self, request: pb.ExplainTenancyConfigRequest) -> pb.ExplainTenancyConfigResponse:
        """Return what holds for executions of a workflow."""
        faults = Faults()
        for field in ("project", "domain", "workflow"):
            if not getattr(request, field):
                faults.add("missing-field", f"the request names no {field}")
        faults.check()
        out = pb.ExplainTenancyConfigResponse()
        for value in await self._attributes.explain(Target(request.project, request.domain, request.workflow)):
            told = out.values.add(name=value.name, value=value.value, source=value.source)
            for hidden, source in value.hidden:
                told.hidden.add(name=value.name, value=hidden, source=source)
        return out


def may_know(rights: Rights, place: QuotaPlace) -> bool:
    """Tell whether somebody with these rights may know of a place's quota."""
    if place.project:
        return rights.sees(place.project)
    teams = rights.teams_seen()
    return teams is None or place.team in teams


def may_read(rights: Rights, project: str, domain: str) -> bool:
    """Tell whether somebody with these rights may read what runs in a project's domain."""
    return rights.allows(Action.READ, Place(project, domain))


def told_to(rights: Rights, queued: Queued) -> Queued:
    """Return what waits without the names of those who hold its limits and of whom one may not know."""
    return replace(queued, shortfalls=tuple(_told_to(rights, short) for short in queued.shortfalls))


def _told_to(rights: Rights, short: Shortfall) -> Shortfall:
    known = [it for it in short.held if may_know(rights, _holder(short.place, it[0]))]
    others = sum(amount for _, amount in short.held) - sum(amount for _, amount in known)
    return replace(short, held=(*known, ("", others)) if others else tuple(known))


def _holder(above: QuotaPlace, name: str) -> QuotaPlace:
    """Return the place that uses a part of what another one may use, and goes by a name there."""
    if above.project:
        return QuotaPlace(project=above.project, domain=name)
    return QuotaPlace(project=name) if above.team else QuotaPlace(team=name)


def page_of(limit: int, token: str) -> tuple[int, int]:
    """Return how many rows a page has, and where it begins; raises Refusal INVALID_ARGUMENT."""
    if token and not (token.isascii() and token.isdigit() and len(token) < 10):
        raise invalid("invalid-token", f"{token[:40]!r} is no token of an earlier page")
    return min(limit or ROWS, ROWS_MAX), int(token or 0)


def wanted_of(message: pb.TenancyWish, faults: Faults) -> Wanted | None:
    """Return a wish; notes what is wrong with it."""
    if message.create and message.change:
        faults.add("invalid-wish", "a wish asks that its thing is there and that it is not")
    mode = Mode.CREATE if message.create else Mode.CHANGE if message.change else Mode.ANY
    wish = _wish(message, faults)
    return None if wish is None else Wanted(wish, mode)


def _wish(message: pb.TenancyWish, faults: Faults) -> Wish | None:
    match message.WhichOneof("wish"):
        case "team":
            team = message.team
            return TeamWish(
                team.name,
                team.description if team.HasField("description") else None,
                dict(team.labels.values) if team.HasField("labels") else None,
                team.archived if team.HasField("archived") else None,
            )
        case "project":
            project = message.project
            return ProjectWish(
                project.id,
                project.description if project.HasField("description") else None,
                dict(project.labels.values) if project.HasField("labels") else None,
                project.team if project.HasField("team") else None,
                project.archived if project.HasField("archived") else None,
            )
        case "quota":
            place = place_of(message.quota.quota.place, faults)
            terms = None if message.quota.remove else terms_of(message.quota.quota)
            return None if place is None else QuotaWish(place, terms)
        case None:
            faults.add("invalid-wish", "a wish names neither team nor project nor quota")
            return None


def place_of(message: pb.QuotaPlace, faults: Faults) -> QuotaPlace | None:
    """Return a place; notes one that cannot be."""
    try:
        return QuotaPlace(message.team, message.project, message.domain)
    except ValueError as error:
        faults.add("invalid-quota", str(error))
        return None


def terms_of(message: pb.Quota) -> QuotaTerms:
    """Return what a quota says; nothing is checked."""
    return QuotaTerms(dict(message.limits), dict(message.guaranteed), message.weight or 1.0)


def plan_message(plan: Plan) -> pb.ApplyTenancyResponse:
    """Return the message of a plan."""
    out = pb.ApplyTenancyResponse(plan=plan.digest)
    for change in plan.changes:
        told = out.changes.add(kind=change.kind, name=change.name)
        told.action = change.action.value  # type: ignore[assignment] # the values are the same
        for field in change.fields:
            told.fields.add(name=field.name, before=field.before, after=field.after)
    return out


def team_message(row: TeamRow) -> pb.Team:
    """Return the message of a team."""
    team = row.team
    return pb.Team(
        name=team.name,
        description=team.description,
        labels=team.labels,
        archived=team.archived,
        projects=row.projects,
        created_at=timestamp(row.created_at),
    )


def quota_message(place: QuotaPlace, terms: QuotaTerms) -> pb.Quota:
    """Return the message of a quota."""
    return pb.Quota(place=place_to_proto(place), limits=terms.limits, guaranteed=terms.guaranteed, weight=terms.weight)
