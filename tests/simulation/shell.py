"""A small platform around the core: it loads, evaluates, commits and acts, and may die between any two steps."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from flytelike.model.history import Record
from flytelike.model.ids import Digest, NodePath
from propeller.core.commands import AbortAttempt, AbortChild, AbortElements, Command
from propeller.core.decision import Decision, Step
from propeller.core.elements import Chunk
from propeller.core.evaluate import evaluate
from propeller.core.events import Event, ExecutionStarted
from propeller.core.header import Accepted, Header
from propeller.core.invariants import check
from propeller.core.node_state import END_STATES, NodeState
from propeller.core.plan import Plan
from propeller.core.resume import outstanding
from propeller.core.reuse import Reuse
from propeller.core.state import ExecutionState
from tests.simulation.checker import Checker
from tests.simulation.rules import must
from tests.simulation.world import World


class Fenced(Exception):
    """A platform that was given up tried to commit."""


@dataclass
class Store:
    """What is durable. A commit is all or nothing."""

    header: Header
    nodes: dict[NodePath, NodeState] = field(default_factory=dict)
    chunks: dict[NodePath, Chunk] = field(default_factory=dict)
    outbox: dict[int, Command] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    log: list[tuple[Event, ...]] = field(default_factory=list)
    graphs: dict[NodePath, Digest] = field(default_factory=dict)
    owner: int = 0

    def commit(self, owner: int, batch: Sequence[Event], decision: Decision) -> list[int]:
        """Store a step; return the numbers of its commands in the outbox."""
        if owner != self.owner:
            raise Fenced
        must(not self.header.ended, "something was committed after the end")
        for path, node in decision.nodes.items():
            old = self.nodes.get(path)
            must(type(old) not in END_STATES or old == node, f"{path}: {old} became {node}")
        self.header = decision.header
        self.nodes.update(decision.nodes)
        must(not self.graphs.keys() & decision.graphs.keys(), "a scope was given two graphs")
        self.graphs.update(decision.graphs)
        self.chunks.update(decision.chunks)
        for key in decision.dropped:
            self.nodes.pop(key, None)
            self.chunks.pop(key, None)
        self.records.extend(decision.records)
        self.log.append(tuple(batch))
        first = len(self.commands)
        self.commands.extend(decision.commands)
        numbers = list(range(first, len(self.commands)))
        self.outbox.update(zip(numbers, decision.commands, strict=True))
        return numbers


@dataclass
class Shell:
    """One life of the platform. Each `yield` is a moment at which it may die."""

    plan: Plan
    given: Callable[[str], Plan]
    store: Store
    world: World
    checker: Checker
    steps: list[Step]
    reuse: Mapping[NodePath, Reuse]
    inbox: list[Event] = field(default_factory=list)
    owner: int = 0
    state: ExecutionState | None = None
    unacknowledged: list[int] = field(default_factory=list)

    def boot(self) -> Iterator[str]:
        """Take over: fence off who was there before, act again on all that is unanswered."""
        self.store.owner += 1
        self.owner = self.store.owner
        self.world.inbox = self.inbox
        self.world.graft = self.graft
        for scope, digest in self.store.graphs.items():
            self.graft(scope, digest)
        stored = self.store
        self.state = ExecutionState(self.plan, stored.header, stored.nodes, self.reuse, stored.graphs, stored.chunks)
        yield "loaded"
        for number, command in sorted(self.store.outbox.items()):
            # Starts may be long answered: only what is still outstanding is started again.
            if isinstance(command, AbortAttempt | AbortChild | AbortElements):
                self.world.carry_out(command)
                yield "aborted again"
            del self.store.outbox[number]
        for command in outstanding(self.plan, self.state):
            self.world.carry_out(command)
            yield "carried out again"
        if isinstance(self.state.header.status, Accepted):
            self.inbox.append(ExecutionStarted(self.world.now_ns))

    def graft(self, scope: NodePath, digest: Digest) -> None:
        """Let a graph that a task gave be known."""
        self.plan.grafts[scope] = self.given(digest)

    def turn(self, size: int) -> Iterator[str]:
        """Take some events in and act on them."""
        state = self.state
        assert state is not None
        batch, self.inbox[:] = self.inbox[:size], self.inbox[size:]
        decision = evaluate(self.plan, state, batch)
        must(dict(state.nodes) == self.store.nodes, "evaluate changed its state")
        must(dict(state.chunks) == self.store.chunks, "evaluate changed its elements")
        yield "evaluated"
        if decision.changes_nothing:
            return
        self.world.trace.append(f"  commits {len(batch)} events: {[s.transition.name for s in decision.steps]}")
        numbers = self.store.commit(self.owner, batch, decision)
        self.steps.extend(decision.steps)
        self.checker.recorded(decision.records)
        state.apply(decision)
        check(self.plan, state)
        yield "committed"
        for command in decision.commands:
            self.world.carry_out(command)
            yield "carried out"
        self.unacknowledged.extend(numbers)
        if self.world.rng.random() < 0.7:
            for number in self.unacknowledged:
                del self.store.outbox[number]
            self.unacknowledged.clear()
            yield "acknowledged"
