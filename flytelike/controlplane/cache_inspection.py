"""Why a node's result came from the cache or did not; what is in the cache; taking things out of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from flytelike.codec.caching import key_from_json
from flytelike.codec.parse import parse
from flytelike.codec.tasks import code_parts_of
from flytelike.controlplane.catalog import EVICTED, Catalog
from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import not_found
from flytelike.controlplane.executions import found
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.repository import catalog_queries as queries
from flytelike.controlplane.repository import executions as repository
from flytelike.controlplane.repository.catalog import EntryRow, drop_entries
from flytelike.controlplane.repository.catalog_queries import Selection, Statistics
from flytelike.controlplane.repository.entities import find_entity
from flytelike.controlplane.repository.rows import ExecutionRow, NodeRow
from flytelike.model.caching import CacheKey, CacheStatus
from flytelike.model.ids import Identifier, NodeExecutionId, ResourceKind
from flytelike_idl.admin import execution_pb2
from flytelike_idl.core import compiler_pb2, tasks_pb2

COMPARED_MAX = 500
"""How many earlier results of a task are looked at for the nearest."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A part of a key that differs between the nearest entry and the node; empty where one has no such part."""

    part: str
    name: str
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What was found out about a node and the cache."""

    status: CacheStatus
    why: str
    key: CacheKey | None = None
    nearest: EntryRow | None = None
    differences: tuple[Difference, ...] = ()


class CacheInspection:
    """The use cases of looking into the cache."""

    def __init__(self, database: Database, catalog: Catalog, clock: Clock) -> None:
        """Look into `database`, where `catalog` keeps what it knows."""
        self.database = database
        self._catalog = catalog
        self._clock = clock

    async def explain(self, node: NodeExecutionId) -> Explanation:
        """Tell why a node's result came from the cache or did not; raises Refusal NOT_FOUND."""

        def look(connection: Connection) -> Explanation:
            execution = found(connection, node.execution)
            row = repository.find_node(connection, execution.id, node.path)
            if row is None:
                raise not_found("node execution", f"{node.execution}/{node.path}")
            return _explained(connection, execution, row)

        return await self.database.read(look)

    async def entries(self, selection: Selection, limit: int, offset: int) -> list[EntryRow]:
        """Return a page of the results that are there, newest first."""
        await self._catalog.flush()
        return await self.database.read(lambda connection: queries.list_entries(connection, selection, limit, offset))

    async def statistics(self, selection: Selection) -> list[Statistics]:
        """Return how the cache served each task."""
        await self._catalog.flush()
        return await self.database.read(lambda connection: queries.statistics(connection, selection))

    async def evict(self, selection: Selection, keep_bytes: int, *, dry_run: bool) -> tuple[int, int]:
        """Take results out of the cache; return how many and of how many bytes.

        The data they name stays: histories of executions refer to it, and only who knows all references may delete it.
        """
        await self._catalog.flush()
        now_ns = self._clock.now_ns()

        def go(connection: Connection) -> tuple[int, int]:
            going, freed = queries.to_evict(connection, selection, keep_bytes)
            if not dry_run:
                drop_entries(connection, going, EVICTED, now_ns)
            return len(going), freed

        return await (self.database.read(go) if dry_run else self.database.write(go))


def _explained(connection: Connection, execution: ExecutionRow, row: NodeRow) -> Explanation:
    status = CacheStatus(row.cache_status)
    if not row.cache_key:
        return Explanation(status, row.cache_why or _why_not(connection, execution, row))
    key = key_from_json(row.cache_key)
    own = queries.find_entry(connection, key.digest)
    if status is CacheStatus.HIT:
        return Explanation(status, row.cache_why, key, own)
    why = row.cache_why
    if own is not None and not why:
        why = own.replaced if own.created_at >= row.created_at else own.gone
    nearest = _nearest(connection, key, row.created_at)
    if nearest is None or why:
        return Explanation(status, why or ("" if nearest else "nothing_yet"), key, nearest)
    versions = (nearest.entry().source.task_version, _task_version(connection, execution, row))
    return Explanation(status, why, key, nearest, tuple(_differences(connection, nearest.entry().key, key, versions)))


def _why_not(connection: Connection, execution: ExecutionRow, row: NodeRow) -> str:
    """Return why a node has nothing to do with the cache."""
    if row.is_array:
        return "of_elements"
    if row.is_parent or row.is_child:
        return "not_a_task"
    if execution_pb2.ExecutionSpec.FromString(execution.spec).skip_cache:
        return "switched_off"
    attempt = repository.find_attempt(connection, execution.id, row.path, 0)
    if attempt is not None:
        task = Identifier(
            ResourceKind.TASK, attempt.task_project, attempt.task_domain, attempt.task_name, attempt.task_version
        )
        template = _template(connection, task)
        if template.metadata.discoverable and not template.interface.outputs.variables:
            return "no_outputs"
    return "not_enabled"


def _nearest(connection: Connection, key: CacheKey, before_ns: int) -> EntryRow | None:
    """Return the earlier result of the task whose key differs least; of equals the newest."""
    task = (key.project, key.domain, key.task)
    rows = queries.earlier_entries(connection, task, before_ns, COMPARED_MAX)
    return min(rows, key=lambda row: _distance(key_from_json(row.cache_key), key), default=None)


def _distance(one: CacheKey, other: CacheKey) -> int:
    mine, theirs = dict(one.inputs), dict(other.inputs)
    inputs = sum(mine.get(name) != theirs.get(name) for name in {*mine, *theirs})
    interface, version = one.interface != other.interface, one.version != other.version
    return inputs + 2 * interface + version + (one.environment != other.environment)


def _differences(
    connection: Connection, before: CacheKey, now: CacheKey, versions: tuple[str, str]
) -> Iterator[Difference]:
    if before.interface != now.interface:
        yield Difference("interface", "", before.interface, now.interface)
    if before.version != now.version:
        code = tuple(_code_differences(connection, now, versions))
        yield from code or (Difference("version", "", before.version, now.version),)
    if before.environment != now.environment:
        yield Difference("environment", "", before.environment, now.environment)
    yield from _entries("input", dict(before.inputs), dict(now.inputs))


def _code_differences(connection: Connection, key: CacheKey, versions: tuple[str, str]) -> Iterator[Difference]:
    """Yield the functions and constants that differ between two versions of a task."""
    before, now = (
        _template(connection, Identifier(ResourceKind.TASK, key.project, key.domain, key.task, version))
        for version in versions
    )
    if before.metadata.cache_code and now.metadata.cache_code:
        yield from _entries("code", code_parts_of(before.metadata.cache_code), code_parts_of(now.metadata.cache_code))


def _entries(part: str, before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Difference]:
    for name in sorted({*before, *now}):
        old, new = before.get(name, ""), now.get(name, "")
        if old != new:
            yield Difference(part, name, old, new)


def _task_version(connection: Connection, execution: ExecutionRow, row: NodeRow) -> str:
    """Return the version of a node's task; the workflow's, with which it was registered, before an attempt began."""
    attempt = repository.find_attempt(connection, execution.id, row.path, 0)
    return execution.workflow_version if attempt is None else attempt.task_version


def _template(connection: Connection, task: Identifier) -> tasks_pb2.TaskTemplate:
    row = find_entity(connection, task)
    if row is None:
        return compiler_pb2.CompiledTask().template
    return parse(compiler_pb2.CompiledTask, row.body).template
