"""Executions, their nodes and attempts: kept and found."""

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    bindparam,
    case,
    func,
    insert,
    literal_column,
    select,
    update,
)

from flytelike.controlplane.errors import Faults
from flytelike.controlplane.listing import ListQuery
from flytelike.controlplane.repository.pages import Field, Fields, duration, instant, member, paged, where
from flytelike.controlplane.repository.prepared import Prepared
from flytelike.controlplane.repository.rows import AttemptRow, ExecutionRow, NodeRow
from flytelike.controlplane.schema import execution_tags, executions, node_executions, task_executions
from flytelike.model.ids import ExecutionId, ResourceKind
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase

Values = Mapping[str, str | int | bytes | None]

TERMINAL = [phase.value for phase in WorkflowPhase if phase.terminal]
_MODES = {"MANUAL": 0, "SCHEDULED": 1, "SYSTEM": 2, "RELAUNCH": 3, "CHILD_WORKFLOW": 4, "RECOVERED": 5, "TRIGGER": 6}
_STATES = {"EXECUTION_ACTIVE": 0, "EXECUTION_ARCHIVED": 1, "ACTIVE": 0, "ARCHIVED": 1}

_ALONE = executions.c.launched_kind == int(ResourceKind.TASK)


def _lasted(table: Table) -> ColumnElement[int]:
    """Return how long a row's thing ran, in nanoseconds; 0 while it has not started."""
    return case((table.c.started_at > 0, table.c.updated_at - table.c.started_at), else_=0)


def _timed(table: Table) -> dict[str, Field]:
    return {
        "created_at": Field(table.c.created_at, instant),
        "updated_at": Field(table.c.updated_at, instant),
        "started_at": Field(table.c.started_at, instant),
        "duration": Field(_lasted(table), duration),
    }


EXECUTION_FIELDS: Fields = {
    **_timed(executions),
    "execution_created_at": Field(executions.c.created_at, instant),
    "execution_updated_at": Field(executions.c.updated_at, instant),
    "project": Field(executions.c.project),
    "domain": Field(executions.c.domain),
    "name": Field(executions.c.name),
    "execution_name": Field(executions.c.name),
    "phase": Field(executions.c.phase, member(WorkflowPhase.__members__)),
    "state": Field(executions.c.state, member(_STATES)),
    "mode": Field(executions.c.mode, member(_MODES)),
    "user": Field(executions.c.user),
    "error_code": Field(executions.c.error_code),
    "launch_plan_name": Field(executions.c.launched_name),
    "launch_plan_version": Field(executions.c.launched_version),
    "workflow_name": Field(executions.c.workflow_name),
    "workflow_version": Field(executions.c.workflow_version),
    "task_name": Field(case((_ALONE, executions.c.launched_name), else_="")),
    "parent_execution_name": Field(executions.c.parent_name),
    "parent_node_id": Field(executions.c.parent_path),
}

TAG = "execution_tag."
TAG_FIELDS: Fields = {
    "key": Field(execution_tags.c.key),
    "value": Field(execution_tags.c.value),
}

NODE_FIELDS: Fields = {
    **_timed(node_executions),
    "node_execution_created_at": Field(node_executions.c.created_at, instant),
    "node_id": Field(node_executions.c.path),
    "spec_node_id": Field(node_executions.c.spec_node_id),
    "parent": Field(node_executions.c.parent),
    "phase": Field(node_executions.c.phase, member(NodePhase.__members__)),
}

TASK_FIELDS: Fields = {
    **_timed(task_executions),
    "task_execution_created_at": Field(task_executions.c.created_at, instant),
    "retry_attempt": Field(task_executions.c.attempt, int),
    "phase": Field(task_executions.c.phase, member(TaskPhase.__members__)),
    "name": Field(task_executions.c.task_name),
    "version": Field(task_executions.c.task_version),
}

_EXECUTION = select(*[executions.c[field.name] for field in fields(ExecutionRow)])
_NODE = select(*[node_executions.c[field.name] for field in fields(NodeRow)])
_ATTEMPT = select(*[task_executions.c[field.name] for field in fields(AttemptRow)])
_OF_NAME = tuple(executions.c[name] == bindparam(name) for name in ("project", "domain", "name"))
_FIND = Prepared(lambda _: _EXECUTION.where(executions.c.deleting_at == literal_column("0"), *_OF_NAME))
_CHANGED_NODES = Prepared(lambda _: _changed(_NODE, node_executions))
_CHANGED_ATTEMPTS = Prepared(lambda _: _changed(_ATTEMPT, task_executions))
_DELETING = Prepared(
    lambda _: select(executions.c.id).where(executions.c.deleting_at != literal_column("0"), *_OF_NAME)
)
_ADD_TAG = Prepared(
    lambda _: insert(execution_tags).values({name: bindparam(name) for name in ("execution", "key", "value")})
)


