"""Settings of projects, their domains and workflows: kept and found."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, or_, select

from flytelike.codec.parse import serialise
from flytelike.controlplane.repository.prepared import upsert
from flytelike.controlplane.schema import matchable_attributes
from flytelike_idl.admin import matchable_resource_pb2 as pb

_TABLE = matchable_attributes.c


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """What a setting is made for: a project, a domain of it, or a workflow there."""

    project: str
    domain: str = ""
    workflow: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting and what it is made for."""

    target: Target
    attributes: pb.MatchingAttributes


def put_setting(connection: Connection, setting: Setting, kind: int, now_ns: int) -> None:
    """Keep a setting in place of the one of its kind that was there."""
    key = _key(setting.target, kind)
    values = {"body": serialise(setting.attributes), "updated_at": now_ns}
    statement = upsert(connection.dialect, matchable_attributes).values(**key, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))


def drop_setting(connection: Connection, target: Target, kind: int) -> bool:
    """Take a setting back; tell whether there was one."""
    where = [_TABLE[name] == value for name, value in _key(target, kind).items()]
    return connection.execute(delete(matchable_attributes).where(*where)).rowcount > 0


def settings_over(connection: Connection, target: Target, kind: int | None = None) -> Sequence[Setting]:
    """Return the settings that hold for a target, the most specific first; of one kind, or of all."""
    statement = select(_TABLE.project, _TABLE.domain, _TABLE.workflow, _TABLE.body).where(
        _TABLE.project == target.project,
        or_(_TABLE.domain == "", _TABLE.domain == target.domain),
        or_(_TABLE.workflow == "", _TABLE.workflow == target.workflow),
    )
    if kind is not None:
        statement = statement.where(_TABLE.kind == kind)
    ordered = statement.order_by(_TABLE.workflow.desc(), _TABLE.domain.desc())
    return [_setting(*row) for row in connection.execute(ordered)]


def settings_of(connection: Connection, kind: int) -> Sequence[Setting]:
    """Return all settings of a kind, by target."""
    statement = select(_TABLE.project, _TABLE.domain, _TABLE.workflow, _TABLE.body).where(_TABLE.kind == kind)
    ordered = statement.order_by(_TABLE.project, _TABLE.domain, _TABLE.workflow)
    return [_setting(*row) for row in connection.execute(ordered)]


def _setting(project: str, domain: str, workflow: str, body: bytes) -> Setting:
    return Setting(Target(project, domain, workflow), pb.MatchingAttributes.FromString(body))


def _key(target: Target, kind: int) -> dict[str, str | int]:
    return {"project": target.project, "domain": target.domain, "workflow": target.workflow, "kind": kind}
