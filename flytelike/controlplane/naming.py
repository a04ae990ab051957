"""Which names are acceptable. The limits are Flyte's."""

import re
import secrets
import string
from hashlib import sha256

from flytelike.controlplane.errors import Faults
from flytelike.model.ids import Identifier, NodeExecutionId, ResourceKind
from flytelike_idl.core import identifier_pb2

EXECUTION_NAME = re.compile(r"[a-z][a-z0-9-]*\Z")
EXECUTION_NAME_MAX = 63
PROJECT_ID = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")
PROJECT_ID_MAX = 63
ENTITY_NAME_MAX = 255
PATH_SEGMENT_MAX = 255
GENERATED_PREFIX = ".flytegen."
"""Workflows that the platform makes for tasks run on their own are named so (Flyte's convention)."""

_ALPHABET = string.ascii_lowercase + string.digits
_GENERATED_CHARACTERS = 19

KIND_NAMES = {
    ResourceKind.TASK: "task",
    ResourceKind.WORKFLOW: "workflow",
    ResourceKind.LAUNCH_PLAN: "launch plan",
}


def generated_execution_name() -> str:
    """Return a new name: `a` and 19 random characters, about 98 bits."""
    return "a" + letters(secrets.randbits(128))  # one call of the system, not one a letter


def child_execution_name(parent: NodeExecutionId, attempt: int) -> str:
    """Return the name of the execution that an attempt of a launch-plan node starts; always the same one."""
    digest = sha256(f"{parent.execution}\0{parent.path}\0{attempt}".encode()).digest()
    return "f" + letters(int.from_bytes(digest[:16]))


def letters(number: int) -> str:
    """Return the part of a name that says a number, of which some 98 bits count."""
    letters = []
    for _ in range(_GENERATED_CHARACTERS):
        number, rest = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[rest])
    return "".join(letters)


def check_execution_name(name: str, faults: Faults) -> None:
    """Note what is wrong with the name that a client chose for an execution."""
    if not EXECUTION_NAME.match(name) or len(name) > EXECUTION_NAME_MAX:
        faults.add(
            "invalid-execution-name",
            f"{name!r} cannot be an execution's name",
            f"use at most {EXECUTION_NAME_MAX} lower-case letters, digits and dashes, beginning with a letter",
        )


def check_project_id(name: str, faults: Faults) -> None:
    """Note what is wrong with the id of a project (a DNS label, since it becomes part of names)."""
    if not PROJECT_ID.match(name) or len(name) > PROJECT_ID_MAX:
        faults.add(
            "invalid-project-id",
            f"{name!r} cannot be a project's id",
            f"use at most {PROJECT_ID_MAX} lower-case letters, digits and dashes, beginning and ending with no dash",
        )


def check_identifier(identifier: Identifier, kind: ResourceKind, faults: Faults) -> None:
    """Note what is missing or not acceptable in an entity's identifier."""
    what = KIND_NAMES[kind]
    if identifier.kind not in {kind, ResourceKind.UNSPECIFIED}:
        faults.add("wrong-resource-type", f"{identifier} names a {identifier.kind.name}, a {what} is wanted")
    for part in ("project", "domain", "name", "version"):
        value: str = getattr(identifier, part)
        if not value:
            faults.add("missing-field", f"the {what}'s identifier has no {part}")
        elif len(value) > ENTITY_NAME_MAX or not value.isprintable():
            faults.add(
                "invalid-name",
                f"{value[:40]!r} cannot be a {part}",
                f"use up to {ENTITY_NAME_MAX} printable characters",
            )
    if identifier.name.startswith(GENERATED_PREFIX):
        faults.add(
            "reserved-name", f"names that begin with {GENERATED_PREFIX} are the platform's own", "choose another"
        )
    check_org(identifier.org, faults)


def sent_identifier(message: identifier_pb2.Identifier) -> Identifier:
    """Return an identifier as it was sent, whatever it lacks; a kind that is not known counts as not given."""
    value = int(message.resource_type)
    kind = ResourceKind(value) if value in ResourceKind.__members__.values() else ResourceKind.UNSPECIFIED
    return Identifier(kind, message.project, message.domain, message.name, message.version, message.org)


def check_org(org: str, faults: Faults) -> None:
    """Note an organisation: this platform has none, and to ignore it would mix up names."""
    if org:
        faults.add("unknown-organisation", f"there are no organisations here, and {org!r} was named", "leave org empty")


def is_path_segment(name: str) -> bool:
    """Tell whether `name` is safe as one step of a path in the object store."""
    return (
        0 < len(name) <= PATH_SEGMENT_MAX
        and name not in {".", ".."}
        and name.isprintable()
        and not any(character in "/\\?#%*" for character in name)
    )
