"""How it is with the elements of arrays: written from history, read in pages.

A chunk of some hundred elements is a row, so that a change of few elements writes little, however many there are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from sqlalchemy import Connection, bindparam, func, select, true, update

from flytelike.codec.failures import failure_to_proto
from flytelike.controlplane.repository.prepared import Params, Prepared, upsert
from flytelike.controlplane.schema import element_chunks, element_failures, node_executions
from flytelike.model.caching import CacheStatus
from flytelike.model.history import ElementsChanged
from flytelike.model.phases import TaskPhase

CHUNK = 512

RECOVERED = 64
"""Stands among the cache's words for a result that an earlier execution gave."""

FAILURES_MAX = 1_000
"""How many failed elements of an array are kept with their reason."""


@dataclass(slots=True)
class ArrayFold:
    """What history entries about one array lead to."""

    execution: int
    path: str
    last: ElementsChanged
    sequence: int
    records: list[ElementsChanged] = field(default_factory=list)

    def take(self, record: ElementsChanged, sequence: int) -> None:
        """Add the next entry."""
        self.last, self.sequence = record, sequence
        self.records.append(record)


@dataclass(frozen=True, slots=True)
class ElementRow:
    """One element. `error` is a serialised core.ExecutionError, where it is kept.

    `cache` is what the cache had to do with its result; `recovered` tells that an earlier execution gave it.
    """

    element: int
    attempt: int
    phase: TaskPhase
    error: bytes | None
    cache: CacheStatus = CacheStatus.DISABLED
    recovered: bool = False


def write_arrays(connection: Connection, folds: Iterable[ArrayFold]) -> None:
    """Write what became of elements."""
    for fold in folds:
        record = fold.last
        _UPDATE_NODE.run(
            connection,
            [
                {
                    "row_execution": fold.execution,
                    "row_path": fold.path,
                    "new_elements": record.length,
                    "new_open": record.open,
                    "new_succeeded": record.succeeded,
                    "new_failed": record.failed,
                    "more_cached": sum(map(_succeeded, (it for it in fold.records if it.cache is CacheStatus.HIT))),
                    "more_recovered": sum(map(_succeeded, (it for it in fold.records if it.recovered))),
                    "new_sequence": fold.sequence,
                }
            ],
        )
        _write_chunks(connection, fold)
        _write_failures(connection, fold)


def _succeeded(record: ElementsChanged) -> int:
    """Return how many elements a record says that have succeeded."""
    return sum(length for _, length, phase in record.changes if phase is TaskPhase.SUCCEEDED)


