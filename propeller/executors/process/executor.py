"""Runs attempts as processes of this machine."""

import asyncio
import contextlib
import logging
import shutil
import signal
import time
from collections.abc import Collection, Coroutine, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from typing_extensions import override

from flytelike.codec.worker_frames import Done, ElementsDone
from flytelike.model.failure import Failure
from flytelike.model.ids import ExecutionId
from flytelike.model.queued import Queued
from flytelike.model.usage import AttemptUse, asked_of
from flytelike.storage import Store
from propeller.core.elements import Span, spans_of
from propeller.core.fairness import Shortage
from propeller.executors.ending import NO_GRAPHS, Ending, GaveNodes
from propeller.executors.never import failure_of_never
from propeller.executors.process.arrays import Arrays
from propeller.executors.process.batches import Batches
from propeller.executors.process.element_queue import ElementQueue
from propeller.executors.process.environment import asks_platform, base_environment, platform_address
from propeller.executors.process.held_up import HeldUp, disk_is_full
from propeller.executors.process.live_attempt import LiveAttempt, cancel, redacted
from propeller.executors.process.logs import AttemptLogs
from propeller.executors.process.memory import kernel_kills
from propeller.executors.process.outcome import (
    LOST,
    Aborted,
    GrantLost,
    OverMemory,
    Stop,
    TimedOut,
    explained_failure,
    failure_of_exit,
    failure_of_full_disk,
    failure_of_no_outputs,
    failure_of_start,
    failure_of_stop,
)
from propeller.executors.process.plan import (
    ProgramPlan,
    WarmPlan,
    data_files,
    missing_program,
)
from propeller.executors.process.preparing import Preparer, Runs
from propeller.executors.process.recent import Ended, Recent
from propeller.executors.process.settings import ProcessSettings
from propeller.executors.process.slots import Slots, SlotsListener, Who
from propeller.executors.process.watch import MemoryWatch
from propeller.executors.process.worker import Worker
from propeller.executors.process.workers import Workers, WorkersListener
from propeller.executors.process.zygote import ZygoteFailed
from propeller.executors.results import Results
from propeller.ports import AttemptKey, AttemptListener, AttemptSpec, Executor
from propeller.ports_allocation import Allocator
from propeller.ports_elements import ElementResult, ElementsOrder
from propeller.ports_secrets import NoSecrets, Secrets

_LOG = logging.getLogger(__name__)

_TAIL_BYTES = 2000