def add_execution(connection: Connection, values: Values, labels: Mapping[str, str]) -> ExecutionRow:
    """Keep a new execution, to be found by its labels, and return its row.

    An existing name is the database's IntegrityError.
    """
    _adding(tuple(values)).run(connection, [values])
    row = _FIND.first(connection, {name: values[name] for name in ("project", "domain", "name")})
    assert row is not None, "it was added"
    added = ExecutionRow(*row)
    _ADD_TAG.run(connection, [{"execution": added.id, "key": key, "value": value} for key, value in labels.items()])
    return added


@cache
def _adding(columns: tuple[str, ...]) -> Prepared:
    """Return the statement that adds an execution of which these are known."""
    return Prepared(lambda _: insert(executions).values({name: bindparam(name) for name in columns}))


def find_execution(connection: Connection, execution: ExecutionId) -> ExecutionRow | None:
    """Return an execution's row."""
    row = _FIND.first(connection, _key(execution))
    return None if row is None else ExecutionRow(*row)


def update_execution(connection: Connection, execution: ExecutionId, values: Values) -> bool:
    """Set columns of an execution that has not ended; tell whether there was one."""
    statement = update(executions).where(_is(execution), executions.c.phase.not_in(TERMINAL)).values(**values)
    return connection.execute(statement).rowcount > 0


def set_execution_state(connection: Connection, execution: ExecutionId, values: Values) -> bool:
    """Set columns that may change even when the execution has ended; tell whether there was one."""
    return connection.execute(update(executions).where(_is(execution)).values(**values)).rowcount > 0


def list_executions(
    connection: Connection, project: str, domain: str, name: str, query: ListQuery
) -> list[ExecutionRow]:
    """Return a page of a domain's executions, all of them or those named `name`.

    Filters on key and value of a label speak of one and the same label (Flyte's `execution_tag`).
    """
    conditions = [executions.c.project == project, executions.c.domain == domain, executions.c.deleting_at == 0]
    if name:
        conditions.append(executions.c.name == name)
    of_tags = [item for item in query.filters if item.field.startswith(TAG)]
    if of_tags:
        faults = Faults()
        tagged = select(execution_tags.c.execution).where(*where(of_tags, TAG_FIELDS, faults))
        faults.check()
        conditions.append(executions.c.id.in_(tagged))
        query = replace(query, filters=tuple(item for item in query.filters if item not in of_tags))
    statement = paged(_EXECUTION.where(*conditions), EXECUTION_FIELDS, query, "created_at", (executions.c.id,))
    return [ExecutionRow(*row) for row in connection.execute(statement)]


def latest_ended(connection: Connection, project: str, domain: str, launched: str, limit: int) -> list[ExecutionRow]:
    """Return the newest executions of a launch plan or task that have ended, whatever their version."""
    statement = (
        _EXECUTION.where(
            executions.c.project == project,
            executions.c.domain == domain,
            executions.c.launched_name == launched,
            executions.c.phase.in_(TERMINAL),
            executions.c.deleting_at == 0,
        )
        .order_by(executions.c.created_at.desc(), executions.c.id.desc())
        .limit(limit)
    )
    return [ExecutionRow(*row) for row in connection.execute(statement)]


def unfinished_business(connection: Connection) -> list[ExecutionRow]:
    """Return the executions nothing was heard of yet, and those that somebody wants to end."""
    statement = _EXECUTION.where(
        executions.c.phase.not_in(TERMINAL),
        ((executions.c.sequence == 0) & (executions.c.held_since == 0))
        | (executions.c.phase == WorkflowPhase.ABORTING.value),
    ).order_by(executions.c.id)
    return [ExecutionRow(*row) for row in connection.execute(statement)]


def find_node(connection: Connection, execution: int, path: str) -> NodeRow | None:
    """Return a node's row."""
    row = connection.execute(
        _NODE.where(node_executions.c.execution == execution, node_executions.c.path == path)
    ).first()
    return None if row is None else NodeRow(*row)


