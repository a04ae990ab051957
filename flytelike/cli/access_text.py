"""Grants, tokens and entries of the audit log, as rows and as documents."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from flytelike_idl.service import access_pb2 as pb


def grant_document(grant: pb.AccessGrant) -> dict[str, str]:
    """Return a grant as JSON has it."""
    scope, found = grant.scope, {"subject": subject_text(grant.subject), "role": grant.role}
    found |= {"team": scope.team, "project": scope.project, "domain": scope.domain}
    if grant.HasField("created_at"):
        found |= {"created_by": grant.created_by, "created_at": instant(grant.created_at)}
    return found


def grant_row(grant: pb.AccessGrant) -> dict[str, str]:
    """Return a grant as people read it."""
    row = {"subject": subject_text(grant.subject), "role": grant.role, "scope": scope_text(grant.scope)}
    if grant.HasField("created_at"):
        row |= {"by": grant.created_by, "since": instant(grant.created_at)}
    return row


def subject_text(subject: pb.AccessSubject) -> str:
    """Return whom a grant is for, as it is written on the command line."""
    return f"group:{subject.group}" if subject.WhichOneof("subject") == "group" else f"user:{subject.user}"


def scope_text(scope: pb.AccessScope) -> str:
    """Return where a grant holds."""
    if scope.team:
        return f"team {scope.team}"
    return f"{scope.project}/{scope.domain}" if scope.domain else scope.project or "platform"


def token_document(token: pb.AccessToken) -> dict[str, str]:
    """Return a token as JSON has it; what is not is left empty."""
    return {
        "id": token.id,
        "user": token.user,
        "name": token.name,
        "created_by": token.created_by,
        "created_at": instant(token.created_at),
        "expires_at": instant(token.expires_at),
        "used_at": instant(token.used_at),
        "revoked_at": instant(token.revoked_at),
    }


def token_row(token: pb.AccessToken) -> dict[str, str]:
    """Return a token as people read it."""
    return {
        "token": f"flt_{token.id}_...",
        "user": token.user,
        "name": token.name,
        "expires": "revoked" if token.HasField("revoked_at") else instant(token.expires_at) or "never",
        "used": instant(token.used_at) or "never",
    }


def entry_document(entry: pb.AuditEntry) -> dict[str, object]:
    """Return an entry of the audit log as JSON has it."""
    texts = [
        "actor",
        "via",
        "credential",
        "method",
        "project",
        "domain",
        "target",
        "peer",
        "request_id",
        "outcome",
        "detail",
    ]
    found: dict[str, object] = {"id": entry.id, "at": instant(entry.at)}
    return found | {name: getattr(entry, name) for name in (*texts, "peer", "request_id", "outcome", "detail")}


def entry_row(entry: pb.AuditEntry) -> dict[str, str]:
    """Return an entry as people read it."""
    return {
        "at": instant(entry.at),
        "who": entry.actor,
        "what": entry.method.rpartition("/")[2],
        "target": entry.target,
        "from": entry.peer,
        "request": entry.request_id,
        "outcome": f"{entry.outcome} {entry.detail}".strip(),
    }


def instant(at: Timestamp) -> str:
    """Return an instant in ISO 8601; empty for none."""
    if not (at.seconds or at.nanos):
        return ""
    return datetime.fromtimestamp(at.seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
