"""Subjects, roles and places as people write them."""

from flytelike.controlplane.access.roles import Grant, Place, Role, Subject, SubjectKind
from flytelike.controlplane.errors import Faults
from flytelike.controlplane.repository.access import GrantRow

NAME_MAX = 255


def check_name(what: str, name: str, faults: Faults) -> None:
    """Note what is wrong with the name of a user, a group or a token."""
    if not name or len(name) > NAME_MAX or not name.isprintable() or name != name.strip():
        faults.add(
            "invalid-subject", f"{name[:40]!r} cannot be the name of a {what}", "use up to 255 printable characters"
        )


def subject_of(text: str, faults: Faults) -> Subject:
    """Return the subject of `user:NAME` or `group:NAME`, noting what is wrong."""
    word, _, name = text.partition(":")
    kinds = {kind.value: kind for kind in SubjectKind}
    if word not in kinds:
        faults.add("invalid-subject", f"{text[:40]!r} is neither a user nor a group", "write user:NAME or group:NAME")
        return Subject(SubjectKind.USER, name)
    check_name(word, name, faults)
    return Subject(kinds[word], name)


def role_of(text: str, faults: Faults) -> Role:
    """Return a role by its name, noting what is wrong."""
    for role in Role:
        if role.value == text:
            return role
    faults.add("unknown-role", f"there is no role {text[:40]!r}", f"choose from {', '.join(one.value for one in Role)}")
    return Role.VIEWER


def check_scope(place: Place, faults: Faults) -> None:
    """Note what cannot be a grant's scope."""
    if (place.team and (place.project or place.domain)) or (place.domain and not place.project):
        faults.add(
            "invalid-scope",
            "a grant holds in a team, in a project, in a domain of a project, or on the platform",
            "name a team alone, or a project and if need be its domain",
        )
    for name in (place.team, place.project, place.domain):
        if len(name) > 63 or not name.isprintable():
            faults.add("invalid-scope", f"{name[:40]!r} is no team, project or domain")


def grant_of(row: GrantRow) -> Grant:
    """Return the grant of a row."""
    subject = Subject(SubjectKind(row.subject_kind), row.subject)
    return Grant(subject, Role(row.role), Place(row.project, row.domain, row.team))


def row_of(grant: Grant, by: str = "", at_ns: int = 0) -> GrantRow:
    """Return the row of a grant."""
    place, subject = grant.place, grant.subject
    return GrantRow(
        subject.kind.value, subject.name, grant.role.value, place.team, place.project, place.domain, by, at_ns
    )
