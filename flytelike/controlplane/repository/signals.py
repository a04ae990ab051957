"""Signals and the gates that wait for them: kept and found."""

from collections.abc import Mapping, Sequence
from dataclasses import fields

from sqlalchemy import ColumnElement, Connection, and_, select, update

from flytelike.controlplane.listing import ListQuery
from flytelike.controlplane.repository.pages import Field, Fields, instant, paged
from flytelike.controlplane.repository.prepared import upsert
from flytelike.controlplane.repository.rows import GateRow, SignalRow
from flytelike.controlplane.schema import executions, gates, node_executions, signals
from flytelike.model.ids import ExecutionId
from flytelike.model.phases import NodePhase

SIGNAL_FIELDS: Fields = {
    "created_at": Field(signals.c.created_at, instant),
    "signal_id": Field(signals.c.signal),
}

_SIGNAL = select(*[signals.c[field.name] for field in fields(SignalRow)])


def add_signal(connection: Connection, execution: int, signal: str, type_: bytes, created_at: int) -> None:
    """Keep a signal that has no value yet; one that is known stays as it is."""
    connection.execute(
        upsert(connection.dialect, signals)
        .values(execution=execution, signal=signal, type=type_, created_at=created_at, untold=False)
        .on_conflict_do_nothing()
    )


def add_gate(connection: Connection, execution: int, gate: GateRow) -> None:
    """Keep that a gate waits for a signal; one that is known stays as it is."""
    values = {field.name: getattr(gate, field.name) for field in fields(GateRow) if field.name != "name"}
    connection.execute(upsert(connection.dialect, gates).values(execution=execution, **values).on_conflict_do_nothing())


def find_signal(connection: Connection, execution: int, signal: str) -> SignalRow | None:
    """Return a signal's row."""
    row = connection.execute(_SIGNAL.where(_is(execution, signal))).first()
    return None if row is None else SignalRow(*row)


def set_signal(connection: Connection, execution: int, signal: str, values: Mapping[str, str | int | bytes]) -> None:
    """Give a signal its value; the launcher is to be told."""
    connection.execute(update(signals).where(_is(execution, signal)).values(**values, untold=True))


def told_signal(connection: Connection, execution: ExecutionId, signal: str) -> None:
    """Note that the launcher was told of a signal's value."""
    found = select(executions.c.id).where(_named(execution)).scalar_subquery()
    connection.execute(
        update(signals).where(signals.c.execution == found, signals.c.signal == signal).values(untold=False)
    )


def untold_signals(connection: Connection) -> list[tuple[ExecutionId, str]]:
    """Return the signals whose values the launcher was not told of yet."""
    statement = (
        select(executions.c.project, executions.c.domain, executions.c.name, signals.c.signal)
        .join(executions, executions.c.id == signals.c.execution)
        .where(signals.c.untold)
        .order_by(signals.c.set_at)
    )
    return [(ExecutionId(*where), signal) for *where, signal in connection.execute(statement)]


def list_signals(connection: Connection, execution: int, query: ListQuery) -> list[SignalRow]:
    """Return a page of an execution's signals."""
    statement = paged(
        _SIGNAL.where(signals.c.execution == execution), SIGNAL_FIELDS, query, "created_at", (signals.c.signal,)
    )
    return [SignalRow(*row) for row in connection.execute(statement)]


def waiting_gates(connection: Connection, execution: int) -> Sequence[GateRow]:
    """Return the gates of an execution that wait now, longest first."""
    node = node_executions.c
    names = {field.name: node.name if field.name == "name" else gates.c[field.name] for field in fields(GateRow)}
    statement = (
        select(*names.values())
        .join(node_executions, and_(node.execution == gates.c.execution, node.path == gates.c.path))
        .where(gates.c.execution == execution, node.phase == NodePhase.RUNNING.value)
        .order_by(gates.c.since, gates.c.path)
    )
    return [GateRow(*row) for row in connection.execute(statement)]


def _is(execution: int, signal: str) -> ColumnElement[bool]:
    return and_(signals.c.execution == execution, signals.c.signal == signal)


def _named(execution: ExecutionId) -> ColumnElement[bool]:
    return and_(
        executions.c.project == execution.project,
        executions.c.domain == execution.domain,
        executions.c.name == execution.name,
    )
