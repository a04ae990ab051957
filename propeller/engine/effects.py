"""Carrying out one errand: the only place where the engine touches the world.

Every errand may be done twice: after a crash it is given again. What it comes to is posted as an event.
"""

from typing import NamedTuple, assert_never

from flytelike.codec.faults import MalformedError
from flytelike.codec.parse import parse, serialise
from flytelike.model.failure import Failure, Fault
from flytelike.model.graph import LaunchPlanTarget
from flytelike.model.ids import ROOT, ExecutionId, NodeExecutionId, NodePath
from flytelike.model.phases import WorkflowPhase
from flytelike_idl.core import literals_pb2 as pb
from propeller.core.commands import (
    AbortAttempt,
    AbortChild,
    AbortElements,
    AwaitSignal,
    CollectOutputs,
    Decide,
    LookUpCache,
    OpenArray,
    ReleaseReservation,
    SetTimer,
    StartAttempt,
    StartChild,
    StartElements,
    TakeOver,
)
from propeller.core.events import (
    AttemptFailed,
    AttemptSucceeded,
    ChildEnded,
    OutputsCollected,
    OutputsFailed,
    TimerFired,
)
from propeller.core.header import InProgress
from propeller.core.plan import ArrayWork, scope_of
from propeller.engine import places
from propeller.engine.arrays import Arrays
from propeller.engine.binding import BindingFailed
from propeller.engine.branching import Branching
from propeller.engine.checkpoints import previous_checkpoint
from propeller.engine.element_cache import ElementCache, Give
from propeller.engine.gates import Gates
from propeller.engine.lookups import Given, Lookups
from propeller.engine.outside import Ports
from propeller.engine.program import Programs
from propeller.engine.run import (
    Arrival,
    Errand,
    Kept,
    LookUpMany,
    Post,
    Restore,
    Run,
    StoreInputs,
    TakeChild,
    TakeElements,
    TakeGraph,
    TakeOutputs,
    WithdrawElements,
)
from propeller.engine.settings import EngineSettings
from propeller.engine.subgraphs import Subgraphs
from propeller.engine.taking_over import TakingOver, continued_child
from propeller.engine.values import Values
from propeller.ports import (
    AttemptKey,
    AttemptSpec,
    ChildRefused,
    ChildStatus,
    Executor,
)

OUTPUTS_NOT_FOUND = "OutputsNotFound"
"""Flyte's code for a task that ended without the outputs it declares."""