def list_nodes(connection: Connection, execution: int, parent: str | None, query: ListQuery) -> list[NodeRow]:
    """Return a page of the nodes that lie in `parent` (`""`: at the top; None: anywhere)."""
    where = [node_executions.c.execution == execution]
    if parent is not None:
        where.append(node_executions.c.parent == parent)
    statement = paged(_NODE.where(*where), NODE_FIELDS, query, "created_at", (node_executions.c.path,))
    return [NodeRow(*row) for row in connection.execute(statement)]


def all_nodes(connection: Connection, execution: int) -> list[NodeRow]:
    """Return all nodes of an execution, at any depth."""
    return [NodeRow(*row) for row in connection.execute(_NODE.where(node_executions.c.execution == execution))]


def last_attempts(connection: Connection, execution: int) -> dict[str, int]:
    """Return the number of the last attempt of each task node of an execution, by path."""
    table = task_executions.c
    statement = select(table.path, func.max(table.attempt)).where(table.execution == execution).group_by(table.path)
    return {row.path: row[1] for row in connection.execute(statement)}


def changed_nodes(connection: Connection, execution: int, after: int, limit: int) -> list[NodeRow]:
    """Return the nodes changed by history entries after number `after`, oldest change first."""
    found = _CHANGED_NODES.rows(connection, {"of": execution, "after": after, "most": limit})
    return [NodeRow(*row) for row in found]


def find_attempt(connection: Connection, execution: int, path: str, attempt: int) -> AttemptRow | None:
    """Return an attempt's row."""
    table = task_executions.c
    row = connection.execute(
        _ATTEMPT.where(table.execution == execution, table.path == path, table.attempt == attempt)
    ).first()
    return None if row is None else AttemptRow(*row)


def count_attempts(connection: Connection, execution: int, path: str) -> int:
    """Return how many attempts a node had so far, counted by the number of the last one."""
    table = task_executions.c
    last = select(func.max(table.attempt)).where(table.execution == execution, table.path == path)
    number = connection.execute(last).scalar()
    return 0 if number is None else number + 1


def list_attempts(connection: Connection, execution: int, path: str, query: ListQuery) -> list[AttemptRow]:
    """Return a page of a node's attempts."""
    table = task_executions.c
    statement = paged(
        _ATTEMPT.where(table.execution == execution, table.path == path),
        TASK_FIELDS,
        query,
        "created_at",
        (table.attempt,),
    )
    return [AttemptRow(*row) for row in connection.execute(statement)]


def changed_attempts(connection: Connection, execution: int, after: int, limit: int) -> list[AttemptRow]:
    """Return the attempts changed by history entries after number `after`, oldest change first."""
    found = _CHANGED_ATTEMPTS.rows(connection, {"of": execution, "after": after, "most": limit})
    return [AttemptRow(*row) for row in found]


def count_active(connection: Connection) -> int:
    """Return how many executions have not ended."""
    statement = select(func.count()).select_from(executions).where(executions.c.phase.not_in(TERMINAL))
    return connection.execute(statement).scalar_one()


def being_deleted(connection: Connection, execution: ExecutionId) -> bool:
    """Tell whether an execution of that name is on its way out."""
    return _DELETING.first(connection, _key(execution)) is not None


def hold_execution(connection: Connection, execution: ExecutionId) -> bool:
    """Keep an execution from being deleted until the transaction ends; tell whether it is there."""
    statement = select(executions.c.id).where(_is(execution)).with_for_update(read=True)
    return connection.execute(statement).first() is not None


def _key(execution: ExecutionId) -> Mapping[str, str]:
    return {"project": execution.project, "domain": execution.domain, "name": execution.name}


def _changed(rows: "Select[*tuple[Any, ...]]", table: Table) -> "Select[*tuple[Any, ...]]":
    """Return the statement that finds what history entries after a number changed, oldest change first."""
    news = table.c.execution == bindparam("of"), table.c.sequence > bindparam("after")
    return rows.where(*news).order_by(table.c.sequence).limit(bindparam("most")).offset(literal_column("0"))


def _is(execution: ExecutionId) -> ColumnElement[bool]:
    return and_(
        executions.c.deleting_at == 0,
        executions.c.project == execution.project,
        executions.c.domain == execution.domain,
        executions.c.name == execution.name,
    )
