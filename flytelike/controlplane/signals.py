"""Signals: what gates wait for, and the values that people and programs give.

A signal exists once a gate that waits for it was reached. Its value is given once and stays; who gave it and
when is kept with it. The launcher is told until it has heard.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from flytelike.codec.literals import literal_from_proto
from flytelike.codec.parse import parse, serialise
from flytelike.codec.types import literal_type_from_proto, literal_type_to_proto
from flytelike.compiler.describe import describe_type
from flytelike.controlplane.database import Database
from flytelike.controlplane.dispatch import Dispatch
from flytelike.controlplane.errors import Refusal, Status, invalid, refusal
from flytelike.controlplane.executions import found
from flytelike.controlplane.inputs import mismatch
from flytelike.controlplane.listing import ListQuery
from flytelike.controlplane.messages import execution_id, signal_message
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.repository.rows import ExecutionRow, GateRow, SignalRow
from flytelike.controlplane.repository.signals import (
    add_gate,
    add_signal,
    find_signal,
    list_signals,
    set_signal,
    waiting_gates,
)
from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.phases import WorkflowPhase
from flytelike.model.types import LiteralType
from flytelike_idl.admin import signal_pb2
from flytelike_idl.core import literals_pb2, types_pb2

NAME_CHARACTERS_MAX = 255
VALUE_BYTES_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class Reached:
    """A gate that has begun to wait for a signal; `until_ns` is 0 where it waits as long as it takes."""

    execution: ExecutionId
    signal: str
    type: LiteralType
    path: NodePath
    approval: bool
    since_ns: int
    until_ns: int


class Signals:
    """The use cases of signals."""

    def __init__(self, database: Database, dispatch: Dispatch, clock: Clock) -> None:
        """Keep signals in `database`; what was given is handed over by `dispatch`."""
        self._database = database
        self._dispatch = dispatch
        self._clock = clock

    async def reach(self, gate: Reached) -> bytes | None:
        """Let a signal exist from now on; return the serialised value it was given, if it was.

        Raises:
            Refusal: NOT_FOUND, or FAILED_PRECONDITION when the signal is of another type.
        """
        kind = serialise(literal_type_to_proto(gate.type))

        def reached(connection: Connection) -> bytes | None:
            row = found(connection, gate.execution)
            add_signal(connection, row.id, gate.signal, kind, gate.since_ns)
            known = _signal(connection, row, gate.signal)
            _check_type(known, kind)
            add_gate(
                connection,
                row.id,
                GateRow(gate.path, gate.signal, "", gate.approval, gate.since_ns, gate.until_ns),
            )
            return known.value

        return await self._database.write(reached)

    async def give(self, execution: ExecutionId, signal: str, value: literals_pb2.Literal, principal: str) -> None:
        """Give a signal its value; the same value again changes nothing.

        Raises:
            Refusal: NOT_FOUND for the execution; INVALID_ARGUMENT when no gate has waited for the signal
                yet or the value is not of its type; FAILED_PRECONDITION when the execution has ended or
                the signal was given another value.
        """
        data = serialise(value)
        if len(data) > VALUE_BYTES_MAX:
            raise invalid(
                "signal-too-large",
                f"the value of `{signal}` is {len(data)} bytes, the limit is {VALUE_BYTES_MAX}",
                "give large values as files",
            )
        now_ns = self._clock.now_ns()

        def set_value(connection: Connection) -> bool:
            row = found(connection, execution)
            known = find_signal(connection, row.id, signal)
            if known is None:
                raise _unknown(connection, row, signal)
            if known.value == data:
                return False
            if known.value is not None:
                raise _given_before(known)
            _check_value(known, value)
            if WorkflowPhase(row.phase).terminal:
                raise _ended(row)
            set_signal(connection, row.id, signal, {"value": data, "set_by": principal, "set_at": now_ns})
            return True

        async def given() -> None:
            if await self._database.write(set_value):
                await self._dispatch.tell_signal(execution, signal)

        await self._dispatch.whole(given())

    async def get_or_create(
        self, execution: ExecutionId, signal: str, kind: types_pb2.LiteralType
    ) -> signal_pb2.Signal:
        """Return a signal, made if it is not there. Raises what `reach` raises, and INVALID_ARGUMENT."""
        if not signal or len(signal) > NAME_CHARACTERS_MAX:
            raise invalid("invalid-signal", f"a signal's name has 1 to {NAME_CHARACTERS_MAX} characters")
        type_ = serialise(literal_type_to_proto(literal_type_from_proto(kind)))
        now_ns = self._clock.now_ns()

        def look(connection: Connection) -> signal_pb2.Signal:
            row = found(connection, execution)
            known = find_signal(connection, row.id, signal)
            if known is None:
                if WorkflowPhase(row.phase).terminal:
                    raise _ended(row)
                add_signal(connection, row.id, signal, type_, now_ns)
                known = _signal(connection, row, signal)
            _check_type(known, type_)
            return signal_message(execution, known, waiting_gates(connection, row.id))

        return await self._database.write(look)

    async def page(self, execution: ExecutionId, query: ListQuery) -> list[signal_pb2.Signal]:
        """Return a page of an execution's signals, with the gates that wait for them now."""

        def look(connection: Connection) -> list[signal_pb2.Signal]:
            row = found(connection, execution)
            waiting = waiting_gates(connection, row.id) if not WorkflowPhase(row.phase).terminal else ()
            rows = list_signals(connection, row.id, query)
            return [signal_message(execution, signal, waiting) for signal in rows]

        return await self._database.read(look)


def _signal(connection: Connection, row: ExecutionRow, signal: str) -> SignalRow:
    known = find_signal(connection, row.id, signal)
    assert known is not None, "it was added just now"
    return known


def _check_type(known: SignalRow, kind: bytes) -> None:
    if known.type != kind:
        wanted, other = _described(kind), _described(known.type)
        raise refusal(
            Status.FAILED_PRECONDITION,
            "conflicting-signals",
            f"the signal `{known.signal}` is `{other}` in this execution, and `{wanted}` is asked for",
            "give each signal a name of its own",
        )


def _check_value(known: SignalRow, value: literals_pb2.Literal) -> None:
    kind = literal_type_from_proto(parse(types_pb2.LiteralType, known.type))
    why = mismatch(literal_from_proto(value), kind)
    if why is not None:
        raise invalid("wrong-signal-type", f"the value of `{known.signal}` does not fit: {why}")


def _unknown(connection: Connection, row: ExecutionRow, signal: str) -> Refusal:
    if WorkflowPhase(row.phase).terminal:
        return _ended(row)
    waiting = sorted({gate.signal for gate in waiting_gates(connection, row.id)})
    named = ", ".join(f"`{name}`" for name in waiting)
    return invalid(
        "unknown-signal",
        f"nothing in {execution_id(row)} has waited for the signal `{signal}` yet",
        f"it waits for {named}" if waiting else "a signal can be given once its gate is reached; no gate waits now",
    )


def _given_before(known: SignalRow) -> Refusal:
    return refusal(
        Status.FAILED_PRECONDITION,
        "signal-given",
        f"the signal `{known.signal}` was given another value before, by {known.set_by}",
        "a signal is given once",
    )


def _ended(row: ExecutionRow) -> Refusal:
    return refusal(
        Status.FAILED_PRECONDITION,
        "execution-ended",
        f"the execution {execution_id(row)} has ended: {WorkflowPhase(row.phase).name}",
    )


def _described(kind: bytes) -> str:
    return describe_type(literal_type_from_proto(parse(types_pb2.LiteralType, kind)))
