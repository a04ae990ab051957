"""Carrying out commands: the only place where the engine touches the world."""

from typing import TYPE_CHECKING, assert_never

from flytelike.codec.parse import parse, serialise
from flytelike.model.failure import Failure, Fault
from flytelike.model.graph import TaskTarget, TaskTemplate
from flytelike.model.ids import ROOT, ExecutionId, NodeExecutionId, NodePath
from flytelike.model.phases import WorkflowPhase
from flytelike_idl.core import literals_pb2 as pb
from propeller.core.commands import (
    AbortAttempt,
    AbortChild,
    CollectOutputs,
    Command,
    SetTimer,
    StartAttempt,
    StartChild,
)
from propeller.core.events import AttemptFailed, ChildEnded, OutputsCollected, OutputsFailed, TimerFired
from propeller.core.header import ExecutionAborted, ExecutionFailed, ExecutionTimedOut
from propeller.core.node_state import ChildRunning
from propeller.core.plan import scope_of
from propeller.engine import places
from propeller.engine.overrides import overridden
from propeller.engine.run import Run, Values
from propeller.engine.settings import EngineSettings
from propeller.engine.values import BindingFailed
from propeller.ports import AttemptKey, AttemptSpec, Blobs, ChildRefused, Children, Clock, Executor

if TYPE_CHECKING:
    from propeller.engine.engine import Engine