def _write_chunks(connection: Connection, fold: ArrayFold) -> None:
    chunks: dict[int, tuple[bytearray, bytearray, bytearray]] = {}
    length = fold.last.length

    def chunk(number: int) -> tuple[bytearray, bytearray, bytearray]:
        if number not in chunks:
            key: Params = {"execution": fold.execution, "path": fold.path, "number": number}
            rows = _READ_CHUNK.rows(connection, key)
            size = min(CHUNK, length - number * CHUNK)
            found = rows[0] if rows else (bytes(size), bytes(size), b"")
            chunks[number] = (bytearray(found[0]), bytearray(found[1]), bytearray(found[2]))
        return chunks[number]

    for record in fold.records:
        for element, attempt, _ in record.failures:
            chunk(element // CHUNK)[1][element % CHUNK] = min(attempt + 1, 255)
        origin = RECOVERED if record.recovered else record.cache
        for first, count, phase in record.changes:
            index = first
            while index < first + count:
                number, place = divmod(index, CHUNK)
                part = min(first + count - index, CHUNK - place)
                phases, _, origins = chunk(number)
                phases[place : place + part] = bytes([phase]) * part
                if origin and phase is TaskPhase.SUCCEEDED:
                    if not origins:
                        origins.extend(bytes(len(phases)))
                    origins[place : place + part] = bytes([origin]) * part
                index += part
    rows: list[Params] = [
        {
            "execution": fold.execution,
            "path": fold.path,
            "number": number,
            "phases": bytes(phases),
            "attempts": bytes(attempts),
            "origins": bytes(origins),
        }
        for number, (phases, attempts, origins) in chunks.items()
    ]
    _PUT_CHUNK.run(connection, rows)


def _write_failures(connection: Connection, fold: ArrayFold) -> None:
    failed = {element: (attempt, failure) for record in fold.records for element, attempt, failure in record.failures}
    if not failed:
        return
    of = (element_failures.c.execution == fold.execution, element_failures.c.path == fold.path)
    kept = connection.execute(select(func.count()).select_from(element_failures).where(*of)).scalar_one()
    room = max(0, FAILURES_MAX - kept)
    _PUT_FAILURE.run(
        connection,
        [
            {
                "execution": fold.execution,
                "path": fold.path,
                "element": element,
                "attempt": attempt,
                "error": failure_to_proto(failure).SerializeToString(),
            }
            for element, (attempt, failure) in list(failed.items())[:room]
        ],
    )


def list_elements(
    connection: Connection, execution: int, path: str, first: int, limit: int, *, only_failed: bool
) -> Sequence[ElementRow]:
    """Return elements from an index on, by index."""
    of = (element_chunks.c.execution == execution, element_chunks.c.path == path)
    statement = (
        select(element_chunks.c.number, element_chunks.c.phases, element_chunks.c.attempts, element_chunks.c.origins)
        .where(*of, element_chunks.c.number >= first // CHUNK)
        .order_by(element_chunks.c.number)
    )
    found: list[ElementRow] = []
    for number, phases, attempts, origins in connection.execute(statement):
        for place, (phase, tried, origin) in enumerate(
            zip(phases, attempts, origins or bytes(len(phases)), strict=True)
        ):
            index = number * CHUNK + place
            failed = phase in {TaskPhase.FAILED, TaskPhase.RETRYABLE_FAILED}
            if index < first or (only_failed and not failed):
                continue
            attempt = max(0, tried - 1) if failed else tried
            recovered = origin == RECOVERED
            cache = CacheStatus.DISABLED if recovered else CacheStatus(origin)
            found.append(ElementRow(index, attempt, TaskPhase(phase), None, cache, recovered))
            if len(found) == limit:
                return _with_errors(connection, execution, path, found)
    return _with_errors(connection, execution, path, found)


def _with_errors(connection: Connection, execution: int, path: str, found: list[ElementRow]) -> list[ElementRow]:
    if not found:
        return found
    statement = select(element_failures.c.element, element_failures.c.error).where(
        element_failures.c.execution == execution,
        element_failures.c.path == path,
        element_failures.c.element.between(found[0].element, found[-1].element),
    )
    errors = cast("dict[int, bytes]", {row[0]: row[1] for row in connection.execute(statement)})
    return [row if row.phase is TaskPhase.SUCCEEDED else replace(row, error=errors.get(row.element)) for row in found]


_UPDATE_NODE = Prepared(
    lambda _: (
        update(node_executions)
        .where(
            node_executions.c.execution == bindparam("row_execution"), node_executions.c.path == bindparam("row_path")
        )
        .values(
            is_array=true(),
            elements=bindparam("new_elements"),
            elements_open=bindparam("new_open"),
            elements_succeeded=bindparam("new_succeeded"),
            elements_failed=bindparam("new_failed"),
            elements_cached=node_executions.c.elements_cached + bindparam("more_cached"),
            elements_recovered=node_executions.c.elements_recovered + bindparam("more_recovered"),
            sequence=bindparam("new_sequence"),
        )
    )
)
_READ_CHUNK = Prepared(
    lambda _: select(element_chunks.c.phases, element_chunks.c.attempts, element_chunks.c.origins).where(
        element_chunks.c.execution == bindparam("execution"),
        element_chunks.c.path == bindparam("path"),
        element_chunks.c.number == bindparam("number"),
    )
)


def _put(table_name: str) -> Prepared:
    table = element_chunks if table_name == "chunks" else element_failures
    keys = {column.name for column in table.primary_key}
    return Prepared(
        lambda dialect: (insert := upsert(dialect, table)).on_conflict_do_update(
            index_elements=list(table.primary_key),
            set_={column.name: insert.excluded[column.name] for column in table.c if column.name not in keys},
        )
    )


_PUT_CHUNK = _put("chunks")
_PUT_FAILURE = _put("failures")