class ProcessExecutor(Executor, WorkersListener, SlotsListener):
    """The embedded platform's executor. Make it on the event loop that will use it.

    Attempts of `flytelike-execute` run in warm workers, one at a time each; any other command
    runs as a program of its own. Attempts begin when the allocator grants what they ask for; those of
    eager tasks have slots apart, so that what they wait for finds one (see `EagerSlots`).

    Args:
        settings: How many, how long, how large.
        store: The object store, for documents that do not lie on this machine.
        listener: Told how attempts go.
        allocator: Says which attempt is next.
        secrets: Gives the secrets that tasks ask for; without it there are none.
    """

    def __init__(
        self,
        settings: ProcessSettings,
        store: Store,
        listener: AttemptListener,
        allocator: Allocator,
        secrets: Secrets | None = None,
    ) -> None:
        self._settings = settings
        self._listener = listener
        self._results = Results(store)
        self.logs = AttemptLogs(settings.logs, settings.log_bytes)
        self._workers = Workers(settings, base_environment(settings), self)
        self._watch = MemoryWatch(settings.memory_poll_s, self._over_memory)
        self._live: dict[AttemptKey, LiveAttempt] = {}
        self._slots = Slots(allocator, settings, self, listener)
        self._arrays = Arrays(self._results, settings)
        self._preparer = Preparer(self._results, self._arrays, settings, secrets or NoSecrets())
        self._held_up = HeldUp[AttemptSpec | ElementQueue](settings.disks, listener, self._go_on)
        self._batches = Batches(
            self._workers, self.logs, self._watch, settings.grace_s, self._tell_elements, self._held_up.by
        )
        self._by_worker: dict[int, LiveAttempt] = {}
        self._recent = Recent()
        self._tasks: set[asyncio.Task[None]] = set()
        self._kernel_kills = kernel_kills()
        self._closed = False

    def warm_up(self) -> None:
        """Make ready in the background, ahead of the first attempt; it would wait for it else."""
        if not self._workers.ready:
            self._later(self._revive())

    async def open(self) -> None:
        """Return once processes can be made; the first attempt waits for that else. Raises ZygoteFailed or OSError."""
        await self._workers.open()

    @override
    async def start(self, spec: AttemptSpec) -> None:
        if spec.key in self._live or spec.key in self._held_up or self._closed:
            return
        known = self._recent.get(spec.key)
        if known is not None:
            self._tell(spec.key, known)
            return
        attempt = self._live[spec.key] = LiveAttempt(spec)
        self.logs.begin(spec.key, first=spec.fresh)
        try:
            verdict = await self._preparer.prepared(attempt)
        except Exception as error:  # noqa: BLE001 - whatever it is, the engine must hear of the attempt's end
            _LOG.warning("attempt %s cannot be prepared", spec.key, exc_info=error)
            full = disk_is_full(error)
            verdict = failure_of_full_disk(error) if full else failure_of_start(0, str(error), "the attempt")
        if self._live.get(spec.key) is not attempt:
            return  # aborted in the meantime
        if not isinstance(verdict, Runs):
            self._end(attempt, verdict)
            return
        self._slots.put(attempt)
        self._pump()

    @override
    async def start_elements(self, order: ElementsOrder) -> None:
        if self._closed:
            return
        queue = self._arrays.queue(order)
        if isinstance(queue, Failure):
            refused = [
                ElementResult(index, attempt, queue)
                for first, length, attempt in order.elements
                for index in range(first, first + length)
            ]
            self._tell_elements(order.array.key, refused)
        elif queue is None:
            await self._arrays.start_each(order, self.start)
        else:
            queue.add(order.elements)
            self._slots.put_elements(queue)
            self._pump()

    @override
    async def abort_elements(self, key: AttemptKey, reason: str) -> None:
        for attempt in self._arrays.stop(key):
            await self.abort(attempt, reason)
            self._arrays.ended(attempt)
        self._batches.abort(key, reason)
        self._held_up.drop(key)

    @override
    async def withdraw_elements(self, key: AttemptKey, elements: Sequence[Span]) -> Sequence[Span]:
        wanted = {(index, it.attempt) for it in elements for index in range(it.first, it.end)}
        taken = self._arrays.withdraw(key, wanted)
        for attempt_key, element in self._arrays.own_attempts(key).items():
            attempt = self._live.get(attempt_key)
            if element in wanted and attempt is not None and attempt.worker is None:
                await self.abort(attempt_key, "it waited too long")
                self._arrays.ended(attempt_key)
                taken.append(element)
        return spans_of(sorted(taken))

    @override
    async def queued(self, execution: ExecutionId) -> Sequence[Queued]:
        return await self._slots.queued(execution)

    @override
    async def abort(self, key: AttemptKey, reason: str) -> None:
        attempt = self._live.get(key)
        if attempt is None:
            self._held_up.drop(key)
            return
        if attempt.worker is None:
            attempt.stop = Aborted(reason)
            self._forget(attempt)
        else:
            self._stop(attempt, Aborted(reason))

    def forget(self, executions: Collection[ExecutionId]) -> None:
        """Forget how attempts of executions ended, so that others of the same names are none of theirs."""
        self._recent.forget(executions)

    @override
    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for attempt in self._live.values():
            cancel(attempt)
        self._batches.close()
        self._held_up.close()
        await self._watch.close()
        await self._workers.close()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._live.clear()
        self._slots.clear()
        self._by_worker.clear()
        self.logs.close()

    # --- from a spec to a process ---------------------------------------------------------

    def _pump(self) -> None:
        while self._slots and not self._closed:
            if not self._workers.ready:
                self._later(self._revive())
                return
            match self._slots.take():
                case ElementQueue() as queue:
                    self._give(queue)
                case LiveAttempt() as attempt:
                    self._dispatch(attempt)
                case None:
                    pass

    def _give(self, queue: ElementQueue) -> None:
        """Give a batch of an array to a worker; the rest waits behind whoever waits already and is as urgent."""
        if queue and queue.spec.key not in self._held_up:
            self._slots.hold(queue, self._batches.give(queue, self._settings.slots))
            self._slots.put_elements(queue)
        else:
            self._slots.withdraw(queue)

    @override
    def slot_free(self) -> None:
        # Not at once: whoever gave the slot back is in the middle of telling of it.
        asyncio.get_running_loop().call_soon(self._pump)

    @override
    def slot_refused(self, who: Who, shortages: tuple[Shortage, ...]) -> None:
        failure = failure_of_never(shortages)
        if isinstance(who, ElementQueue):
            self._tell_elements(who.spec.key, who.give_up(failure))
        else:
            self._end(who, failure)

    @override
    def slot_lost(self, worker: int) -> None:
        if self._batches.owns(worker):
            self._batches.stop(worker, GrantLost())
        else:
            self._stop(self._by_worker[worker], GrantLost())

    async def _revive(self) -> None:
        try:
            await self._workers.open()
        except (ZygoteFailed, OSError) as error:
            # Whoever waits is told: the engine tries again with back-off, and knows when to give up.
            failure = failure_of_start(0, str(error), "a worker")
            for attempt in self._slots.drain():
                if isinstance(attempt, ElementQueue):
                    self._tell_elements(attempt.spec.key, attempt.give_up(failure))
                else:
                    self._end(attempt, failure)
        self._pump()

    def _dispatch(self, attempt: LiveAttempt) -> None:
        plan = attempt.plan
        if plan is not None and (handed := self._handed(attempt)):
            plan = replace(plan, env={**plan.env, **handed})
        match plan:
            case WarmPlan():
                worker = self._workers.run(plan)
            case ProgramPlan():
                called = platform_address(self._settings.env) if asks_platform(attempt.spec.task) else {}
                worker = self._workers.execute(replace(plan, env={**called, **plan.env}))
            case _:
                raise RuntimeError("an attempt without a plan was queued")
        attempt.worker = worker
        self._by_worker[worker.number] = attempt
        self._slots.hold(attempt, worker.number)
        if worker.pid:
            self.started(worker)

    def _handed(self, attempt: LiveAttempt) -> Mapping[str, str]:
        """Return the variables that give an attempt its GPUs and its secrets, those in files written."""
        given = self._slots.devices(attempt)
        if attempt.secrets.need_files:
            attempt.folder = self._workers.private_folder()
        return {**given, **attempt.secrets.mounted(attempt.folder or Path())} if attempt.secrets else given

    # --- what processes tell --------------------------------------------------------------

    @override
    def started(self, worker: Worker) -> None:
        if self._batches.owns(worker.number):
            self._batches.started(worker)
            return
        attempt = self._by_worker.get(worker.number)
        if attempt is None or attempt.stop is not None:
            return
        spec = attempt.spec
        if spec.deadline_ns:
            loop = asyncio.get_running_loop()
            late = TimedOut(spec.deadline_ns)
            attempt.timers.append(loop.call_later(spec.deadline_ns / 1e9, self._stop, attempt, late))
        if attempt.memory_bytes:
            self._watch.add(worker.number, worker.pid, attempt.memory_bytes)
        attempt.kernel_kills = self._kernel_kills
        container = spec.task.container
        asked = None if container is None else asked_of(container.resources)
        self._listener.running(spec.key, time.time_ns(), asked)

    @override
    def printed(self, worker: Worker, data: bytes) -> None:
        if self._batches.owns(worker.number):
            self._batches.printed(worker, data)
            return
        attempt = self._by_worker.get(worker.number)
        if attempt is not None:
            self.logs.append(attempt.spec.key, data if attempt.redactor is None else attempt.redactor.feed(data))

    @override
    def elements_done(self, worker: Worker, done: ElementsDone) -> None:
        if self._batches.owns(worker.number):
            self._batches.elements_done(worker, done)

    def _batch_over(self, queue: ElementQueue, worker: Worker) -> None:
        """Let what a batch left wait again."""
        self._slots.leave(worker.number)
        if queue.held_up is not None and not queue.stopped:
            self._held_up.add(queue.spec.key, queue, queue.held_up)
            queue.held_up = None
        else:
            self._slots.put_elements(queue)
        self._arrays.forget_idle(queue)
        self._pump()

    @override
    def done(self, worker: Worker, done: Done) -> None:
        if self._batches.owns(worker.number):
            queue, reusable = self._batches.done(worker)
            self._workers.release(worker, done, reusable=reusable)
            self._batch_over(queue, worker)
            return
        attempt = self._left(worker)
        # What a module keeps of a secret, or of a GPU, must not reach an attempt that did not ask for it.
        reusable = attempt is not None and attempt.stop is None and not (attempt.secrets or attempt.devices)
        self._workers.release(worker, done, reusable=reusable)
        if attempt is None:
            return
        attempt.used = done.used
        if attempt.stop is not None and done.failure is not None:
            self._end_stopped(attempt, attempt.stop)
        elif isinstance(attempt.stop, Aborted):
            self._forget(attempt)
        elif done.failure is not None and (attempt.secrets or data_files(attempt.spec) is not None):
            self._later(self._explain_and_end(attempt, done.failure))
        else:
            self._end(attempt, GaveNodes() if done.gave_nodes else done.failure, done.outputs)
        self._pump()

    @override
    def ended(self, worker: Worker, status: int, used: AttemptUse) -> None:
        if self._batches.owns(worker.number):
            self._batch_over(self._batches.ended(worker, status), worker)
            return
        attempt = self._left(worker)
        if attempt is None:
            return
        attempt.used = used
        if attempt.stop is not None:
            self._end_stopped(attempt, attempt.stop)
        else:
            self._later(self._judge(attempt, status))
        self._pump()

    @override
    def not_started(self, worker: Worker, error: int, message: str) -> None:
        if self._batches.owns(worker.number):
            self._batch_over(self._batches.not_started(worker, error, message), worker)
            return
        attempt = self._left(worker)
        if attempt is not None:
            plan = attempt.plan
            program = plan.argv[0] if isinstance(plan, ProgramPlan) else "a worker"
            self._end(attempt, failure_of_start(error, message, program, missing_program(attempt.spec, plan)))
            self._pump()

    @override
    def lost(self, worker: Worker) -> None:
        if self._batches.owns(worker.number):
            self._batch_over(self._batches.lost(worker), worker)
            return
        attempt = self._left(worker)
        if attempt is not None:
            self._end(attempt, LOST)
            self._pump()

    def _left(self, worker: Worker) -> LiveAttempt | None:
        """Take the attempt off its worker; its slot is free."""
        self._slots.leave(worker.number)
        return self._by_worker.pop(worker.number, None)

    def _over_memory(self, worker: int, used_bytes: int, limit_bytes: int) -> None:
        if self._batches.owns(worker):
            self._batches.over_memory(worker, used_bytes, limit_bytes)
            return
        attempt = self._by_worker.get(worker)
        if attempt is not None and attempt.worker is not None and attempt.stop is None:
            attempt.stop = OverMemory(used_bytes, limit_bytes)
            self._workers.signal(attempt.worker, signal.SIGKILL)

    def _stop(self, attempt: LiveAttempt, why: Stop) -> None:
        worker = attempt.worker
        if worker is None or attempt.stop is not None:
            return
        attempt.stop = why
        self._workers.signal(worker, signal.SIGTERM)
        loop = asyncio.get_running_loop()
        kill = loop.call_later(self._settings.grace_s, self._workers.signal, worker, signal.SIGKILL)
        attempt.timers.append(kill)

    # --- from an end to its news ----------------------------------------------------------

    async def _judge(self, attempt: LiveAttempt, status: int) -> None:
        """Find out how an attempt went whose process ended without telling."""
        prefix = attempt.spec.output_prefix
        found = await self._results.found(prefix, attempt.spec.task.interface.outputs)
        news = found if isinstance(found, Failure) else self._verdict(attempt, status, found)
        if isinstance(news, Failure):
            news = redacted(attempt, news)
            if news is not found:
                await self._keep(prefix, news)
        if isinstance(attempt.plan, ProgramPlan) and attempt.plan.marked:
            with contextlib.suppress(OSError):
                await self._results.mark(prefix)
        self._end(attempt, news)

    def _verdict(self, attempt: LiveAttempt, status: int, found: GaveNodes | bool) -> Ending:
        tail = self.logs.tail(attempt.spec.key, _TAIL_BYTES)
        self._kernel_kills = kernel_kills()
        memory_event = self._kernel_kills > attempt.kernel_kills
        if isinstance(attempt.plan, WarmPlan):
            # Outputs appear whole or not at all: once there, the task had returned.
            if found is False:
                return failure_of_exit(status, memory_event=memory_event, tail=tail)
            return None if found is True else found
        if status != 0:
            return failure_of_exit(status, memory_event=memory_event, tail=tail)
        if isinstance(found, GaveNodes):
            return found
        if found or not attempt.spec.task.interface.outputs:
            return None
        return failure_of_no_outputs(attempt.spec.output_prefix, tail)

    def _end_stopped(self, attempt: LiveAttempt, stop: Stop) -> None:
        if isinstance(stop, Aborted):
            self._forget(attempt)  # who asked for it needs no answer
        else:
            self._later(self._keep_and_end(attempt, failure_of_stop(stop)))

    async def _keep_and_end(self, attempt: LiveAttempt, failure: Failure) -> None:
        await self._keep(attempt.spec.output_prefix, failure)
        self._end(attempt, failure)

    async def _explain_and_end(self, attempt: LiveAttempt, failure: Failure) -> None:
        """Add what a worker does not know of a program's failure, and take secrets out of it."""
        explained = failure
        if data_files(attempt.spec) is not None:
            tail = self.logs.tail(attempt.spec.key, _TAIL_BYTES)
            explained = explained_failure(failure, tail, missing_program(attempt.spec, attempt.plan))
        explained = redacted(attempt, explained)
        if explained is not failure:
            await self._keep(attempt.spec.output_prefix, explained)
        self._end(attempt, explained)

    async def _keep(self, prefix: str, failure: Failure) -> None:
        """Store a failure, so that after a restart the attempt is known to have ended."""
        try:
            await self._results.put_failure(prefix, failure)
        except Exception as error:  # noqa: BLE001 - the news matters more than its document
            _LOG.warning("the failure %s could not be stored: %s", failure.code, error)

    def _end(self, attempt: LiveAttempt, news: Ending, outputs: bytes | None = None) -> None:
        key = attempt.spec.key
        self._forget(attempt)
        if isinstance(news, Failure) and self._held_up.by(news) and not self._closed:
            self.logs.drop(key)  # It will begin as if for the first time.
            self._held_up.add(key, attempt.spec, news)
            return
        ended = Ended(news, outputs, attempt.used)
        self._recent.add(key, ended)
        self._tell(key, ended)

    def _go_on(self, waited: Sequence[AttemptSpec | ElementQueue]) -> None:
        """Run again what waited for room."""
        for waiting in waited:
            if isinstance(waiting, ElementQueue):
                self._slots.put_elements(waiting)
            else:
                self._later(self.start(waiting))
        self._pump()

    def _forget(self, attempt: LiveAttempt) -> None:
        cancel(attempt)
        if attempt.worker is not None:
            self._watch.remove(attempt.worker.number)
        else:
            self._slots.withdraw(attempt)
        key = attempt.spec.key
        if attempt.folder is not None:
            self._later(asyncio.to_thread(shutil.rmtree, attempt.folder, True))
        if self._live.get(key) is attempt:
            del self._live[key]
            if attempt.redactor is not None:
                self.logs.append(key, attempt.redactor.rest())
            self.logs.end(key)

    def _tell(self, key: AttemptKey, ended: Ended) -> None:
        if self._closed:
            return
        news, outputs, used = ended
        element = self._arrays.ended(key)
        if element is not None:
            failure = NO_GRAPHS if isinstance(news, GaveNodes) else news
            self._tell_elements(element[0], [ElementResult(element[1], key.attempt, failure, outputs)])
            return
        match news:
            case None:
                self._listener.succeeded(key, time.time_ns(), outputs, used)
            case GaveNodes():
                self._listener.expanded(key, time.time_ns(), used)
            case Failure() as failure:
                self._listener.failed(key, time.time_ns(), failure, used)

    def _tell_elements(self, key: AttemptKey, results: Sequence[ElementResult]) -> None:
        if not self._closed and results:
            self._listener.elements_ended(key, time.time_ns(), results)

    def _later(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
