"""Executions on their way out: chosen, marked, and their rows deleted in parts."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields

from sqlalchemy import Connection, and_, delete, exists, func, select, update

from flytelike.controlplane.repository.executions import TERMINAL
from flytelike.controlplane.schema import executions, metadata, node_executions
from flytelike.model.ids import ExecutionId
from flytelike_idl.admin import execution_pb2

NAMES_AT_ONCE = 500

PARTS = tuple(
    (table, next(column.name for column in table.primary_key if column.name != "execution"))
    for table in metadata.sorted_tables
    if any(key.column.table is executions for key in table.foreign_keys)
)
"""Tables whose rows belong to an execution, by its number in `execution`, and what tells its rows apart."""


@dataclass(frozen=True, slots=True)
class Member:
    """An execution as far as its deletion asks."""

    id: int
    project: str
    domain: str
    name: str
    workflow_name: str
    phase: int
    parent_name: str
    updated_at: int
    deleting_at: int
    deleted_at: int
    spec: bytes

    @property
    def execution(self) -> ExecutionId:
        """The execution's id."""
        return ExecutionId(self.project, self.domain, self.name)


_MEMBER = select(*[executions.c[field.name] for field in fields(Member)])


def ended_roots(connection: Connection, before_ns: int, after: int, limit: int) -> list[Member]:
    """Return executions that no other one started and that ended before an instant, from number `after` on."""
    parent = executions.alias("parent")
    has_parent = exists().where(
        parent.c.project == executions.c.project,
        parent.c.domain == executions.c.domain,
        parent.c.name == executions.c.parent_name,
    )
    statement = (
        _MEMBER.where(executions.c.id > after, executions.c.deleting_at == 0, executions.c.phase.in_(TERMINAL))
        .where(executions.c.updated_at <= before_ns, (executions.c.parent_name == "") | ~has_parent)
        .order_by(executions.c.id)
        .limit(limit)
    )
    return [Member(*row) for row in connection.execute(statement)]


def find_member(connection: Connection, execution: ExecutionId) -> Member | None:
    """Return an execution, also one that is being deleted."""
    table = executions.c
    where = (table.project == execution.project, table.domain == execution.domain, table.name == execution.name)
    row = connection.execute(_MEMBER.where(*where)).first()
    return None if row is None else Member(*row)


def descendants(connection: Connection, root: Member) -> list[Member]:
    """Return the executions that nodes of an execution started, theirs too, and so on."""
    found: list[Member] = []
    parents = [root.name]
    table = executions.c
    while parents:
        below: list[Member] = []
        for some in batches(parents):
            statement = _MEMBER.where(
                table.project == root.project, table.domain == root.domain, table.parent_name.in_(some)
            )
            below += [Member(*row) for row in connection.execute(statement)]
        found += below
        parents = [member.name for member in below]
    return found


def latest_roots(connection: Connection, project: str, domain: str, workflow: str, count: int) -> frozenset[int]:
    """Return the numbers of a workflow's newest executions that no other one started."""
    table = executions.c
    statement = (
        select(table.id)
        .where(table.project == project, table.domain == domain, table.workflow_name == workflow)
        .where(table.parent_name == "", table.deleting_at == 0)
        .order_by(table.created_at.desc(), table.id.desc())
        .limit(count)
    )
    return frozenset(connection.execute(statement).scalars())


def lent_children(connection: Connection) -> list[tuple[ExecutionId, int, str]]:
    """Return executions that nodes name as theirs though another one started them; with each node's execution.

    A recovered node goes on naming the execution that an earlier one started for it.
    """
    child = executions.alias("child")
    statement = (
        select(child.c.project, child.c.domain, child.c.name, executions.c.id, executions.c.name)
        .join(executions, executions.c.id == node_executions.c.execution)
        .join(
            child,
            and_(
                child.c.project == executions.c.project,
                child.c.domain == executions.c.domain,
                child.c.name == node_executions.c.child,
            ),
        )
        .where(node_executions.c.child != "", child.c.parent_name != executions.c.name, executions.c.deleting_at == 0)
    )
    return [(ExecutionId(*where), by, name) for *where, by, name in connection.execute(statement)]


def needed_by_unfinished(connection: Connection) -> dict[ExecutionId, str]:
    """Return the executions from which unfinished ones go on, each with the name of one that does."""
    statement = select(executions.c.name, executions.c.spec).where(executions.c.phase.not_in(TERMINAL))
    needed: dict[ExecutionId, str] = {}
    for name, data in connection.execute(statement):
        spec = execution_pb2.ExecutionSpec.FromString(data)
        if spec.metadata.HasField("reference_execution"):
            earlier = spec.metadata.reference_execution
            needed[ExecutionId(earlier.project, earlier.domain, earlier.name)] = name
    return needed


def mark(connection: Connection, numbers: Collection[int], now_ns: int) -> None:
    """Decide that executions go."""
    for some in batches(sorted(numbers)):
        connection.execute(update(executions).where(executions.c.id.in_(some)).values(deleting_at=now_ns))


def marked(connection: Connection, after: int, limit: int) -> list[Member]:
    """Return executions on their way out, from number `after` on."""
    statement = _MEMBER.where(executions.c.deleting_at != 0, executions.c.id > after).order_by(executions.c.id)
    return [Member(*row) for row in connection.execute(statement.limit(limit))]


def members(connection: Connection, numbers: Collection[int]) -> list[Member]:
    """Return executions by their numbers, in order."""
    found = connection.execute(_MEMBER.where(executions.c.id.in_(sorted(numbers))).order_by(executions.c.id))
    return [Member(*row) for row in found]


def count_parts(connection: Connection, numbers: Collection[int]) -> int:
    """Return how many nodes executions have."""
    total = 0
    for some in batches(sorted(numbers)):
        statement = select(func.count()).select_from(node_executions).where(node_executions.c.execution.in_(some))
        total += connection.execute(statement).scalar_one()
    return total


def delete_rows(
    connection: Connection, numbers: Sequence[int], rows_max: int, names_stay: Collection[int], now_ns: int
) -> int:
    """Delete about `rows_max` rows of executions, their own last; return how many executions are done.

    Called again with the rest until nothing is left, so that no transaction lasts long. Of those in
    `names_stay` the row that has the name stays.
    """
    left = rows_max
    for gone, number in enumerate(numbers):
        for table, key in PARTS:
            some = select(table.c[key]).where(table.c.execution == number).limit(left)
            statement = delete(table).where(table.c.execution == number, table.c[key].in_(some))
            left -= connection.execute(statement).rowcount
            if left <= 0:
                return gone
        one = executions.c.id == number
        if number in names_stay:
            connection.execute(update(executions).where(one).values(deleted_at=now_ns, spec=b"", error=None))
        else:
            connection.execute(delete(executions).where(one))
        left -= 1
        if left <= 0:
            return gone + 1
    return len(numbers)


def batches(values: Iterable[int] | Iterable[str]) -> Iterator[list[int | str]]:
    """Yield values in parts that a statement can take."""
    all_of_them: list[int | str] = list(values)
    for first in range(0, len(all_of_them), NAMES_AT_ONCE):
        yield all_of_them[first : first + NAMES_AT_ONCE]
