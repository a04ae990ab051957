"""Attempts in pods that are kept: each waits for a worker, is given to it, and followed to its end.

An attempt's worker is written down before the worker is told (`worker_lease`), and the worker's pod holds its order:
what is lost with this process can be read again from there, from the worker's log and from the attempts' documents.
"""

import asyncio
import logging
import secrets
import time
from contextlib import suppress

from flytelike.codec.pod_orders import HOT_S, Ended, Order
from flytelike.model.failure import Failure
from flytelike.storage import StorageError
from propeller.executors.codes import INTERRUPTED, KILLED_BY_SIGNAL, NON_ZERO_EXIT
from propeller.executors.pod.attempt import PodAttempt
from propeller.executors.pod.creating import PodMaker
from propeller.executors.pod.endings import failure_of_exit, system_failure
from propeller.executors.pod.following import CLUSTER_UNAVAILABLE, NO_ROOM, Follower, late, until, vanished
from propeller.executors.pod.observation import Broken, Exited, Observation, Running, Waiting, observe
from propeller.executors.pod.refusal import TryLater
from propeller.executors.pod.reuse import ORDER, Shared, WorkerKind, given_annotations, stop_annotation, worker_pod
from propeller.executors.pod.settings import Json, PodExecutorSettings
from propeller.executors.pod.worker import Worker
from propeller.executors.pod.worker_lease import Lease, lease_of, taken
from propeller.executors.pod.worker_pool import WorkerPool
from propeller.executors.results import Results
from propeller.kube.errors import KubernetesError, ObjectChanged, ObjectNotFound
from propeller.kube.ports import PODS, Objects
from propeller.ports import AttemptKey

_LOG = logging.getLogger(__name__)

_STOP_S = 30.0
"""How long, beyond its grace, a worker may take to tell that it stopped an attempt; then it is removed."""

_AGAIN_S = 0.5