class Effects:
    """Starts and stops attempts and children, binds, checks and stores values, sets timers."""

    def __init__(
        self, post: Post, give: Give, values: Values, ports: Ports, settings: EngineSettings, programs: Programs
    ) -> None:
        """Connect the ports; the executor is set when the engine starts. `give` takes errands for later."""
        self.executor: Executor | None = None
        self.lookups = Lookups(post, values, ports, settings)
        self._post = post
        self._values = values
        self._store = ports.store
        self._blobs = ports.blobs
        self._children = ports.children
        self._clock = ports.clock
        self._taking_over = TakingOver(values, ports.blobs, ports.clock, settings, programs)
        self._settings = settings
        self._subgraphs = Subgraphs(ports.closures, programs, settings)
        cache = ElementCache(post, give, values, ports, settings, self.lookups.reservations)
        self._arrays = Arrays(post, give, values, ports, settings, cache)
        self._branching = Branching(post, values, ports.clock)
        self._gates = Gates(post, values, ports, settings)

    async def carry_out(self, run: Run, errand: Errand) -> None:  # noqa: C901, PLR0912 - one arm a kind of errand
        """Do an errand. Raises what the ports raise."""
        match errand:
            case StartAttempt():
                await self._start_attempt(run, errand)
            case AbortAttempt(path=path, attempt=attempt, reason=reason):
                await self._running().abort(AttemptKey(run.id, path, attempt), reason)
            case LookUpCache() | LookUpMany() | ReleaseReservation():
                await self.lookups.carry_out(run, errand)
            case StartChild():
                await self._start_child(run, errand)
            case AbortChild():
                await self._abort_child(run, errand)
            case CollectOutputs():
                await self._collect(run, errand)
            case OpenArray() | StartElements() | AbortElements() | TakeElements() | WithdrawElements():
                await self._arrays.carry_out(run, errand, self._running())
            case Decide():
                await self._branching.decide(run, errand)
            case AwaitSignal():
                await self._gates.wait(run, errand)
            case SetTimer():
                self._set_timer(run, errand)
            case TakeOver(path=path):
                self._post(run, await self._taking_over.take_over(run, path))
            case TakeOutputs() | TakeGraph() | TakeChild() | StoreInputs() | Restore():
                await self._carry_out_own(run, errand)
            case unreachable:
                assert_never(unreachable)

    async def _carry_out_own(
        self, run: Run, errand: TakeOutputs | TakeGraph | TakeChild | StoreInputs | Restore
    ) -> None:
        match errand:
            case TakeOver(path=path):
                self._post(run, await self._taking_over.take_over(run, path))
            case TakeOutputs():
                await self._take_outputs(run, errand)
            case TakeGraph():
                self._post(run, Arrival(await self._subgraphs.take(run, errand)))
            case TakeChild(path=path, attempt=attempt, child=child):
                await self._take_child(run, path, attempt, child)
            case StoreInputs(path=path):
                await self._values.store_inputs(run, path)
            case Restore(path=path, attempt=attempt):
                await self._restore(run, path, attempt)
            case unreachable:
                assert_never(unreachable)

    def _running(self) -> Executor:
        assert self.executor is not None, "the engine was started"
        return self.executor

    def _set_timer(self, run: Run, timer: SetTimer) -> None:
        timers = run.timers.setdefault(timer.path, {})
        if timer.stamp not in timers:
            timers[timer.stamp] = self._clock.call_at(timer.due_ns, lambda: self._fire(run, timer))

    def _fire(self, run: Run, timer: SetTimer) -> None:
        run.timers.get(timer.path, {}).pop(timer.stamp, None)
        at_ns = max(timer.due_ns, self._clock.now_ns())
        self._post(run, Arrival(TimerFired(timer.path, timer.stamp, at_ns)))

    # --- attempts ---------------------------------------------------------------------------

    async def _start_attempt(self, run: Run, command: StartAttempt) -> None:
        path, attempt = command.path, command.attempt
        try:
            inputs = serialise(await self._values.inputs(run, path))
        except BindingFailed as error:
            self._post(run, Arrival(AttemptFailed(path, attempt, self._clock.now_ns(), error.failure)))
            return
        await self.lookups.hold(run, path)
        small = len(inputs) <= self._settings.inline_outputs_bytes_max
        raw_root = run.request.raw_output_prefix or self._settings.raw_output_prefix
        previous = await previous_checkpoint(run, path, attempt, raw_root, self._blobs)
        raw = places.raw_prefix(raw_root, run.id, path, attempt)
        spec = self._spec(run, command, raw, previous, inputs if small else None)
        aside = run.state.plan.place(path).node.aside
        if aside or not small:
            await self._blobs.write(spec.inputs_uri, inputs)
        if aside:
            # A failure node is told of a failure that is forgotten once its workflow is tried again: from then on
            # nobody can bind this anew after a power cut.
            await self._blobs.sync(spec.inputs_uri)
        await self._running().start(spec)
        if small and not aside:  # the attempt has them; the document is for those who look
            await self._pack(run, places.inputs_name(path), inputs)

    async def _pack(self, run: Run, name: str, document: bytes) -> None:
        await self._blobs.pack(places.folder(self._settings.metadata_prefix, run.id), {name: document})

    def _spec(self, run: Run, command: StartAttempt, raw: str, previous: str, inputs: bytes | None) -> AttemptSpec:
        path, attempt, status = command.path, command.attempt, run.state.header.status
        return AttemptSpec(
            key=AttemptKey(run.id, path, attempt),
            task=run.program.task(path),
            workflow=run.request.workflow,
            launch_plan=run.request.launch_plan,
            inputs_uri=places.inputs_uri(self._settings.metadata_prefix, run.id, path),
            output_prefix=places.output_prefix(self._settings.metadata_prefix, run.id, path, attempt),
            raw_output_prefix=raw,
            checkpoint_prefix=places.checkpoints(raw),
            previous_checkpoint_prefix=previous,
            deadline_ns=run.state.plan.place(path).node.timeout_ns,
            interruptible=command.interruptible,
            execution_started_ns=status.started_ns if isinstance(status, InProgress) else 0,
            env=run.request.envs,
            inputs=inputs,
            labels=run.request.labels,
            overrides=run.program.overrides(path),
            priority=run.priority(path),
            depth=run.request.depth,
            fresh=run.fresh,
        )

    async def _take_outputs(self, run: Run, news: TakeOutputs) -> None:
        """Tell of an attempt's success, with what it gave; or of its failure, if it gave too little."""
        path, attempt = news.path, news.attempt
        uri = places.outputs_uri(self._settings.metadata_prefix, run.id, path, attempt)
        declared = run.program.interface(path).outputs
        try:
            given = await self._checked(run, path, attempt, uri, list(declared), news.outputs) if declared else None
        except _NoOutputs as error:
            self._post(run, Arrival(AttemptFailed(path, attempt, news.at_ns, error.failure, news.used)))
        else:
            cache, kept = None, None
            if given is not None:
                kept = given.kept
                cache = await self.lookups.store(run, Given(path, attempt, news.at_ns, given.data, given.outputs))
            self._post(run, Arrival(AttemptSucceeded(path, attempt, news.at_ns, cache, news.used), kept))
            if kept is not None and news.outputs is not None:
                # The commit has them; the document is for those who look.
                await self._pack(run, places.outputs_name(path, attempt), kept.data)

    async def _checked(
        self, run: Run, path: NodePath, attempt: int, uri: str, declared: list[str], data: bytes | None = None
    ) -> "_Checked":
        """Check outputs, read if they did not come along, and make them last."""
        told = data
        if data is None:
            data = await self._read_outputs(uri)
        if len(data) > self._settings.outputs_bytes_max:
            limit = self._settings.outputs_bytes_max
            raise _NoOutputs(f"its outputs are {len(data)} bytes, the limit is {limit}; give large values as files")
        try:
            outputs = parse(pb.LiteralMap, data)
        except MalformedError as error:
            raise _NoOutputs(f"its outputs at {uri} cannot be read: {error}") from error
        missing = [f"`{name}`" for name in declared if name not in outputs.literals]
        if missing:
            raise _NoOutputs(f"it gave no {', '.join(missing)}")
        self._values.keep(run, path, outputs, len(data))
        if len(data) <= self._settings.inline_outputs_bytes_max:
            return _Checked(Kept(path, attempt, data), data, outputs)
        if told is not None:
            await self._blobs.write(uri, data)
        await self._blobs.sync(uri)
        return _Checked(None, data, outputs)

    async def _read_outputs(self, uri: str) -> bytes:
        try:
            return await self._blobs.read(uri)
        except KeyError:
            raise _NoOutputs(f"it ended without its outputs (there is nothing at {uri})") from None

    async def _restore(self, run: Run, path: NodePath, attempt: int | None) -> None:
        """Write a node's documents again, where a power cut took them: inputs can be bound again."""
        data = None if attempt is None else await self._store.output(run.id, path)
        if data is not None and attempt is not None:
            await self._write_again(run, places.outputs_name(path, attempt), data)
        if path == ROOT:
            return  # What an execution is given is synced before it begins.
        try:
            inputs = await self._values.inputs(run, path)
        except BindingFailed:
            return  # It never had any.
        await self._write_again(run, places.inputs_name(path), serialise(inputs))

    async def _write_again(self, run: Run, name: str, data: bytes) -> None:
        uri = f"{places.folder(self._settings.metadata_prefix, run.id)}/{name}"
        try:
            whole, hidden = await self._blobs.read(uri) == data, True
        except KeyError:
            whole, hidden = False, False
        if not whole:
            # A file that is not whole would hide what is packed.
            await (self._blobs.write(uri, data) if hidden else self._pack(run, name, data))

    # --- scopes -----------------------------------------------------------------------------

    async def _collect(self, run: Run, command: CollectOutputs) -> None:
        path, attempt = command.path, command.attempt
        try:
            data = await self._results(run, path, attempt)
        except BindingFailed as error:
            self._post(run, Arrival(OutputsFailed(path, attempt, self._clock.now_ns(), error.failure)))
            return
        uri = places.outputs_uri(self._settings.metadata_prefix, run.id, path, attempt)
        if len(data) > self._settings.inline_outputs_bytes_max:
            await self._blobs.write(uri, data)
            await self._blobs.sync(uri)
        else:
            await self._pack(run, places.outputs_name(path, attempt), data)
        outputs = self._values.keep(run, path, parse(pb.LiteralMap, data), len(data))
        kept = Kept(path, attempt, data) if len(data) <= self._settings.inline_outputs_bytes_max else None
        now_ns = self._clock.now_ns()
        # What a dynamic node's graph gave is the result of its task.
        note = await self.lookups.store(run, Given(path, attempt, now_ns, data, outputs)) if path else None
        self._post(run, Arrival(OutputsCollected(path, attempt, now_ns, note), kept))

    async def _results(self, run: Run, path: NodePath, attempt: int) -> bytes:
        """Return the outputs of a scope's workflow, or of an array. Raises `BindingFailed`."""
        if path != ROOT and isinstance(run.state.plan.place(path).node.work, ArrayWork):
            return await self._arrays.gathered(run, path, attempt)
        return serialise(await self._values.results(run, scope_of(path, attempt) if path else ROOT))

    # --- children ---------------------------------------------------------------------------

    async def _start_child(self, run: Run, command: StartChild) -> None:
        path, attempt = command.path, command.attempt
        try:
            _, uri = await self._values.store_inputs(run, path)
            # A child survives a power cut; so must what tells an abort that it was asked for.
            await self._blobs.sync(uri)
            parent = NodeExecutionId(run.id, path)
            earlier = None if attempt else continued_child(run, path)
            child = await self._children.start(parent, attempt, command.launch_plan, uri, earlier, run.priority(path))
        except (BindingFailed, ChildRefused) as error:
            self._child_ended(run, path, attempt, ChildStatus(WorkflowPhase.FAILED, failure=error.failure))
            return
        await self._take_child(run, path, attempt, child)

    async def _take_child(self, run: Run, path: NodePath, attempt: int, child: ExecutionId) -> None:
        """Tell that a child has ended, if it has; otherwise its end will be told."""
        run.children.setdefault(path, {})[attempt] = child
        status = await self._children.phase(child)
        if not status.phase.terminal:
            return
        if status.phase is not WorkflowPhase.SUCCEEDED:
            self._child_ended(run, path, attempt, status)
            return
        try:
            kept = await self._taken_over(run, path, attempt, status)
        except _NoOutputs as error:
            failed = ChildStatus(WorkflowPhase.FAILED, failure=error.failure)
            self._child_ended(run, path, attempt, failed)
            return
        self._child_ended(run, path, attempt, status, kept)

    async def _taken_over(self, run: Run, path: NodePath, attempt: int, status: ChildStatus) -> Kept | None:
        """Copy a child's outputs to where those of its node lie."""
        declared = list(run.program.interface(path).outputs)
        if not status.output_uri:
            if declared:
                raise _NoOutputs("the child execution has no outputs")
            return None
        try:
            data = await self._blobs.read(status.output_uri)
        except KeyError:
            raise _NoOutputs(f"the child execution's outputs are gone from {status.output_uri}") from None
        uri = places.outputs_uri(self._settings.metadata_prefix, run.id, path, attempt)
        await self._blobs.write(uri, data)
        return (await self._checked(run, path, attempt, uri, declared)).kept

    def _child_ended(
        self, run: Run, path: NodePath, attempt: int, status: ChildStatus, kept: Kept | None = None
    ) -> None:
        event = ChildEnded(path, attempt, self._clock.now_ns(), status.phase, status.failure)
        self._post(run, Arrival(event, kept))

    async def _abort_child(self, run: Run, command: AbortChild) -> None:
        path, attempt = command.path, command.attempt
        child = run.children.get(path, {}).get(attempt)
        if child is None:
            child = await self._child_of_earlier_engine(run, path, attempt)
        if child is not None:
            await self._children.abort(child, command.reason)

    async def _child_of_earlier_engine(self, run: Run, path: NodePath, attempt: int) -> ExecutionId | None:
        """Return the child that was started before this engine took over, or while its start was called off.

        To ask for the child again is the way to learn its name.
        """
        target = run.program.node(path).target
        uri = places.inputs_uri(self._settings.metadata_prefix, run.id, path)
        if not isinstance(target, LaunchPlanTarget):
            return None
        try:
            await self._blobs.read(uri)
            return await self._children.start(NodeExecutionId(run.id, path), attempt, target.launch_plan, uri)
        except (KeyError, ChildRefused):
            return None  # Without stored inputs no child was ever asked for.


class _Checked(NamedTuple):
    """Outputs that are all there; `kept` if they are small enough for the commit."""

    kept: Kept | None
    data: bytes
    outputs: pb.LiteralMap


class _NoOutputs(Exception):
    """An attempt or child said that it succeeded, but what it gave is not what it declares."""

    def __init__(self, message: str) -> None:
        self.failure = Failure(OUTPUTS_NOT_FOUND, message, Fault.USER, retryable=True)
        super().__init__(message)
