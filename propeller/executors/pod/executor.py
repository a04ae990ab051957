"""Runs attempts as pods."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from functools import partial
from typing import TypeVar

from typing_extensions import override

from flytelike.codec.pod_orders import BatchOrder
from flytelike.model.diagnostic import Diagnostic
from flytelike.model.failure import Failure
from flytelike.model.ids import ExecutionId
from flytelike.model.queued import Queued
from flytelike.model.usage import AttemptUse
from flytelike.storage import StorageError, Store
from propeller.core.elements import Span, spans_of
from propeller.executors.ending import NO_GRAPHS, Ending, GaveNodes
from propeller.executors.pod.admission import Admission, AllAdmitted, NeverAdmitted
from propeller.executors.pod.attempt import PodAttempt
from propeller.executors.pod.creating import PodMaker
from propeller.executors.pod.element_batches import BatchEnd, ElementBatches
from propeller.executors.pod.elements import ElementPods
from propeller.executors.pod.endings import system_failure
from propeller.executors.pod.following import CLUSTER_UNAVAILABLE, NO_ROOM, Follower
from propeller.executors.pod.judging import judged
from propeller.executors.pod.labels import key_of_pod, selector
from propeller.executors.pod.log_pump import store_rest
from propeller.executors.pod.log_readers import LOG_KEPT_S, TAIL_BYTES, LogReaders
from propeller.executors.pod.manifest import namespace_of
from propeller.executors.pod.names import pod_name
from propeller.executors.pod.observation import Broken, Exited
from propeller.executors.pod.preparing import Ended, OwnerOf, Preparer, no_owner
from propeller.executors.pod.refusal import TryLater
from propeller.executors.pod.removing import remove
from propeller.executors.pod.reuse import Shared
from propeller.executors.pod.settings import Json, PodExecutorSettings
from propeller.executors.pod.stored_logs import StoredLogs
from propeller.executors.pod.strangers import Strangers
from propeller.executors.pod.sweeping import Sweeper
from propeller.executors.pod.worker import kind_of_pod
from propeller.executors.pod.worker_pool import WorkerPool
from propeller.executors.pod.workers import Workers
from propeller.executors.results import Results
from propeller.kube.errors import KubernetesError
from propeller.kube.ports import PODS, Objects, PodLogs, Selection
from propeller.kube.watch import Gone, Listed, ObjectKey, Seen, Watch
from propeller.ports import AttemptKey, AttemptListener, AttemptSpec, Executor
from propeller.ports_elements import ElementResult, ElementsOrder

_LOG = logging.getLogger(__name__)

_T = TypeVar("_T")

_REMEMBERED = 4096
_AGAIN_S, _AGAIN_MAX_S = 0.2, 30.0


class PodExecutor(Executor):
    """Makes a pod for each attempt and watches it. Make it on the event loop that will use it.

    Nothing is kept here that the cluster does not know: after a restart, pods go on and are found by their names.

    Args:
        settings: How pods are made and looked after.
        objects: The cluster's objects.
        pod_logs: What its pods print.
        store: The object store, for documents and logs.
        listener: Told how attempts go.
        admission: Says when a pod may be made; all may at once without it.
        owner_of: What pods go with when it is deleted.
    """

    def __init__(
        self,
        settings: PodExecutorSettings,
        objects: Objects,
        pod_logs: PodLogs,
        store: Store,
        listener: AttemptListener,
        *,
        admission: Admission | None = None,
        owner_of: OwnerOf = no_owner,
    ) -> None:
        self._settings = settings
        self._objects = objects
        self._listener = listener
        self._results = Results(store)
        self.logs = StoredLogs(store, settings.logs, settings.log_bytes)
        self._readers = LogReaders(pod_logs, self.logs, settings.streams, settings.log_wait_s, self._later)
        self._preparer = Preparer(settings.pods, objects, self._results, owner_of)
        self._maker = PodMaker(objects, settings.creations, settings.pauses)
        self._admission = admission or AllAdmitted()
        self._pool = WorkerPool(settings, objects, pod_logs, self.logs, self._later)
        self._workers = Workers(settings, objects, self._maker, self._results, self._pool)
        self._follower = Follower(settings, objects, listener, self._readers, self._pool.make_room)
        self._elements = ElementPods(self._results)
        self._batches = ElementBatches(
            self._results, self._run_batch, self._start_each, self._tell_elements, self._keep_printed, self._later
        )
        self._strangers = Strangers()
        self._live: dict[AttemptKey, PodAttempt] = {}
        self._by_place: dict[ObjectKey, PodAttempt] = {}
        self._recent: OrderedDict[AttemptKey, tuple[Ending, AttemptUse | None]] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listed = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self._closed = False
        self.is_over: Callable[[ExecutionId], bool] = lambda _: False
        """Tells that an execution wants nothing of its pods any more. Nobody knows it of those in their midst."""

    def open(self) -> None:
        """Begin to watch pods; the first attempt does so else."""
        if self._watching is None and not self._closed:
            watch = Watch(self._objects, Selection(PODS, self._settings.watched, selector(self._settings.pods)))
            self._watching = self._later(self._listen(watch))
            sweeper = Sweeper(
                self._objects,
                self._strangers,
                self._readers,
                self._settings.orphan_s,
                self._recent.__contains__,
                self._is_over,
            )
            self._sweeping = self._later(sweeper.run())

    def waits_for(self, key: AttemptKey) -> str:
        """Return why an attempt does not run yet, for people; nothing when it runs or is unknown."""
        attempt = self._live.get(key)
        return attempt.waits_for if attempt is not None else ""

    @override
    async def start(self, spec: AttemptSpec) -> None:
        if spec.key in self._live or self._closed:
            return
        if spec.key in self._recent:
            self._tell(spec.key, *self._recent[spec.key])
            return
        self.open()
        attempt = self._live[spec.key] = PodAttempt(spec, self._place(spec.key))
        self._by_place[attempt.place] = attempt
        attempt.work = self._later(self._run(attempt))

    @override
    async def abort(self, key: AttemptKey, reason: str) -> None:
        if self._closed or key in self._recent:
            return
        place = self._place(key)
        given = self._workers.given_to(key)
        attempt = self._forget(key)
        if attempt is not None and attempt.work is not None:
            attempt.work.cancel()
        if attempt is None:  # it may have been given to a worker before a restart
            self.open()
            await self._listed.wait()
        await self._workers.abort(key, given)
        if given is not None:
            return
        await self._maker.settled(place)
        # One that is unknown may have been made before a restart.
        _LOG.info("the pod %s is removed: %s", place.name, reason)
        await remove(self._objects, place)
        if attempt is not None:
            attempt.lose()

    @override
    async def start_elements(self, order: ElementsOrder) -> None:
        if self._closed:
            return
        if not self._batches.takes(order):
            await self._start_each(order)
            return
        self.open()
        await self._listed.wait()
        self._batches.start(order, self._pool.given())

    async def _start_each(self, order: ElementsOrder) -> None:
        await self._elements.start(order, self.start)

    @override
    async def abort_elements(self, key: AttemptKey, reason: str) -> None:
        given = {attempt: self._workers.given_to(attempt) for attempt in self._batches.stop(key)}
        for attempt, to in given.items():
            await self._workers.abort(attempt, to)
        for attempt in self._elements.stop(key):
            await self.abort(attempt, reason)

    @override
    async def withdraw_elements(self, key: AttemptKey, elements: Sequence[Span]) -> Sequence[Span]:
        withdrawn = self._elements.withdraw(key, elements, self._waits)
        await asyncio.gather(*(self.abort(attempt, "it is not to begin any more") for attempt in withdrawn.attempts))
        waiting = self._batches.withdraw(key, elements)
        return (*withdrawn.elements, *spans_of(sorted(waiting)))

    def forget(self, executions: Collection[ExecutionId]) -> None:
        """Forget how attempts of executions ended, so that others of the same names are none of theirs."""
        for key in [key for key in self._recent if key.execution in executions]:
            del self._recent[key]

    @override
    async def queued(self, execution: ExecutionId) -> Sequence[Queued]:
        return [
            Queued(attempt.spec.key.path, attempt.spec.key.attempt, place, of)
            for attempt, place, of in self._pool.waiting()
            if attempt.spec.key.execution == execution
        ]

    @override
    async def close(self) -> None:
        """Stop looking after pods; they go on."""
        if self._closed:
            return
        self._closed = True
        self._pool.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.logs.close()
        self._live.clear()

    def _is_over(self, execution: ExecutionId) -> bool:
        return self.is_over(execution)

    def _waits(self, key: AttemptKey) -> bool:
        """Tell whether an attempt is known and has not begun."""
        attempt = self._live.get(key)
        return attempt is not None and not attempt.running_since_ns

    # --- what the cluster tells -------------------------------------------------------------

    async def _listen(self, watch: Watch) -> None:
        while True:
            try:
                async for item in watch.news():
                    match item:
                        case Seen(place, pod):
                            self._see(place, pod)
                        case Gone(place):
                            self._lose(place)
                        case Listed():
                            self._listed.set()
            except KubernetesError as error:
                _LOG.error("pods cannot be watched: %s", error)
                await asyncio.sleep(_AGAIN_MAX_S)

    def _see(self, place: ObjectKey, pod: Json) -> None:
        attempt = self._by_place.get(place)
        if kind_of_pod(pod):
            self._pool.see(place, pod)
        elif attempt is None or attempt.spec.key != key_of_pod(pod):
            self._strangers.see(place, pod)
        elif attempt.uid in {"", pod["metadata"]["uid"]}:
            attempt.see(pod)
        if (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}:
            self._maker.freed(place.namespace)

    def _lose(self, place: ObjectKey) -> None:
        self._maker.freed(place.namespace)
        self._strangers.lose(place)
        self._pool.lose(place)
        attempt = self._by_place.get(place)
        if attempt is not None and attempt.pod is not None:
            attempt.lose()

    # --- an attempt's way -------------------------------------------------------------------

    async def _run(self, attempt: PodAttempt) -> None:
        self._end(attempt, await self._ending_at_last(attempt))

    async def _ending_at_last(self, attempt: PodAttempt) -> Ending:
        try:
            return await self._retried(attempt, lambda: self._ending(attempt))
        except Exception as error:  # noqa: BLE001 - whatever it is, the engine must hear of the attempt's end
            _LOG.exception("the attempt of pod %s cannot go on", attempt.place.name)
            return system_failure("PodExecutorFailed", f"{type(error).__name__}: {error}")

    async def _retried(self, attempt: PodAttempt, work: Callable[[], Awaitable[_T]]) -> _T:
        """Return what comes of work, however long the store or the API server is away."""
        pause_s = _AGAIN_S
        while True:
            try:
                return await work()
            except (StorageError, KubernetesError) as error:
                attempt.waits_for = str(error)
                _LOG.warning("the attempt of pod %s goes on later: %s", attempt.place.name, error)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _AGAIN_MAX_S)

    async def _ending(self, attempt: PodAttempt) -> Ending:
        await self._listed.wait()
        if attempt.pod is None:
            known = self._strangers.take(attempt.place, attempt.spec.key)
            if known is not None:
                self._admission.resumed(attempt.spec.key, known)
                attempt.see(known)
        if attempt.pod is None:
            prepared = await self._preparer.prepared(attempt.spec)
            if isinstance(prepared, Ended):
                return prepared.ending
            if isinstance(prepared, Shared):
                return await self._ending_in_worker(attempt, prepared)
            made = await self._made(attempt, prepared)
            if isinstance(made, Failure):
                return made
            if attempt.pod is None:
                attempt.see(made)
        news = await self._follower.ended(attempt)
        attempt.over.set()
        if isinstance(news, Failure):
            await self._results.put_failure(attempt.spec.output_prefix, news)
            return news
        attempt.used = news.used
        # Nothing of a good end is told from its log: that is stored beside what comes next, while its pod is left.
        attempt.log_wait_s = LOG_KEPT_S if isinstance(news, Exited) else self._settings.log_wait_s
        await self._readers.catch_up(attempt)
        return await judged(attempt.spec, news, self._results, partial(self._readers.tail, attempt))

    async def _ending_in_worker(self, attempt: PodAttempt, wanted: Shared) -> Ending:
        spec = attempt.spec
        news = await self._admitted(attempt, wanted.kind.pod) or await self._done_by_worker(attempt, wanted)
        if isinstance(news, Failure):
            await self._results.put_failure(spec.output_prefix, news)
            return news
        return await judged(spec, news, self._results, partial(self.logs.tail, spec.key, TAIL_BYTES))

    async def _run_batch(self, spec: AttemptSpec, order: BatchOrder) -> BatchEnd:
        """Have a worker run elements of an array."""
        attempt = PodAttempt(spec, self._place(spec.key))
        try:
            return await self._retried(attempt, lambda: self._batch_end(attempt, order))
        finally:
            self._admission.released(spec.key)
            if attempt.held_up:
                self._listener.held_up(spec.key, None)

    async def _batch_end(self, attempt: PodAttempt, order: BatchOrder) -> BatchEnd:
        wanted = await self._preparer.batch(attempt.spec, order)
        if wanted is None:
            return BatchEnd()  # each element will be told why
        news = await self._admitted(attempt, wanted.kind.pod) or await self._done_by_worker(attempt, wanted)
        since_ns = news.since_ns if isinstance(news, Exited) else 0
        took_s = (news.at_ns - since_ns) / 1e9 if isinstance(news, Exited) and since_ns else 0.0
        return BatchEnd(took_s, attempt.at_fault)

    async def _keep_printed(self, key: AttemptKey, printed: bytes) -> None:
        writer = await self.logs.write(key)
        if not writer.end:  # it may be told twice
            await writer.write(printed)
        _ = self._later(store_rest(self.logs, key))

    async def _done_by_worker(self, attempt: PodAttempt, wanted: Shared) -> Exited | Broken | Failure:
        attempt.waits_for = "a worker"
        return await self._workers.ended(attempt, wanted, self._follower)

    async def _made(self, attempt: PodAttempt, pod: Json) -> Json | Failure:
        def told(why: TryLater) -> None:
            self._follower.waits(attempt, NO_ROOM if why.for_resources else CLUSTER_UNAVAILABLE, why.reason)

        refused = await self._admitted(attempt, pod)
        if refused is not None:
            return refused
        return await self._maker.made(pod, told)

    async def _admitted(self, attempt: PodAttempt, pod: Json) -> Failure | None:
        """Wait until an attempt may begin; return why it never may."""

        def waits(what: Diagnostic) -> None:
            self._follower.waits(attempt, what.code, what.headline)

        try:
            await self._admission.admitted(attempt.spec.key, pod, waits, attempt.spec.priority)
        except NeverAdmitted as never:
            return never.failure
        return None

    # --- the end --------------------------------------------------------------------------------

    def _end(self, attempt: PodAttempt, ending: Ending) -> None:
        key = attempt.spec.key
        self._forget(key)
        self._recent[key] = (ending, attempt.used)
        if len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)
        attempt.clearing = self._later(self._clear_away(attempt, self._settings.kept_s))
        since_ns = attempt.running_since_ns
        self._batches.ended(key, (time.time_ns() - since_ns) / 1e9 if since_ns else 0.0)
        self._tell(key, ending, attempt.used)

    def _forget(self, key: AttemptKey) -> PodAttempt | None:
        attempt = self._live.pop(key, None)
        if attempt is not None:
            del self._by_place[attempt.place]
            self._admission.released(key)
            if attempt.held_up:
                self._listener.held_up(key, None)
        return attempt

    async def _clear_away(self, attempt: PodAttempt, after_s: float = 0.0) -> None:
        """Remove an attempt's pod once its log is stored; what it still prints within its grace is kept, too."""
        await self._readers.kept(attempt)
        if after_s:
            await asyncio.sleep(after_s)
        if attempt.pod is not None:
            await remove(self._objects, attempt.place, attempt.uid)
        attempt.lose()  # its log ends when it is through

    def _tell(self, key: AttemptKey, ending: Ending, used: AttemptUse | None = None) -> None:
        if self._closed:
            return
        now_ns = time.time_ns()
        element = self._elements.ended(key)
        match ending:
            case GaveNodes() | Failure() | None if element is not None:
                failure = NO_GRAPHS if isinstance(ending, GaveNodes) else ending
                result = ElementResult(element[1], key.attempt, failure)
                self._tell_elements(element[0], [result])
            case None:
                self._listener.succeeded(key, now_ns, used=used)
            case GaveNodes():
                self._listener.expanded(key, now_ns, used)
            case Failure() as failure:
                self._listener.failed(key, now_ns, failure, used)

    def _tell_elements(self, key: AttemptKey, results: Sequence[ElementResult]) -> None:
        if not self._closed:
            self._listener.elements_ended(key, time.time_ns(), results)

    def _place(self, key: AttemptKey) -> ObjectKey:
        return ObjectKey(namespace_of(key, self._settings.pods), pod_name(key))

    def _later(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _LOG.error("work of the pod executor failed", exc_info=task.exception())