class Workers:
    """Runs attempts in workers.

    Args:
        settings: How pods are made and looked after.
        objects: The cluster's objects.
        maker: Makes pods.
        results: The attempts' documents.
        pool: All workers there are.
    """

    def __init__(
        self, settings: PodExecutorSettings, objects: Objects, maker: PodMaker, results: Results, pool: WorkerPool
    ) -> None:
        self._settings = settings
        self._objects = objects
        self._maker = maker
        self._results = results
        self._pool = pool
        self._given: dict[AttemptKey, tuple[Worker, str]] = {}

    async def ended(self, attempt: PodAttempt, wanted: Shared, follower: Follower) -> Exited | Broken | Failure:
        """Run an attempt in a worker; return how it ended, or that it ran for too long.

        Raises `StorageError` and `KubernetesError`; who asks again goes on with the same worker.
        """
        spec = attempt.spec
        lease = None if spec.fresh else await lease_of(self._results, spec.output_prefix)
        if lease is None:
            lease = await self._new_lease(attempt, wanted.kind)
        worker = self._pool.named(wanted.kind, lease.worker)
        self._given[spec.key] = (worker, lease.mark)
        worker.attempts[lease.mark] = attempt
        try:
            refused = await self._give(attempt, worker, wanted, lease.mark, follower)
            return refused or await self._followed(attempt, worker, lease.mark, follower)
        except (Exception, asyncio.CancelledError):
            if worker.mark != lease.mark:
                worker.attempts.pop(lease.mark, None)
            self._pool.give_back(worker)
            raise
        finally:
            self._given.pop(spec.key, None)

    async def abort(self, key: AttemptKey, given: tuple[Worker, str] | None) -> None:
        """Stop an attempt and all that it started.

        Args:
            key: The attempt, which nobody follows any more.
            given: What `given_to` told while it was followed.
        """
        if given is None:
            found = self._pool.working_for(key)
            given = None if found is None else (found, found.mark)
        if given is not None:
            worker, mark = given
            await self._settled(worker)
            while worker.pod is None and not worker.gone:  # perhaps it was just made
                try:
                    self._pool.see(worker.place, await self._objects.get(PODS, *worker.place))
                    worker = self._pool.at(worker.place) or worker
                except ObjectNotFound:
                    return
                except KubernetesError as error:
                    _LOG.info("the worker %s is looked for later: %s", worker.place.name, error)
                    await asyncio.sleep(_AGAIN_S)
            await self._stop(worker, mark)

    def given_to(self, key: AttemptKey) -> tuple[Worker, str] | None:
        """Return the worker of an attempt and the mark of its order; None without one."""
        return self._given.get(key)

    async def _new_lease(self, attempt: PodAttempt, kind: WorkerKind) -> Lease:
        """Wait for a worker and write it down; return that, or what was written before."""
        worker = await self._pool.turn(attempt, kind)
        mine = Lease(worker.place.name, secrets.token_hex(16))
        try:
            lease = await taken(self._results, attempt.spec.output_prefix, mine)
        except (Exception, asyncio.CancelledError):
            self._pool.give_back(worker)
            raise
        if lease.worker != mine.worker:
            self._pool.give_back(worker)
        return lease

    async def _give(
        self, attempt: PodAttempt, worker: Worker, wanted: Shared, mark: str, follower: Follower
    ) -> Failure | None:
        """Give a worker its order, unless it has it already; return why that cannot be."""
        told = given_annotations(attempt.spec.key, wanted.order(mark))
        while not (worker.gone or worker.mark == mark or mark in worker.ended):
            if worker.pod is None:
                made = await self._made(attempt, worker_pod(wanted.kind, worker.place.name, told), follower)
                if isinstance(made, Failure):
                    self._pool.refused(worker)
                    return made
                self._pool.see(worker.place, made)
                return None
            if worker.works:  # another one's, after a restart
                await attempt.change(None)
            else:
                hot = worker.next_uri if time.monotonic() - worker.ended_s < HOT_S else ""
                if await self._annotated(worker, told):
                    if hot:  # it looks there, too, and quicker than the kubelet brings the annotation
                        self._pool.beside(self._hurry(hot, told[ORDER]))
                    return None
        if mark not in worker.begun and worker.log is not None:
            self._pool.read(worker)  # from the beginning: it may be there
        return None

    async def _hurry(self, uri: str, order: str) -> None:
        with suppress(StorageError):  # the kubelet brings it
            await self._results.put_at(uri, order.encode())

    async def _made(self, attempt: PodAttempt, pod: Json, follower: Follower) -> Json | Failure:
        def told(why: TryLater) -> None:
            follower.waits(attempt, NO_ROOM if why.for_resources else CLUSTER_UNAVAILABLE, why.reason)

        return await self._maker.made(pod, told)

    async def _annotated(self, worker: Worker, annotations: dict[str, str]) -> bool:
        """Change the annotations of the version that is known; learn the newest one if there is another.

        What was sent is waited for by `_settled`, even if the caller is cancelled.
        """
        outcome: list[bool | KubernetesError] = []

        async def post() -> None:
            try:
                outcome.append(await self._post(worker, annotations))
            except KubernetesError as error:
                outcome.append(error)

        worker.posting = self._pool.later(post())
        await asyncio.shield(worker.posting)
        if isinstance(outcome[0], KubernetesError):
            raise outcome[0]
        return outcome[0]

    async def _settled(self, worker: Worker) -> None:
        """Return when nothing is just being sent to a worker."""
        await self._maker.settled(worker.place)
        if worker.posting is not None:
            await asyncio.wait([worker.posting])

    async def _post(self, worker: Worker, annotations: dict[str, str]) -> bool:
        metadata = {"resourceVersion": worker.version, "annotations": annotations}
        try:
            self._pool.see(worker.place, await self._objects.merge(PODS, *worker.place, {"metadata": metadata}))
        except ObjectChanged:
            self._pool.see(worker.place, await self._objects.get(PODS, *worker.place))
            return False
        except ObjectNotFound:
            self._pool.lose(worker.place)
            return False
        return True

    async def _followed(
        self, attempt: PodAttempt, worker: Worker, mark: str, follower: Follower
    ) -> Exited | Broken | Failure:
        given_ns = 0
        while True:
            now_ns, due_ns = time.time_ns(), 0
            begun, ended = worker.begun.get(mark), worker.ended.get(mark)
            if begun is not None:
                follower.began(attempt, worker.pod, begun.at_ns, now_ns)
            if ended is not None:
                return _news(ended, begun.at_ns if begun is not None else 0)
            news = self._observed(worker, now_ns)
            match news:
                case Exited() | Broken():
                    if not await self._has_read(worker):
                        continue
                    return _lost(news)
                case Waiting() if begun is None and worker.pod is not None:
                    due_ns = await follower.starts(attempt, news, worker.pod, now_ns)
                case Waiting():
                    due_ns = news.gives_up_ns
                case Running():
                    given_ns = given_ns or now_ns
                    found = self._in_time(attempt, worker, mark, given_ns, now_ns)
                    if not isinstance(found, int):
                        return found
                    due_ns = found
            await attempt.change(until(due_ns, now_ns))

    def _in_time(
        self, attempt: PodAttempt, worker: Worker, mark: str, given_ns: int, now_ns: int
    ) -> int | Broken | Failure:
        """Return when an attempt is late, 0 for never; or the end of one that is."""
        limit_ns = attempt.spec.deadline_ns
        if mark not in worker.begun:
            due_ns = given_ns + self._settings.pods.start_allowance_s * 1_000_000_000
            if now_ns < due_ns:
                return due_ns
            self._pool.retire(worker)
            return Broken(now_ns, system_failure(INTERRUPTED, "Its worker did not take it."))
        due_ns = attempt.running_since_ns + limit_ns if limit_ns else 0
        if not due_ns or now_ns < due_ns:
            return due_ns
        self._pool.beside(self._stop(worker, mark))
        return late(limit_ns)

    def _observed(self, worker: Worker, now_ns: int) -> Observation:
        if worker.pod is None:
            return vanished(now_ns)
        found = observe(worker.pod, now_ns, self._settings.patience)
        return vanished(now_ns) if worker.gone and not isinstance(found, Exited | Broken) else found

    async def _has_read(self, worker: Worker) -> bool:
        """Wait a while for the rest of the log of a worker that has ended; tell whether that was done before."""
        done = worker.read.is_set() or worker.log is None
        self._pool.dispose(worker)
        if done:
            self._pool.beside(self._pool.remove(worker))
        else:
            await self._pool.until_read(worker)
            worker.read.set()
        return done

    async def _stop(self, worker: Worker, mark: str) -> None:
        """Have a worker stop what it does; one that does not is removed."""
        grace_s = self._settings.pods.grace_s
        annotation = stop_annotation(Order(mark, stop=True, grace_s=grace_s))
        while worker.mark == mark and worker.works and not worker.gone:
            if worker.log is None:  # it has not begun to run
                self._pool.retire(worker)
                return
            try:
                if await self._annotated(worker, annotation):
                    self._pool.beside(self._stopped(worker, mark, grace_s + _STOP_S))
                    return
            except KubernetesError as error:
                _LOG.info("the worker %s is stopped later: %s", worker.place.name, error)
                await asyncio.sleep(_AGAIN_S)

    async def _stopped(self, worker: Worker, mark: str, within_s: float) -> None:
        await asyncio.sleep(within_s)
        if mark not in worker.ended and worker.mark == mark:
            self._pool.retire(worker)


def _news(ended: Ended, since_ns: int) -> Exited | Broken:
    """Return how an attempt ended, as if its process had been a container."""
    state = {"exitCode": ended.code, "reason": "OOMKilled" if ended.out_of_memory else ""}
    failure = failure_of_exit(state)
    if failure is None:
        return Exited(ended.at_ns, since_ns)
    return Broken(ended.at_ns, failure, ended.code, since_ns)


def _lost(news: Exited | Broken) -> Broken:
    """Return the end of an attempt whose worker has ended: what its program did is not the attempt's doing."""
    match news:
        case Broken(failure=failure) if failure.code not in {NON_ZERO_EXIT, KILLED_BY_SIGNAL}:
            return news
        case Broken(at_ns=at_ns, failure=failure):
            return Broken(at_ns, system_failure(INTERRUPTED, f"Its worker has ended. {failure.message}"))
        case Exited(at_ns=at_ns):
            return Broken(at_ns, system_failure(INTERRUPTED, "Its worker has ended before it."))
