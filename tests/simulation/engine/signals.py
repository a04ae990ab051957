"""Who gives signals to gates in a simulated world: late, early for other gates, or never."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from flytelike.model.failure import Failure, Fault
from flytelike.model.ids import ExecutionId, NodePath
from flytelike_idl.core import literals_pb2 as pb
from propeller.engine import Engine
from propeller.ports import StoreError
from propeller.ports_signals import SignalRefused, SignalWanted
from tests.simulation.engine.choices import given_value, rejected
from tests.simulation.engine.loop import S
from tests.simulation.engine.values import numbers
from tests.simulation.rules import must

if TYPE_CHECKING:
    from tests.simulation.engine.world import EngineWorld

Key = tuple[ExecutionId, str]


class SimulatedPeople:
    """Keeps signals as a control plane does, and gives them."""

    def __init__(self, world: "EngineWorld") -> None:
        self._world = world
        self._given: dict[Key, bytes] = {}
        self._coming: set[Key] = set()
        self._refused: dict[tuple[ExecutionId, NodePath], Failure | None] = {}

    def wait(self, wanted: SignalWanted) -> bytes | None:
        """Let a gate wait."""
        world, key = self._world, (wanted.execution, wanted.signal)
        world.judge(lambda: self._rightly(wanted))
        if (refusal := self._refusal(wanted)) is not None:
            raise SignalRefused(refusal)
        somebody = not wanted.until_ns or world.rng.random() < 0.6
        if key not in self._given and key not in self._coming and somebody:
            self._coming.add(key)
            delay_ns = world.rng.choice([0, S, 20 * S, 100 * S])
            world.agenda.later(f"somebody gives {wanted.signal}", delay_ns, lambda: self._give(key, wanted))
        return self._given.get(key)

    def _rightly(self, wanted: SignalWanted) -> None:
        world, path = self._world, wanted.path
        checker = world.checkers[wanted.execution]
        sketch, gate = checker.sketch(path), world.expected.gate(path)
        must(sketch.is_gate and gate is not None and gate.signal_id == wanted.signal, f"{path}: waits for {wanted}")
        must(checker.nodes[path].phase is not None, f"{path}: waits before it has begun")
        since_ns, limit_ns = checker.gates_ns[path], sketch.metadata.timeout_ns
        until_ns = since_ns + limit_ns if limit_ns else 0
        must((wanted.since_ns, wanted.until_ns) == (since_ns, until_ns), f"{path}: waits from {wanted.since_ns}")
        found, right = numbers(world.blobs.read(wanted.inputs_uri)), world.expected.given(path)
        must(found == right, f"{path}: asks about {found}, not {right}")

    def _refusal(self, wanted: SignalWanted) -> Failure | None:
        """Some gates may not wait, as when another one waits for the signal with another type."""
        world, key = self._world, (wanted.execution, wanted.path)
        if key not in self._refused:
            unlucky = world.rng.random() < world.weather.bad_end / 8
            failure = Failure("SignalClash", f"{wanted.path} may not wait", Fault.USER, retryable=False)
            self._refused[key] = failure if unlucky else None
            if unlucky:
                world.checkers[wanted.execution].unopened[wanted.path] = failure
        return self._refused[key]

    def _give(self, key: Key, wanted: SignalWanted) -> None:
        world, literal = self._world, pb.Literal()
        refuses = wanted.approval and world.rng.random() < world.weather.bad_end / 2
        if wanted.approval:
            literal.scalar.primitive.boolean = not refuses
        else:
            literal.scalar.primitive.integer = given_value(wanted.signal)
        self._given[key] = literal.SerializeToString()
        world.checkers[wanted.execution].signals[wanted.signal] = rejected(wanted.signal) if refuses else None
        world.post(self._news(key))

    def _news(self, key: Key) -> Callable[[Engine], None]:
        def tell(engine: Engine) -> None:
            life = self._world.life
            if life is not None and life.engine is engine:
                life.begin(self._tell(engine, key))

        return tell

    async def _tell(self, engine: Engine, key: Key) -> None:
        """Tell the engine; tell it again if it could not take it."""
        try:
            await engine.signalled(*key)
        except StoreError:
            self._world.agenda.later("", S, lambda: self._world.post(self._news(key)))
