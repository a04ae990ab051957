"""Why a node's result came from the cache or did not, and what it is compared with: also results that are replaced."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from sqlalchemy import Connection

from flytelike.codec.caching import key_from_json, source_from_json
from flytelike.codec.parse import parse
from flytelike.controlplane.repository import catalog_past as past
from flytelike.controlplane.repository import catalog_queries as queries
from flytelike.controlplane.repository import executions as repository
from flytelike.controlplane.repository.catalog import EntryRow
from flytelike.controlplane.repository.catalog_past import OVERWRITTEN, PastRow
from flytelike.controlplane.repository.entities import find_entity
from flytelike.controlplane.repository.rows import ExecutionRow, NodeRow
from flytelike.model.caching import CacheKey, CacheSource, CacheStatus, derived_version
from flytelike.model.ids import Identifier, ResourceKind
from flytelike_idl.admin import execution_pb2
from flytelike_idl.core import compiler_pb2, tasks_pb2

COMPARED_MAX = 500
"""How many earlier results of a task are looked at for the nearest, and as many that were replaced."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A part of a key that differs between the nearest result and the node; empty where one has no such part.

    The parts of the code are told of results with one key, too: where a version that the author gave stands for both.
    """

    part: str
    name: str
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class Result:
    """A result that is in the catalog, or was: `gone` says why it is there no more, `replaced_by` what came instead."""

    key: CacheKey
    source: CacheSource
    created_ns: int
    size_bytes: int = 0
    duration_ns: int = 0
    hits: int = 0
    used_ns: int = 0
    expires_ns: int = 0
    gone: str = ""
    gone_ns: int = 0
    replaced_by: CacheSource | None = None

    @classmethod
    def of(cls, row: EntryRow) -> Self:
        """Return the result of an entry."""
        key, source = key_from_json(row.cache_key), source_from_json(row.source)
        sizes = (row.size_bytes, row.duration_ns, row.hits, row.used_at, row.expires_at)
        return cls(key, source, row.created_at, *sizes, row.gone, row.gone_at)

    @classmethod
    def of_past(cls, row: PastRow, key: CacheKey) -> Self:
        """Return a result that was replaced."""
        source, by = source_from_json(row.source), source_from_json(row.replaced_by)
        sizes = (row.size_bytes, row.duration_ns, row.hits, row.created_at, 0)
        return cls(key, source, row.created_at, *sizes, row.gone, row.gone_at, by)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What was found out about a node and the cache."""

    status: CacheStatus
    why: str
    key: CacheKey | None = None
    nearest: Result | None = None
    differences: tuple[Difference, ...] = ()


def explained(connection: Connection, execution: ExecutionRow, row: NodeRow) -> Explanation:
    """Return what is known of a node and the cache."""
    status = CacheStatus(row.cache_status)
    if not row.cache_key:
        return Explanation(status, row.cache_why or _why_not(connection, execution, row))
    key = key_from_json(row.cache_key)
    version = _task_version(connection, execution, row)
    if status is CacheStatus.HIT:
        taken = _taken(connection, key, row)
        return Explanation(status, row.cache_why, key, taken, _compared(connection, taken, key, version))
    replaced = _replaced_by(connection, key, execution, row)
    if replaced is not None:
        why = row.cache_why or ("computed_twice" if replaced.gone == OVERWRITTEN else replaced.gone)
        return Explanation(status, why, key, replaced, _compared(connection, replaced, key, version))
    why = row.cache_why or _why_gone(connection, key, row)
    nearest = _nearest(connection, key, row.created_at)
    if nearest is None or why:
        return Explanation(status, why or ("" if nearest else "nothing_yet"), key, nearest)
    return Explanation(status, why, key, nearest, _compared(connection, nearest, key, version))


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


def _taken(connection: Connection, key: CacheKey, row: NodeRow) -> Result:
    """Return the result that a node took, which may have been replaced or forgotten since."""
    source = source_from_json(row.cache_source)
    own = queries.find_entry(connection, key.digest)
    if own is not None and own.source == row.cache_source:
        return Result.of(own)
    found = next((one for one in past.past_of(connection, key.digest) if one.source == row.cache_source), None)
    return Result.of_past(found, key) if found is not None else Result(key, source, 0)


def _replaced_by(connection: Connection, key: CacheKey, execution: ExecutionRow, row: NodeRow) -> Result | None:
    """Return the result in whose place the node's own came."""
    name = (execution.project, execution.domain, execution.name)
    for one in past.past_of(connection, key.digest):
        result = Result.of_past(one, key)
        by = result.replaced_by
        if by is not None and ((by.execution.project, by.execution.domain, by.execution.name), by.path) == (
            name,
            row.path,
        ):
            return result
    return None


def _why_gone(connection: Connection, key: CacheKey, row: NodeRow) -> str:
    """Return why the result of a key that is or was there did not serve a node."""
    own = queries.find_entry(connection, key.digest)
    if own is None:
        return ""
    return own.replaced if own.created_at >= row.created_at else own.gone


def _nearest(connection: Connection, key: CacheKey, before_ns: int) -> Result | None:
    """Return the earlier result of the task whose key differs least; of equals the newest."""
    task = (key.project, key.domain, key.task)
    found = [Result.of(row) for row in queries.earlier_entries(connection, task, before_ns, COMPARED_MAX)]
    found.extend(
        Result.of_past(row, key_from_json(text))
        for row, text in past.earlier_past(connection, task, before_ns, COMPARED_MAX)
    )
    return min(found, key=lambda one: (_distance(one.key, key), -one.created_ns), default=None)


def _distance(one: CacheKey, other: CacheKey) -> int:
    mine, theirs = dict(one.inputs), dict(other.inputs)
    inputs = sum(mine.get(name) != theirs.get(name) for name in {*mine, *theirs})
    interface, version = one.interface != other.interface, one.version != other.version
    return inputs + 2 * interface + version + (one.environment != other.environment)


def _compared(connection: Connection, before: Result, now: CacheKey, version: str) -> tuple[Difference, ...]:
    """Return what differs between an earlier result and a node whose task has a version."""
    return tuple(_differences(connection, before.key, now, (before.source.task_version, version)))


def _differences(
    connection: Connection, before: CacheKey, now: CacheKey, versions: tuple[str, str]
) -> Iterator[Difference]:
    if before.interface != now.interface:
        yield Difference("interface", "", before.interface, now.interface)
    code = () if versions[0] == versions[1] else tuple(_code_differences(connection, (before, now), versions))
    yield from code
    if before.version != now.version and not code:
        yield Difference("version", "", before.version, now.version)
    if before.environment != now.environment:
        yield Difference("environment", "", before.environment, now.environment)
    yield from _entries("input", dict(before.inputs), dict(now.inputs))


def _code_differences(
    connection: Connection, keys: tuple[CacheKey, CacheKey], versions: tuple[str, str]
) -> Iterator[Difference]:
    """Yield the functions and constants that differ between two versions of a task.

    They are what makes two derived versions differ; under one version that the author gave, they are worth knowing.
    """
    codes = [
        _template(connection, Identifier(ResourceKind.TASK, key.project, key.domain, key.task, version)).code
        for key, version in zip(keys, versions, strict=True)
    ]
    derived = all(key.version == derived_version(code) for key, code in zip(keys, codes, strict=True))
    if all(codes) and (derived or keys[0].version == keys[1].version):
        yield from _entries("code", *codes)


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
