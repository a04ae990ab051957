"""AccessService: tokens, grants, the audit log."""

from google.protobuf.timestamp_pb2 import Timestamp

from flytelike.codec.literals import duration_to_ns, fill_timestamp, timestamp_to_ns
from flytelike.controlplane.access.audit import AuditLog
from flytelike.controlplane.access.caller import caller
from flytelike.controlplane.access.naming import role_of
from flytelike.controlplane.access.roles import Grant, Place, Subject, SubjectKind
from flytelike.controlplane.access.use_cases import KnownGrant
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import Faults, invalid
from flytelike.controlplane.repository.access import TokenRow
from flytelike.controlplane.repository.audit import AuditFilter, AuditRow
from flytelike_idl.service import access_pb2 as pb

PAGE = 100


class AccessServicer:
    """The RPCs of access."""

    def __init__(self, plane: ControlPlane) -> None:
        """Answer with the use cases of `plane`."""
        self._access = plane.access
        self._book = plane.book
        self._audit: AuditLog = plane.audit
        self._rows_max = plane.settings.limits.list_rows

    async def get_access(self, _request: pb.GetAccessRequest) -> pb.GetAccessResponse:
        """Return who calls, and what they were granted."""
        identity = caller().identity
        grants = [] if identity.root else await self._book.grants_of(identity)
        return pb.GetAccessResponse(
            user=identity.user,
            groups=sorted(identity.groups),
            via=identity.via.value,
            grants=[_grant(KnownGrant(grant, "", 0)) for grant in grants],
            everything=identity.root,
        )

    async def create_token(self, request: pb.CreateTokenRequest) -> pb.CreateTokenResponse:
        """Create a token."""
        for_ns = duration_to_ns(request.expires_in) if request.HasField("expires_in") else None
        created = await self._access.create_token(caller(), request.user, request.name, for_ns)
        return pb.CreateTokenResponse(token=created.token, about=_token(created.row))

    async def list_tokens(self, request: pb.ListTokensRequest) -> pb.ListTokensResponse:
        """Return a page of tokens."""
        limit = min(request.limit or PAGE, self._rows_max)
        rows = await self._access.tokens(caller(), request.user, request.token, limit + 1)
        more = rows[limit - 1].id if len(rows) > limit else ""
        return pb.ListTokensResponse(tokens=[_token(row) for row in rows[:limit]], next=more)

    async def revoke_token(self, request: pb.RevokeTokenRequest) -> pb.RevokeTokenResponse:
        """Revoke a token."""
        await self._access.revoke_token(caller(), request.token_id)
        return pb.RevokeTokenResponse()

    async def create_grant(self, request: pb.CreateGrantRequest) -> pb.CreateGrantResponse:
        """Give a role."""
        return pb.CreateGrantResponse(created=await self._access.add_grant(caller(), grant_in(request.grant)))

    async def delete_grant(self, request: pb.DeleteGrantRequest) -> pb.DeleteGrantResponse:
        """Take a role away."""
        await self._access.remove_grant(grant_in(request.grant))
        return pb.DeleteGrantResponse()

    async def list_grants(self, _request: pb.ListGrantsRequest) -> pb.ListGrantsResponse:
        """Return the grants that the caller may see."""
        return pb.ListGrantsResponse(grants=[_grant(known) for known in await self._access.grants(caller())])

    async def list_audit_entries(self, request: pb.ListAuditEntriesRequest) -> pb.ListAuditEntriesResponse:
        """Return a page of the audit log."""
        limit = min(request.limit or PAGE, self._rows_max)
        if request.token and not (request.token.isdecimal() and len(request.token) < 19):
            raise invalid("invalid-token", f"{request.token[:40]!r} is no token of a page")
        wanted = AuditFilter(
            request.actor,
            request.method,
            request.project,
            request.domain,
            request.target,
            request.outcome,
            request.request_id,
            timestamp_to_ns(request.since) if request.HasField("since") else 0,
            timestamp_to_ns(request.until) if request.HasField("until") else 0,
        )
        rows = await self._audit.entries(wanted, int(request.token or 0), limit + 1)
        more = str(rows[limit - 1].id) if len(rows) > limit else ""
        return pb.ListAuditEntriesResponse(entries=[_entry(row) for row in rows[:limit]], next=more)


def grant_in(message: pb.AccessGrant) -> Grant:
    """Return the grant that a request speaks of; raises Refusal INVALID_ARGUMENT."""
    faults, subject = Faults(), message.subject
    kind = SubjectKind.GROUP if subject.WhichOneof("subject") == "group" else SubjectKind.USER
    role, scope = role_of(message.role, faults), message.scope
    faults.check()
    place = Place(scope.project, scope.domain, scope.team)
    return Grant(Subject(kind, subject.group if kind is SubjectKind.GROUP else subject.user), role, place)


def _grant(known: KnownGrant) -> pb.AccessGrant:
    grant, place, subject = known.grant, known.grant.place, known.grant.subject
    out = pb.AccessGrant(
        subject=pb.AccessSubject(user=subject.name)
        if subject.kind is SubjectKind.USER
        else pb.AccessSubject(group=subject.name),
        role=grant.role.value,
        scope=pb.AccessScope(team=place.team, project=place.project, domain=place.domain),
        created_by=known.by,
    )
    _fill(known.at_ns, out.created_at)
    return out


def _token(row: TokenRow) -> pb.AccessToken:
    out = pb.AccessToken(id=row.id, user=row.user, name=row.name, created_by=row.created_by)
    for at_ns, field in (
        (row.created_at, "created_at"),
        (row.expires_at, "expires_at"),
        (row.used_at, "used_at"),
        (row.revoked_at, "revoked_at"),
    ):
        if at_ns:
            _fill(at_ns, getattr(out, field))
    return out


def _entry(row: AuditRow) -> pb.AuditEntry:
    out = pb.AuditEntry(
        id=row.id,
        actor=row.actor,
        via=row.via,
        credential=row.credential,
        method=row.method,
        project=row.project,
        domain=row.domain,
        target=row.target,
        peer=row.peer,
        request_id=row.request_id,
        outcome=row.outcome,
        detail=row.detail,
    )
    _fill(row.at, out.at)
    return out


def _fill(at_ns: int, out: Timestamp) -> None:
    if at_ns:
        fill_timestamp(at_ns, out)
