"""Waiting at gates for signals: an approval gives what it was asked about, a signal its value."""

from flytelike.codec.parse import parse, serialise
from flytelike.model.failure import Failure, Fault
from flytelike.model.gate import Approval, Signal
from flytelike.model.graph import GateTarget
from flytelike.model.types import BOOLEAN, LiteralType
from flytelike_idl.core import literals_pb2 as pb
from propeller.core import gate_node
from propeller.core.commands import AwaitSignal
from propeller.core.events import GatePassed, GateRefused
from propeller.core.node_state import AtGate
from propeller.engine import places
from propeller.engine.binding import BindingFailed
from propeller.engine.outside import Ports
from propeller.engine.run import Arrival, Errand, Kept, Post, Run
from propeller.engine.settings import EngineSettings
from propeller.engine.values import Values
from propeller.ports_signals import SignalRefused, SignalWanted

REJECTED = "ReceivedRejectSignal"
"""Flyte's code for an approval that was refused."""


class Gates:
    """Answers `AwaitSignal`, as soon as the signal was given."""

    def __init__(self, post: Post, values: Values, ports: Ports, settings: EngineSettings) -> None:
        """Take where news go, what binds values, and who keeps signals and documents."""
        self._post = post
        self._values = values
        self._signals = ports.signals
        self._blobs = ports.blobs
        self._clock = ports.clock
        self._settings = settings

    async def wait(self, run: Run, command: AwaitSignal) -> None:
        """Store the gate's inputs, let its signal exist, and tell if it was given already."""
        path, state = command.path, run.state.get(command.path)
        target = run.program.node(path).target
        gate = target.gate if isinstance(target, GateTarget) else None
        if not isinstance(state, AtGate) or not isinstance(gate, Approval | Signal):
            return
        try:
            inputs, inputs_uri = await self._values.store_inputs(run, path)
            timeout_ns = run.state.plan.place(path).node.timeout_ns
            given = await self._signals.wait(
                SignalWanted(
                    execution=run.id,
                    signal=gate.signal_id,
                    type=_type_of(gate),
                    path=path,
                    approval=isinstance(gate, Approval),
                    since_ns=state.started_ns,
                    until_ns=state.started_ns + timeout_ns if timeout_ns else 0,
                    inputs_uri=inputs_uri,
                )
            )
        except (BindingFailed, SignalRefused) as error:
            self._refuse(run, command, error.failure)
            return
        if given is None:
            return
        value = parse(pb.Literal, given)
        if isinstance(gate, Signal):
            await self._pass(run, command, pb.LiteralMap(literals={gate.output: value}))
        elif value.scalar.primitive.boolean:
            await self._pass(run, command, inputs)
        else:
            message = f"`{run.program.node(path).metadata.name or gate.signal_id}` was rejected"
            self._refuse(run, command, Failure(REJECTED, message, Fault.USER, retryable=False))

    async def _pass(self, run: Run, command: AwaitSignal, outputs: pb.LiteralMap) -> None:
        path, attempt = command.path, command.attempt
        uri = places.outputs_uri(self._settings.metadata_prefix, run.id, path, attempt)
        data = serialise(outputs)
        await self._blobs.write(uri, data)
        kept = None
        if len(data) <= self._settings.inline_outputs_bytes_max:
            kept = Kept(path, attempt, data)
        else:
            await self._blobs.sync(uri)
        self._values.keep(run, path, outputs, len(data))
        self._post(run, Arrival(GatePassed(path, attempt, self._clock.now_ns()), kept))

    def _refuse(self, run: Run, command: AwaitSignal, failure: Failure) -> None:
        self._post(run, Arrival(GateRefused(command.path, command.attempt, self._clock.now_ns(), failure)))


def waiting_for(run: Run, signal: str) -> list[Errand]:
    """Return what is to be done again since a signal was given: the waits of the gates that wait for it."""
    found: list[Errand] = []
    for path, node in run.state.active():
        if isinstance(node, AtGate):
            commands = gate_node.wait_commands(run.state.plan.place(path), node)
            found += [it for it in commands if isinstance(it, AwaitSignal) and it.signal == signal]
    return found


def _type_of(gate: Approval | Signal) -> LiteralType:
    return gate.type if isinstance(gate, Signal) else BOOLEAN