class Effects:
    """Starts and stops attempts and children, binds and stores values, sets timers."""

    def __init__(
        self,
        engine: "Engine",
        values: Values,
        blobs: Blobs,
        children: Children,
        clock: Clock,
        settings: EngineSettings,
    ) -> None:
        """Connect the ports; the executor is set when the engine starts."""
        self.executor: Executor | None = None
        self._engine = engine
        self._values = values
        self._blobs = blobs
        self._children = children
        self._clock = clock
        self._settings = settings

    async def carry_out(self, run: Run, command: Command) -> None:
        """Do what a command says; what comes of it is posted as an event."""
        match command:
            case StartAttempt():
                await self._start_attempt(run, command)
            case AbortAttempt(_, path, attempt, reason):
                await self._running().abort(AttemptKey(run.id, path, attempt), reason)
            case StartChild():
                await self._start_child(run, command)
            case AbortChild(_, path, attempt, reason):
                await self._abort_child(run, path, attempt, reason)
            case CollectOutputs():
                await self._collect(run, command)
            case SetTimer(_, path, stamp, due_ns):
                event = TimerFired(path, stamp, due_ns)
                self._clock.call_at(due_ns, lambda: self._engine.post(run.id, event))
            case unreachable:
                assert_never(unreachable)

    async def close(self) -> None:
        """Stop all attempts."""
        if self.executor is not None:
            await self.executor.close()

    def log_uri(self, key: AttemptKey) -> str:
        """Return where an attempt's output is kept, as the control plane's log reader knows it."""
        return f"{key.execution}/{key.path}/{key.attempt}"

    def _running(self) -> Executor:
        assert self.executor is not None, "the engine was started"
        return self.executor

    # --- attempts ---------------------------------------------------------------------------

    async def _start_attempt(self, run: Run, command: StartAttempt) -> None:
        key = AttemptKey(run.id, command.path, command.attempt)
        try:
            inputs = await self._values.inputs(run, command.path)
        except BindingFailed as error:
            now = self._clock.now_ns()
            self._engine.post(run.id, AttemptFailed(command.path, command.attempt, now, error.failure))
            return
        prefix = self._settings.metadata_prefix
        inputs_uri = places.inputs_uri(prefix, run.id, command.path)
        await self._blobs.write(inputs_uri, serialise(inputs))
        raw = run.request.raw_output_prefix or self._settings.raw_output_prefix
        raw_prefix = places.raw_prefix(raw, run.id, command.path, command.attempt)
        previous = places.raw_prefix(raw, run.id, command.path, command.attempt - 1) if command.attempt else ""
        await self._running().start(
            AttemptSpec(
                key,
                self._task(run, command),
                inputs_uri,
                places.output_prefix(prefix, run.id, command.path, command.attempt),
                raw_prefix,
                f"{raw_prefix}/_flytecheckpoints",
                f"{previous}/_flytecheckpoints" if previous else "",
                run.plan.place(command.path).node.timeout_ns,
                command.interruptible,
                run.request.envs,
            )
        )

    def _task(self, run: Run, command: StartAttempt) -> TaskTemplate:
        """Return the task with what its node overrides."""
        task = run.closure.tasks[command.task]
        target = self._values.node(run, command.path).target
        return overridden(task, target.overrides) if isinstance(target, TaskTarget) else task

    async def take_outputs(self, run: Run, key: AttemptKey) -> Failure | None:
        """Read what an attempt gave; return why it is no success after all."""
        task_id = self._values.node(run, key.path).target
        declared = run.closure.tasks[task_id.task].interface.outputs if isinstance(task_id, TaskTarget) else {}
        uri = places.outputs_uri(self._settings.metadata_prefix, run.id, key.path, key.attempt)
        try:
            data = await self._blobs.read(uri)
        except KeyError:
            data = b""
            if declared:
                message = f"the task ended without its outputs (there is no {uri})"
                return Failure("OutputsNotFound", message, Fault.USER, retryable=True)
        outputs = parse(pb.LiteralMap, data)
        missing = [name for name in declared if name not in outputs.literals]
        if missing:
            return Failure("OutputsNotFound", f"the task gave no {', '.join(missing)}", Fault.USER, retryable=True)
        await self._keep(run, key.path, key.attempt, outputs, data, uri)
        return None

    async def _keep(
        self, run: Run, path: NodePath, attempt: int, outputs: pb.LiteralMap, data: bytes, uri: str
    ) -> None:
        """Keep outputs for the next commit; those too large for it are synced in the store."""
        self._values.keep_outputs(run, path, attempt, outputs, data)
        if len(data) > self._settings.inline_outputs_bytes_max:
            await self._blobs.sync(uri)

    # --- scopes -----------------------------------------------------------------------------

    async def _collect(self, run: Run, command: CollectOutputs) -> None:
        scope = scope_of(command.path, command.attempt) if command.path else ROOT
        now = self._clock.now_ns()
        try:
            outputs = await self._values.results(run, scope)
        except BindingFailed as error:
            self._engine.post(run.id, OutputsFailed(command.path, command.attempt, now, error.failure))
            return
        uri = places.outputs_uri(self._settings.metadata_prefix, run.id, command.path, command.attempt)
        data = serialise(outputs)
        await self._blobs.write(uri, data)
        if command.path == ROOT:
            await self._blobs.sync(uri)
        else:
            await self._keep(run, command.path, command.attempt, outputs, data, uri)
        self._engine.post(run.id, OutputsCollected(command.path, command.attempt, now))

    # --- children ---------------------------------------------------------------------------

    async def _start_child(self, run: Run, command: StartChild) -> None:
        path, attempt = command.path, command.attempt
        now = self._clock.now_ns()
        try:
            inputs = await self._values.inputs(run, path)
            uri = places.inputs_uri(self._settings.metadata_prefix, run.id, path)
            await self._blobs.write(uri, serialise(inputs))
            parent = NodeExecutionId(run.id, path)
            child = await self._children.start(parent, attempt, command.launch_plan, uri)
        except (BindingFailed, ChildRefused) as error:
            ended = ChildEnded(path, attempt, now, WorkflowPhase.FAILED, error.failure)
            self._engine.post(run.id, ended)
            return
        run.children[path] = child
        await self._look_at_child(run, path, attempt, child)

    async def _look_at_child(self, run: Run, path: NodePath, attempt: int, child: ExecutionId) -> None:
        """Post that a child has ended, if it has; otherwise the child's own end will be told."""
        status = await self._children.phase(child)
        if not status.phase.terminal:
            return
        failure = status.failure
        if status.phase is WorkflowPhase.SUCCEEDED:
            failure = await self._take_child_outputs(run, path, attempt, child)
        phase = WorkflowPhase.FAILED if failure and status.phase is WorkflowPhase.SUCCEEDED else status.phase
        self._engine.post(run.id, ChildEnded(path, attempt, self._clock.now_ns(), phase, failure))

    async def _take_child_outputs(self, run: Run, path: NodePath, attempt: int, child: ExecutionId) -> Failure | None:
        prefix = self._settings.metadata_prefix
        try:
            data = await self._blobs.read(places.outputs_uri(prefix, child, ROOT, 0))
        except KeyError:
            return Failure("OutputsNotFound", f"the outputs of {child} are gone", Fault.SYSTEM, retryable=False)
        uri = places.outputs_uri(prefix, run.id, path, attempt)
        await self._blobs.write(uri, data)
        await self._keep(run, path, attempt, parse(pb.LiteralMap, data), data, uri)
        return None

    async def _abort_child(self, run: Run, path: NodePath, attempt: int, reason: str) -> None:
        child = run.children.get(path)
        if child is not None:
            await self._children.abort(child, reason)
        else:
            self._engine.post(run.id, ChildEnded(path, attempt, self._clock.now_ns(), WorkflowPhase.ABORTED, None))

    async def tell_parent(self, run: Run) -> None:
        """Tell the execution that started this one that it has ended."""
        parent = run.request.parent
        above = self._engine.known(parent.execution) if parent is not None else None
        if parent is None or above is None:
            return
        state = above.state.get(parent.path)
        if not isinstance(state, ChildRunning):
            return
        status = run.state.header.status
        failure = status.failure if isinstance(status, ExecutionFailed | ExecutionTimedOut) else None
        if isinstance(status, ExecutionAborted):
            failure = Failure("ChildAborted", f"{run.id} was aborted: {status.cause}", Fault.USER, retryable=False)
        phase = run.state.header.phase
        if phase is WorkflowPhase.SUCCEEDED:
            failure = await self._take_child_outputs(above, parent.path, state.attempt, run.id)
            phase = WorkflowPhase.FAILED if failure is not None else phase
        now = self._clock.now_ns()
        self._engine.post(parent.execution, ChildEnded(parent.path, state.attempt, now, phase, failure))
