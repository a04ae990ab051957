"""Brings each `FlyteWorkflow` and the engine's execution together: what is wished goes down, how it goes comes up.

Everything is decided anew from the object as last seen and from what the engine's store says, so that nothing is lost
with this process, and doing it twice changes nothing.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Protocol

from typing_extensions import override

from flytelike.codec.faults import MalformedError
from flytelike.model.failure import Failure, Fault
from flytelike.model.history import HistoryEntry, HistoryGap
from flytelike.model.ids import END_NODE, START_NODE, ExecutionId, NodeId
from flytelike.model.launch import LaunchRequest
from flytelike.model.phases import WorkflowPhase
from propeller.app.progress import Progress
from propeller.engine.overview import overview_of
from propeller.engine.troubles import cause_of
from propeller.kube.errors import ObjectChanged, ObjectNotFound
from propeller.kube.fields import MalformedResource
from propeller.kube.ports import FLYTE_WORKFLOWS, Json, Objects
from propeller.kube.resource import (
    FINALIZER,
    FORGET_ANNOTATION,
    WorkflowResource,
    resource_from_json,
    signals_of,
)
from propeller.kube.status import WorkflowStatus, status_to_json
from propeller.kube.watch import ObjectKey
from propeller.kube.work_queue import WorkQueue
from propeller.ports import Clock, Closures, EventSink, StateStore

_LOG = logging.getLogger(__name__)

STATE_LOST = "StateLost"
"""The code of the failure of an execution that had begun, and of which the engine's store knows nothing."""

DELETED = "its FlyteWorkflow was deleted"

DUPLICATE = "DuplicateExecution"
"""The code of the failure of an object that stands for the execution of another object."""


class Executions(Protocol):
    """What is asked of the engine."""

    async def submit(self, request: LaunchRequest) -> None:
        """Take an execution over durably; a known one is not started twice."""

    async def abort(self, execution: ExecutionId, cause: str, principal: str = "") -> None:
        """Ask that an execution ends; ended ones are ignored."""

    async def signalled(self, execution: ExecutionId, signal: str) -> None:
        """Take the news that a signal was given."""

    def waits_for(self, execution: ExecutionId) -> str:
        """Return what an execution waits for, in one phrase; empty if it goes on."""

    async def forget(self, executions: Collection[ExecutionId]) -> Collection[ExecutionId]:
        """Drop the states of executions that have ended; return those that cannot be dropped yet."""


@dataclass(slots=True)
class Followed:
    """An execution that this process follows.

    `early` are records that came before it was read from the store what they follow; None since then. `aborted` tells
    that the engine knows of the wish to end it, `signals` those that it was told of. `untold` says why its history is
    not taken.
    """

    key: ObjectKey
    progress: Progress
    early: list[HistoryEntry] | None = field(default_factory=list)
    aborted: bool = False
    signals: set[str] = field(default_factory=set)
    untold: str = ""


@dataclass(frozen=True, slots=True)
class ReconcilerSettings:
    """How objects are kept in step.

    Attributes:
        metadata_prefix: As in `EngineSettings`.
        labels: What an object is labelled with before anything of it starts.
        ttl_s: How long after its end an object is left; for ever if None.
        waits_pause_s: How often it is looked at what an execution waits for, if nothing else is told of it.
        status_pause_s: How long changes of counters gather before they are written. Phases are written at once.
        forget_pause_s: How long after the engine could not drop an execution yet it is asked again.
        workers: How many objects are looked at at once.
    """

    metadata_prefix: str
    labels: Mapping[str, str] = field(default_factory=dict)
    ttl_s: float | None = None
    waits_pause_s: float = 10.0
    status_pause_s: float = 1.0
    forget_pause_s: float = 0.5
    workers: int = 8


