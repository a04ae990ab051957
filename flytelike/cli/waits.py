"""What an execution waits for, in words: its gates, since when, and how to answer."""

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC

from flytelike.cli.tree import shown_time
from flytelike.codec.literals import literal_from_proto
from flytelike.codec.types import literal_type_from_proto
from flytelike.compiler.describe import describe_type
from flytelike.types.inputs import json_from_literal
from flytelike_idl.admin import gate_pb2, signal_pb2


@dataclass(frozen=True, slots=True)
class Wait:
    """A signal that a gate waits for now."""

    signal: signal_pb2.Signal
    gate: gate_pb2.WaitingGate

    @property
    def line(self) -> str:
        """The wait and the answer in one line."""
        name = self.signal.id.signal_id
        what = f'approval "{name}"' if self.gate.approval else f'signal "{name}" ({type_words(self.signal)})'
        until = f" until {shown_time(self.gate.until.ToDatetime(UTC))}" if self.gate.HasField("until") else ""
        since = shown_time(self.gate.since.ToDatetime(UTC))
        return f"waits for {what} since {since}{until}, answer with: {self.answer}"

    @property
    def answer(self) -> str:
        """The command that answers."""
        how = "--approve (or --reject)" if self.gate.approval else "--value ..."
        execution = self.signal.id.execution_id.name
        return f"flytelike signal {execution} {shlex.quote(self.signal.id.signal_id)} {how}"


def waits(signals: Iterable[signal_pb2.Signal]) -> Iterator[Wait]:
    """Yield what is waited for now."""
    for signal in signals:
        if not signal.HasField("value"):
            for gate in signal.gates:
                yield Wait(signal, gate)


def type_words(signal: signal_pb2.Signal) -> str:
    """Return a signal's type as an author would write it."""
    return describe_type(literal_type_from_proto(signal.type))


def record(signal: signal_pb2.Signal) -> dict[str, object]:
    """Return a signal for scripts."""
    given = signal.HasField("value")
    return {
        "signal": signal.id.signal_id,
        "type": type_words(signal),
        "given": given,
        "value": json_from_literal(literal_from_proto(signal.value)) if given else None,
        "by": signal.set_by,
        "at": signal.set_at.ToJsonString() if given else None,
        "gates": [
            {
                "node": gate.node_id,
                "name": gate.name,
                "approval": gate.approval,
                "since": gate.since.ToJsonString(),
                "until": gate.until.ToJsonString() if gate.HasField("until") else None,
            }
            for gate in signal.gates
        ],
    }
