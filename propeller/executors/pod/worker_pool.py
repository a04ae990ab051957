"""All workers there are: seen, read, kept for a while, removed; who is free is given to who is first in line."""

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import TypeAlias

from flytelike.codec.pod_orders import BatchOrder, Ended
from propeller.executors.pod.attempt import PodAttempt
from propeller.executors.pod.labels import PRIMARY_ANNOTATION
from propeller.executors.pod.log_pump import store_rest
from propeller.executors.pod.removing import remove as remove_pod
from propeller.executors.pod.reuse import WorkerKind
from propeller.executors.pod.settings import Json, PodExecutorSettings
from propeller.executors.pod.stored_logs import StoredLogs
from propeller.executors.pod.worker import Worker, kind_of_pod
from propeller.executors.pod.worker_line import WorkerLines
from propeller.executors.pod.worker_log import read_worker
from propeller.kube.ports import Objects, PodLogs
from propeller.kube.watch import ObjectKey
from propeller.ports import AttemptKey

_NAME_DIGEST = 10

Later: TypeAlias = Callable[[Coroutine[object, object, None]], asyncio.Task[None]]


class WorkerPool:
    """Workers by the places of their pods. Made on the event loop that uses it.

    Args:
        settings: How pods are looked after.
        objects: The cluster's objects.
        pod_logs: What its pods print.
        logs: Where the output of attempts is kept.
        later: Runs work beside everything else.
    """

    def __init__(
        self, settings: PodExecutorSettings, objects: Objects, pod_logs: PodLogs, logs: StoredLogs, later: Later
    ) -> None:
        self.later = later
        self._settings = settings
        self._objects = objects
        self._pod_logs = pod_logs
        self._logs = logs
        self._lines = WorkerLines(self._pick, self.give_back)
        self._workers: dict[ObjectKey, Worker] = {}
        self._short: dict[AttemptKey, PodAttempt] = {}
        self._closed = False

    async def turn(self, attempt: PodAttempt, kind: WorkerKind) -> Worker:
        """Return a worker that is reserved for an attempt, once it is its turn."""
        return await self._lines.turn(attempt, kind)

    def named(self, kind: WorkerKind, name: str) -> Worker:
        """Return the worker of a name, which may be still to be made."""
        place = ObjectKey(kind.namespace, name)
        return self._workers.setdefault(place, Worker(place, kind.digest, kind.idle_s))

    def at(self, place: ObjectKey) -> Worker | None:
        """Return the worker whose pod is there."""
        return self._workers.get(place)

    def working_for(self, key: AttemptKey) -> Worker | None:
        """Return the worker that was given an attempt and has not told its end."""
        return next((one for one in self._workers.values() if one.key == key and one.works), None)

    def refused(self, worker: Worker) -> None:
        """Forget a worker that could not be made."""
        self._workers.pop(worker.place, None)
        self._lines.serve(worker.kind)

    def close(self) -> None:
        """Do nothing more. Workers go on."""
        self._closed = True
        for worker in self._workers.values():
            if worker.idle is not None:
                worker.idle.cancel()

    def see(self, place: ObjectKey, pod: Json) -> None:
        """Take in a version of a worker's pod."""
        worker = self._workers.get(place)
        if worker is None:
            worker = self._workers[place] = Worker(place, kind_of_pod(pod))
        if worker.older(pod):
            return
        worker.see(pod)
        phase = (pod.get("status") or {}).get("phase")
        over = phase in {"Succeeded", "Failed"}
        if worker.log is None and (over or phase == "Running"):
            self.read(worker)
        if over or (pod["metadata"].get("deletionTimestamp") and not worker.works):
            self.dispose(worker)

    def lose(self, place: ObjectKey) -> None:
        """Take in that a pod is gone, whoever it was."""
        worker = self._workers.pop(place, None)
        if worker is not None:
            worker.lose()
            if worker.idle is not None:
                worker.idle.cancel()
            self._lines.serve(worker.kind)

    def given(self) -> list[tuple[AttemptKey, BatchOrder | None]]:
        """Return what lies in workers' mailboxes, whether it runs or has ended: whose, and which elements of it."""
        return [(worker.key, worker.batch) for worker in self._workers.values() if worker.key is not None]

    def waiting(self) -> Iterator[tuple[PodAttempt, int, int]]:
        """Yield the attempts that wait for a worker, their places in line, and the lengths of the lines."""
        return self._lines.places()

    def make_room(self, attempt: PodAttempt) -> None:
        """Let idle workers go: somebody waits for the room that they take."""
        self._short[attempt.spec.key] = attempt
        for worker in list(self._workers.values()):
            if worker.free:
                self.retire(worker)

    def _pick(self, kind: WorkerKind) -> Worker | None:
        """Reserve a worker that is free, or one that is to be made."""
        alike = [one for one in self._workers.values() if one.kind == kind.digest and one.counts]
        worker = next((one for one in alike if one.free), None)
        if worker is None:
            if len(alike) >= kind.replicas:
                return None
            name = f"worker-{kind.digest[:_NAME_DIGEST]}-{secrets.token_hex(5)}"
            place = ObjectKey(kind.namespace, name)
            worker = self._workers[place] = Worker(place, kind.digest, kind.idle_s)
        worker.reserved = True
        if worker.idle is not None:
            worker.idle.cancel()
            worker.idle = None
        return worker

    def give_back(self, worker: Worker) -> None:
        """Take a worker back that was reserved and perhaps not used."""
        worker.reserved = False
        if worker.pod is None and not worker.attempts:
            self._workers.pop(worker.place, None)
        self._freed(worker)

    def _heard(self, worker: Worker, ended: Ended) -> None:
        """Take in that an order has ended."""
        attempt = worker.attempts.pop(ended.mark, None)
        if attempt is not None:
            attempt.stir()
            self.beside(store_rest(self._logs, attempt.spec.key))
        if ended.mark == worker.mark:
            worker.reserved, worker.ended_s = False, time.monotonic()
            self._freed(worker)

    def read(self, worker: Worker) -> None:
        """Read a worker's log from its beginning."""
        if worker.log is not None:
            worker.log.cancel()
        worker.read.clear()
        assert worker.pod is not None, "it runs"
        container = worker.pod["metadata"]["annotations"][PRIMARY_ANNOTATION]
        worker.log = self.later(read_worker(self._pod_logs, self._logs, worker, container, self._heard))

    def _freed(self, worker: Worker) -> None:
        """Use a worker that has nothing to do, keep it for a while, or let it go where room is short."""
        if self._closed:
            return
        self._lines.serve(worker.kind)
        if not worker.free:
            return
        self._short = {key: one for key, one in self._short.items() if one.held_up}
        if self._short:
            self.retire(worker)
        elif worker.idle is None:
            loop = asyncio.get_running_loop()
            worker.idle = loop.call_later(worker.idle_s, self._idled, worker)

    def _idled(self, worker: Worker) -> None:
        worker.idle = None
        if worker.free:
            self.retire(worker)

    def retire(self, worker: Worker) -> None:
        """Remove a worker, whatever it does."""
        if not worker.leaving:
            worker.leaving = True
            self.beside(self.remove(worker))

    def dispose(self, worker: Worker) -> None:
        """Bury a worker that has ended, once its log is read."""
        worker.over.set()
        if not worker.leaving:
            worker.leaving = True
            self.beside(self._buried(worker))
        self._lines.serve(worker.kind)

    async def _buried(self, worker: Worker) -> None:
        if worker.log is not None:
            await self.until_read(worker)
        if worker.works and not worker.attempts:  # whose it was may be asked for after a restart
            await asyncio.sleep(self._settings.orphan_s)
        await self.remove(worker)

    async def until_read(self, worker: Worker) -> None:
        """Wait a while for the end of a worker's log."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.log_wait_s):
                await worker.read.wait()

    async def remove(self, worker: Worker) -> None:
        """Remove a worker's pod."""
        uid = worker.pod["metadata"]["uid"] if worker.pod is not None else ""
        await remove_pod(self._objects, worker.place, uid)
        if worker.log is not None:
            worker.log.cancel()
        worker.over.set()
        self._lines.serve(worker.kind)

    def beside(self, work: Coroutine[object, object, None]) -> None:
        """Run work that nobody waits for."""
        _ = self.later(work)