class Reconciler(EventSink):
    """Looks at one object at a time for each name. It is the engine's sink, in front of the control plane's."""

    def __init__(
        self,
        objects: Objects,
        store: StateStore,
        closures: Closures,
        clock: Clock,
        sink: EventSink,
        settings: ReconcilerSettings,
    ) -> None:
        """Connect; `start` gives the engine and begins."""
        self._objects = objects
        self._store = store
        self._closures = closures
        self._clock = clock
        self._sink = sink
        self._settings = settings
        self._engine: Executions | None = None
        self._forget_attempts: Callable[[Collection[ExecutionId]], None] = _nothing
        self._seen: dict[ObjectKey, Json] = {}
        self._gone: dict[ObjectKey, ExecutionId] = {}
        self._refusal = ""
        self._followed: dict[ExecutionId, Followed] = {}
        self._queue: WorkQueue[ObjectKey] = WorkQueue(self._reconcile, settings.workers)

    def start(
        self, engine: Executions, forget_attempts: Callable[[Collection[ExecutionId]], None] | None = None
    ) -> None:
        """Begin to look at what was seen. `forget_attempts` has the executor forget those of executions."""
        self._engine = engine
        self._forget_attempts = forget_attempts or _nothing
        self._queue.start()

    async def close(self) -> None:
        """Stop; what is not written yet is written by the next one."""
        await self._queue.close()

    # --- news -------------------------------------------------------------------------------

    def seen(self, key: ObjectKey, document: Json) -> None:
        """Take the news that an object is there in a version."""
        self._seen[key] = document
        self._queue.add(key)

    def gone(self, key: ObjectKey) -> None:
        """Take the news that an object is there no longer."""
        document = self._seen.pop(key, None)
        if document is not None:
            with suppress(MalformedResource):
                resource = resource_from_json(document)
                if resource.status.failure is None or resource.status.failure.code != DUPLICATE:
                    self._gone[key] = resource.request.id
        self._queue.add(key)

    @override
    async def record(self, batch: Sequence[HistoryEntry]) -> None:
        """Hand the history on, and keep the objects up with it."""
        try:
            await self._sink.record(batch)
        except Exception as error:
            self._untold(batch, error)
            raise
        self._refusal = ""
        for entry in batch:
            followed = self._followed.get(entry.execution)
            if followed is None:
                continue
            followed.untold = ""
            if followed.early is not None:
                followed.early.append(entry)
                continue
            phase = followed.progress.status.phase
            if followed.progress.take(entry):
                if followed.progress.status.phase is not phase:
                    self._queue.add(followed.key)
                else:
                    self._queue.add_later(followed.key, self._settings.status_pause_s)

    def _untold(self, batch: Sequence[HistoryEntry], error: Exception) -> None:
        """Have objects say why their history is not taken, unless that passes by itself."""
        if isinstance(error, HistoryGap):
            for gap in error.gaps:
                followed = self._followed.get(gap.execution)
                if followed is not None:
                    followed.untold = f"its history is not taken: {gap} [history-gap]"
                    self._queue.add(followed.key)
        elif cause_of(error) is None:
            self._refusal = f"its history is not taken: {error}"
            for execution in {entry.execution for entry in batch}.intersection(self._followed):
                self._queue.add(self._followed[execution].key)

    # --- one object -------------------------------------------------------------------------

    async def _reconcile(self, key: ObjectKey) -> None:
        document = self._seen.get(key)
        if document is None:
            await self._end_orphan(key)
            await self._forget_gone(key)
            return
        self._gone.pop(key, None)
        try:
            resource = resource_from_json(document)
        except MalformedResource as error:
            # Only another version of the schema lets such an object in: nothing here can mend it.
            _LOG.error("%s/%s cannot be read: %s", *key, error)
            return
        if resource.status.phase.terminal:
            self._followed.pop(resource.request.id, None)
            await self._set_free(resource)
            if FORGET_ANNOTATION in resource.metadata.annotations:
                await self._forget_and_delete(resource)
            else:
                await self._clear_away(resource)
            return
        followed = self._followed.get(resource.request.id) or await self._follow(resource)
        if followed is None:
            return
        if followed.key != key:
            await self._refuse(document, resource, followed.key)
            return
        await self._pass_on_abort(resource, followed)
        await self._pass_on_signals(resource, followed)
        status = followed.progress.status
        if not status.phase.terminal:
            assert self._engine is not None, "the reconciler was started"
            waits_for = self._refusal or followed.untold or self._engine.waits_for(resource.request.id)
            status = replace(status, waits_for=waits_for)
            self._queue.add_later(key, self._settings.waits_pause_s)
        await self._write_status(self._seen.get(key, document), resource, status)

    async def _follow(self, resource: WorkflowResource) -> Followed | None:
        """Find out how the execution goes, and start it if it is new. None when nothing is left to follow."""
        request, key = resource.request, _key(resource)
        metadata = resource.metadata
        wanted: Json = {}
        labelled = self._settings.labels.items() <= metadata.labels.items()
        if not labelled and await self._store.load(request.id) is not None:
            # Nothing of it has begun: what the store has of the name is of an earlier one, whose object is gone.
            await self._forget(request.id)
        if not metadata.deleting and FINALIZER not in metadata.finalizers:
            wanted["finalizers"] = [*metadata.finalizers, FINALIZER]
        if not labelled:
            wanted["labels"] = dict(self._settings.labels)
        if wanted:
            # Before anything starts: from now on it cannot vanish unseen, and stays where it is.
            wanted["resourceVersion"] = metadata.resource_version
            self._seen[key] = await self._objects.merge(FLYTE_WORKFLOWS, *key, {"metadata": wanted})
        nodes = await self._nodes_of(request)
        followed = self._followed[request.id] = Followed(key, Progress(resource.status, nodes))
        try:
            begun = await self._begin(resource, followed, nodes)
        except BaseException:
            del self._followed[request.id]
            raise
        if not begun:
            del self._followed[request.id]
            return None
        early, followed.early = followed.early or [], None
        for entry in early:
            followed.progress.take(entry)
        return followed

    async def _begin(self, resource: WorkflowResource, followed: Followed, nodes: Collection[NodeId]) -> bool:
        """Catch up with what is stored, or start what is new; whether there is something to follow."""
        request, key = resource.request, followed.key
        snapshot = await self._store.load(request.id)
        if snapshot is not None:
            prefix = self._settings.metadata_prefix
            followed.progress.catch_up(overview_of(snapshot, request.id, nodes, prefix), self._clock.now_ns())
        elif resource.status.phase is not WorkflowPhase.UNDEFINED:
            lost = Failure(STATE_LOST, "the engine's store knows nothing of it any more", Fault.SYSTEM, retryable=False)
            status = replace(resource.status, phase=WorkflowPhase.FAILED, failure=lost, message=lost.message)
            await self._write_status(self._seen[key], resource, replace(status, ended_ns=self._clock.now_ns()))
            return False
        elif resource.metadata.deleting:
            await self._set_free(resource)
            return False
        else:
            assert self._engine is not None, "the reconciler was started"
            await self._engine.submit(request)
        return True

    async def _nodes_of(self, request: LaunchRequest) -> Collection[NodeId]:
        """Return the ids of the workflow's own nodes; none when it cannot be read, which the engine will tell of."""
        try:
            closure = await self._closures.get(request.closure_uri, request.closure_digest)
        except (KeyError, MalformedError):
            return ()
        return {node.id for node in closure.primary.template.nodes} - {START_NODE, END_NODE}

    async def _pass_on_abort(self, resource: WorkflowResource, followed: Followed) -> None:
        """Tell the engine once of the wish to end."""
        if followed.aborted or not (resource.abort or resource.metadata.deleting):
            return
        assert self._engine is not None, "the reconciler was started"
        cause, principal = (resource.abort.cause, resource.abort.principal) if resource.abort else (DELETED, "")
        await self._engine.abort(resource.request.id, cause, principal)
        followed.aborted = True

    async def _pass_on_signals(self, resource: WorkflowResource, followed: Followed) -> None:
        """Tell the engine of signals that were given since it was last told."""
        assert self._engine is not None, "the reconciler was started"
        for signal in signals_of(resource.metadata) - followed.signals:
            await self._engine.signalled(resource.request.id, signal)
            followed.signals.add(signal)

    async def _end_orphan(self, key: ObjectKey) -> None:
        """End an execution whose object was torn away in spite of its finalizer."""
        for execution, followed in list(self._followed.items()):
            if followed.key == key:
                assert self._engine is not None, "the reconciler was started"
                await self._engine.abort(execution, DELETED)
                del self._followed[execution]

    async def _forget(self, execution: ExecutionId) -> bool:
        """Have nothing left of an execution that has ended; False while the engine is not through with it."""
        assert self._engine is not None, "the reconciler was started"
        if await self._engine.forget([execution]):
            return False
        self._forget_attempts([execution])
        return True

    async def _forget_gone(self, key: ObjectKey) -> None:
        """Forget an execution whose object is gone: another one of its name is to be one of its own."""
        execution = self._gone.get(key)
        if execution is None or execution in self._followed:
            return
        if await self._forget(execution):
            self._gone.pop(key, None)
        else:
            self._queue.add_later(key, self._settings.waits_pause_s)

    async def _forget_and_delete(self, resource: WorkflowResource) -> None:
        """Do what the control plane wants of an execution that it deletes: the object goes last, and tells it."""
        if await self._forget(resource.request.id):
            with suppress(ObjectNotFound, ObjectChanged):
                await self._objects.delete(FLYTE_WORKFLOWS, *_key(resource), resource.metadata.uid)
        else:
            self._queue.add_later(_key(resource), self._settings.forget_pause_s)

    async def _write_status(self, document: Json, resource: WorkflowResource, status: WorkflowStatus) -> None:
        """Write the status if it tells something new; only over the version that was seen."""
        status = replace(status, observed_generation=resource.metadata.generation)
        told = status_to_json(status)
        if told == document.get("status"):
            return
        key = _key(resource)
        try:
            written = await self._objects.replace(FLYTE_WORKFLOWS, {**document, "status": told}, "status")
        except (ObjectNotFound, ObjectChanged):
            return  # What was seen is old: the watch tells of the new version, or that it was torn away.
        if key in self._seen:
            self._seen[key] = written
        if status.phase.terminal:
            self._queue.add(key)

    async def _set_free(self, resource: WorkflowResource) -> None:
        """Take the finalizer away: nothing runs any more."""
        metadata = resource.metadata
        if FINALIZER not in metadata.finalizers:
            return
        left = [name for name in metadata.finalizers if name != FINALIZER]
        patch = {"metadata": {"finalizers": left, "resourceVersion": metadata.resource_version}}
        try:
            freed = await self._objects.merge(FLYTE_WORKFLOWS, *_key(resource), patch)
        except (ObjectNotFound, ObjectChanged):
            return
        if _key(resource) in self._seen:
            self._seen[_key(resource)] = freed

    async def _clear_away(self, resource: WorkflowResource) -> None:
        """Delete an object whose end is long ago; what is known of its execution is kept elsewhere."""
        if self._settings.ttl_s is None or not resource.status.ended_ns or resource.metadata.deleting:
            return
        left_s = self._settings.ttl_s - (self._clock.now_ns() - resource.status.ended_ns) / 1e9
        if left_s > 0:
            self._queue.add_later(_key(resource), left_s)
            return
        try:
            await self._objects.delete(FLYTE_WORKFLOWS, *_key(resource), resource.metadata.uid)
        except (ObjectNotFound, ObjectChanged):
            return

    async def _refuse(self, document: Json, resource: WorkflowResource, other: ObjectKey) -> None:
        """Say that another object stands for the same execution."""
        why = f"{other.namespace}/{other.name} is this execution already"
        failure = Failure(DUPLICATE, why, Fault.USER, retryable=False)
        refused = WorkflowStatus(WorkflowPhase.FAILED, message=why, failure=failure, ended_ns=self._clock.now_ns())
        if document.get("status", {}).get("phase") is None:
            await self._write_status(document, resource, refused)


def _nothing(_executions: Collection[ExecutionId]) -> None:
    """Forget nothing: of an executor that remembers none."""


def _key(resource: WorkflowResource) -> ObjectKey:
    return ObjectKey(resource.metadata.namespace, resource.metadata.name)
