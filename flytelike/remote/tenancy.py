"""Teams, the projects they own, and quotas."""

from collections.abc import AsyncIterator, Mapping, Sequence

from flytelike.codec.ids import execution_id_to_proto
from flytelike.model.ids import ExecutionId
from flytelike.model.quota import QuotaPlace, QuotaTerms
from flytelike.remote.client import Client
from flytelike_idl.admin import project_pb2
from flytelike_idl.service import tenancy_pb2 as pb


async def apply(
    client: Client, wishes: Sequence[pb.TenancyWish], *, dry_run: bool = False, plan: str = ""
) -> pb.ApplyTenancyResponse:
    """Make things what is wanted; raises RemoteError with everything that is wrong.

    Args:
        client: The connection.
        wishes: What is wanted.
        dry_run: Only say what would change.
        plan: The plan to carry out, no other one; empty for whatever comes out.
    """
    request = pb.ApplyTenancyRequest(wishes=wishes, dry_run=dry_run, plan=plan)
    return await client.call(client.tenancy.ApplyTenancy(request))


async def teams(client: Client, name: str = "", *, archived: bool = False) -> AsyncIterator[pb.Team]:
    """Yield teams by name: one, or all."""
    request = pb.ListTeamsRequest(name=name, archived=archived)
    while True:
        page = await client.call(client.tenancy.ListTeams(request))
        for team in page.teams:
            yield team
        if not page.token:
            return
        request.token = page.token


async def quotas(
    client: Client, team: str = "", project: str = "", *, used: bool = False
) -> AsyncIterator[pb.QuotaUse]:
    """Yield quotas with what is used of them: those of a team, of a project, or all.

    With `used`, places that have none are told of, too, as long as something is in use there.
    """
    request = pb.ListQuotasRequest(team=team, project=project, used=used)
    while True:
        page = await client.call(client.tenancy.ListQuotas(request))
        for quota in page.quotas:
            yield quota
        if not page.token:
            return
        request.token = page.token


async def samples(client: Client, place: QuotaPlace, since_ns: int = 0) -> AsyncIterator[pb.QuotaSample]:
    """Yield what was used at a place from an instant on, oldest first."""
    request = pb.ListQuotaSamplesRequest(place=_place(place))
    request.since.FromNanoseconds(since_ns)
    while True:
        page = await client.call(client.tenancy.ListQuotaSamples(request))
        for sample in page.samples:
            yield sample
        if not page.token:
            return
        request.token = page.token


async def waits(client: Client, execution: ExecutionId) -> Sequence[pb.QuotaWait]:
    """Return what of an execution waits for its part of what many share; raises RemoteError."""
    request = pb.ExplainQuotaWaitRequest(id=execution_id_to_proto(execution))
    return (await client.call(client.tenancy.ExplainQuotaWait(request))).waits


async def queue(client: Client, place: QuotaPlace, limit: int) -> pb.ListQuotaQueueResponse:
    """Return who waits at a place and below it, the first `limit` of them in order; raises RemoteError.

    `unnamed` of those who wait are not there, since the caller may not read them. In a cluster, of very long lines
    others may be missing, too.
    """
    return await client.call(client.tenancy.ListQuotaQueue(pb.ListQuotaQueueRequest(place=_place(place), limit=limit)))


async def config(client: Client, project: str, domain: str, workflow: str) -> Sequence[pb.TenancyConfigValue]:
    """Return what holds for executions of a workflow, and where each value comes from; raises RemoteError."""
    request = pb.ExplainTenancyConfigRequest(project=project, domain=domain, workflow=workflow)
    return (await client.call(client.tenancy.ExplainTenancyConfig(request))).values


async def project(client: Client, name: str) -> project_pb2.Project:
    """Return a project; raises RemoteError."""
    return await client.call(client.admin.GetProject(project_pb2.ProjectGetRequest(id=name)))


def team_wish(
    name: str,
    description: str | None = None,
    labels: Mapping[str, str] | None = None,
    archived: bool | None = None,
) -> pb.TenancyWish:
    """Return the wish for a team; None leaves a field as it is."""
    wish = pb.TeamWish(name=name, description=description, archived=archived)
    if labels is not None:
        wish.labels.CopyFrom(pb.TenancyLabels(values=labels))
    return pb.TenancyWish(team=wish)


def project_wish(
    name: str,
    description: str | None = None,
    labels: Mapping[str, str] | None = None,
    archived: bool | None = None,
    team: str | None = None,
) -> pb.TenancyWish:
    """Return the wish for a project; None leaves a field as it is."""
    wish = pb.ProjectWish(id=name, description=description, archived=archived, team=team)
    if labels is not None:
        wish.labels.CopyFrom(pb.TenancyLabels(values=labels))
    return pb.TenancyWish(project=wish)


def quota_wish(place: QuotaPlace, terms: QuotaTerms | None) -> pb.TenancyWish:
    """Return the wish for a quota; without terms, that there is none."""
    quota = pb.Quota(place=_place(place))
    if terms is None:
        return pb.TenancyWish(quota=pb.QuotaWish(quota=quota, remove=True))
    quota.limits.update(terms.limits)
    quota.guaranteed.update(terms.guaranteed)
    quota.weight = terms.weight
    return pb.TenancyWish(quota=pb.QuotaWish(quota=quota))


def place_from(message: pb.QuotaPlace) -> QuotaPlace:
    """Return the place of a message."""
    return QuotaPlace(message.team, message.project, message.domain)


def _place(place: QuotaPlace) -> pb.QuotaPlace:
    return pb.QuotaPlace(team=place.team, project=place.project, domain=place.domain)
