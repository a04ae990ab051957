"""Pods that are kept: made up to their policies' number, given one attempt after another, removed when idle for long.

An attempt's worker is written down before the worker is told (`worker_lease`), and the worker's pod holds its order:
what is lost with this process can be read again from there, from the worker's log and from the attempts' documents.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import TypeAlias

from flytelike.codec.pod_orders import HOT_S, Ended, Order
from flytelike.model.failure import Failure
from flytelike.storage import StorageError
from propeller.executors.codes import INTERRUPTED, KILLED_BY_SIGNAL, NON_ZERO_EXIT
from propeller.executors.pod.attempt import PodAttempt
from propeller.executors.pod.creating import PodMaker
from propeller.executors.pod.endings import failure_of_exit, system_failure
from propeller.executors.pod.following import CLUSTER_UNAVAILABLE, NO_ROOM, Follower, late, until, vanished
from propeller.executors.pod.log_pump import store_rest
from propeller.executors.pod.manifest import PRIMARY_ANNOTATION
from propeller.executors.pod.observation import Broken, Exited, Observation, Running, Waiting, observe
from propeller.executors.pod.refusal import TryLater
from propeller.executors.pod.removing import remove
from propeller.executors.pod.reuse import ORDER, Shared, WorkerKind, given_annotations, stop_annotation, worker_pod
from propeller.executors.pod.settings import Json, PodExecutorSettings
from propeller.executors.pod.stored_logs import StoredLogs
from propeller.executors.pod.worker import Worker, kind_of_pod
from propeller.executors.pod.worker_lease import Lease, lease_of, taken
from propeller.executors.pod.worker_line import WorkerLines
from propeller.executors.pod.worker_log import read_worker
from propeller.executors.results import Results
from propeller.kube.errors import KubernetesError, ObjectChanged, ObjectNotFound
from propeller.kube.ports import PODS, Objects, PodLogs
from propeller.kube.watch import ObjectKey
from propeller.ports import AttemptKey

_LOG = logging.getLogger(__name__)

_STOP_S = 30.0
"""How long, beyond its grace, a worker may take to tell that it stopped an attempt; then it is removed."""

_AGAIN_S = 0.5
_NAME_DIGEST = 10

Later: TypeAlias = Callable[[Coroutine[object, object, None]], asyncio.Task[None]]


class Workers:
    """All workers of the platform, as far as this executor's pods go. Made on the event loop that uses it.

    Args:
        settings: How pods are made and looked after.
        objects: The cluster's objects.
        pod_logs: What its pods print.
        maker: Makes pods.
        results: The attempts' documents.
        logs: Where the output of attempts is kept.
        later: Runs work beside everything else.
    """

    def __init__(
        self,
        settings: PodExecutorSettings,
        objects: Objects,
        pod_logs: PodLogs,
        maker: PodMaker,
        results: Results,
        logs: StoredLogs,
        later: Later,
    ) -> None:
        self._settings = settings
        self._objects = objects
        self._pod_logs = pod_logs
        self._maker = maker
        self._results = results
        self._logs = logs
        self._later = later
        self._lines = WorkerLines(self._pick, self._give_back)
        self._workers: dict[ObjectKey, Worker] = {}
        self._given: dict[AttemptKey, tuple[Worker, str]] = {}
        self._short: dict[AttemptKey, PodAttempt] = {}
        self._closed = False

    def close(self) -> None:
        """Do nothing more. Workers go on."""
        self._closed = True
        for worker in self._workers.values():
            if worker.idle is not None:
                worker.idle.cancel()

    # --- what the cluster tells -------------------------------------------------------------

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
            self._read(worker)
        if over or (pod["metadata"].get("deletionTimestamp") and not worker.works):
            self._dispose(worker)

    def lose(self, place: ObjectKey) -> None:
        """Take in that a pod is gone, whoever it was."""
        worker = self._workers.pop(place, None)
        if worker is not None:
            worker.lose()
            if worker.idle is not None:
                worker.idle.cancel()
            self._lines.serve(worker.kind)

    # --- attempts ---------------------------------------------------------------------------

    async def ended(self, attempt: PodAttempt, wanted: Shared, follower: Follower) -> Exited | Broken | Failure:
        """Run an attempt in a worker; return how it ended, or that it ran for too long.

        Raises `StorageError` and `KubernetesError`; who asks again goes on with the same worker.
        """
        spec = attempt.spec
        lease = None if spec.fresh else await lease_of(self._results, spec.output_prefix)
        if lease is None:
            lease = await self._new_lease(attempt, wanted.kind)
        place = ObjectKey(wanted.kind.namespace, lease.worker)
        worker = self._workers.get(place)
        if worker is None:
            worker = self._workers[place] = Worker(place, wanted.kind.digest, wanted.kind.idle_s)
        self._given[spec.key] = (worker, lease.mark)
        worker.attempts[lease.mark] = attempt
        try:
            refused = await self._give(attempt, worker, wanted, lease.mark, follower)
            return refused or await self._followed(attempt, worker, lease.mark, follower)
        except (Exception, asyncio.CancelledError):
            if worker.mark != lease.mark:
                worker.attempts.pop(lease.mark, None)
            self._give_back(worker)
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
            found = (one for one in self._workers.values() if one.key == key and one.works)
            given = next(((one, one.mark) for one in found), None)
        if given is not None:
            worker, mark = given
            await self._settled(worker)
            while worker.pod is None and not worker.gone:  # perhaps it was just made
                try:
                    self.see(worker.place, await self._objects.get(PODS, *worker.place))
                    worker = self._workers[worker.place]
                except ObjectNotFound:
                    return
                except KubernetesError as error:
                    _LOG.info("the worker %s is looked for later: %s", worker.place.name, error)
                    await asyncio.sleep(_AGAIN_S)
            await self._stop(worker, mark)

    def given_to(self, key: AttemptKey) -> tuple[Worker, str] | None:
        """Return the worker of an attempt and the mark of its order; None without one."""
        return self._given.get(key)

    def waiting(self) -> Iterator[tuple[PodAttempt, int, int]]:
        """Yield the attempts that wait for a worker, their places in line, and the lengths of the lines."""
        return self._lines.places()

    def make_room(self, attempt: PodAttempt) -> None:
        """Let idle workers go: somebody waits for the room that they take."""
        self._short[attempt.spec.key] = attempt
        for worker in list(self._workers.values()):
            if worker.free:
                self._retire(worker)

    # --- giving -----------------------------------------------------------------------------

    async def _new_lease(self, attempt: PodAttempt, kind: WorkerKind) -> Lease:
        """Wait for a worker and write it down; return that, or what was written before."""
        worker = await self._lines.turn(attempt, kind)
        mine = Lease(worker.place.name, secrets.token_hex(16))
        try:
            lease = await taken(self._results, attempt.spec.output_prefix, mine)
        except (Exception, asyncio.CancelledError):
            self._give_back(worker)
            raise
        if lease.worker != mine.worker:
            self._give_back(worker)
        return lease

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

    def _give_back(self, worker: Worker) -> None:
        """Take a worker back that was reserved and perhaps not used."""
        worker.reserved = False
        if worker.pod is None and not worker.attempts:
            self._workers.pop(worker.place, None)
        self._freed(worker)

    async def _give(
        self, attempt: PodAttempt, worker: Worker, wanted: Shared, mark: str, follower: Follower
    ) -> Failure | None:
        """Give a worker its order, unless it has it already; return why that cannot be."""
        told = given_annotations(attempt.spec.key, wanted.order(mark))
        while not (worker.gone or worker.mark == mark or mark in worker.ended):
            if worker.pod is None:
                made = await self._made(attempt, worker_pod(wanted.kind, worker.place.name, told), follower)
                if isinstance(made, Failure):
                    self._workers.pop(worker.place, None)
                    self._lines.serve(worker.kind)
                    return made
                self.see(worker.place, made)
                return None
            if worker.works:  # another one's, after a restart
                await attempt.change(None)
            else:
                hot = worker.next_uri if time.monotonic() - worker.ended_s < HOT_S else ""
                if await self._annotated(worker, told):
                    if hot:  # it looks there, too, and quicker than the kubelet brings the annotation
                        self._beside(self._hurry(hot, told[ORDER]))
                    return None
        if mark not in worker.begun and worker.log is not None:
            self._read(worker)  # from the beginning: it may be there
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

        worker.posting = self._later(post())
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
            self.see(worker.place, await self._objects.merge(PODS, *worker.place, {"metadata": metadata}))
        except ObjectChanged:
            self.see(worker.place, await self._objects.get(PODS, *worker.place))
            return False
        except ObjectNotFound:
            self.lose(worker.place)
            return False
        return True

    # --- following --------------------------------------------------------------------------

    async def _followed(
        self, attempt: PodAttempt, worker: Worker, mark: str, follower: Follower
    ) -> Exited | Broken | Failure:
        limit_ns, given_ns = attempt.spec.deadline_ns, 0
        allowed_ns = self._settings.pods.start_allowance_s * 1_000_000_000
        while True:
            now_ns, due_ns = time.time_ns(), 0
            begun, ended = worker.begun.get(mark), worker.ended.get(mark)
            if begun is not None:
                follower.began(attempt, begun.at_ns, now_ns)
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
                case Running() if begun is None:
                    given_ns = given_ns or now_ns
                    due_ns = given_ns + allowed_ns
                    if now_ns >= due_ns:
                        self._retire(worker)
                        return Broken(now_ns, system_failure(INTERRUPTED, "Its worker did not take it."))
                case Running() if limit_ns:
                    due_ns = attempt.running_since_ns + limit_ns
                    if now_ns >= due_ns:
                        self._beside(self._stop(worker, mark))
                        return late(limit_ns)
                case Running():
                    pass
            await attempt.change(until(due_ns, now_ns))

    def _observed(self, worker: Worker, now_ns: int) -> Observation:
        if worker.pod is None:
            return vanished(now_ns)
        found = observe(worker.pod, now_ns, self._settings.patience)
        return vanished(now_ns) if worker.gone and not isinstance(found, Exited | Broken) else found

    async def _has_read(self, worker: Worker) -> bool:
        """Wait a while for the rest of the log of a worker that has ended; tell whether that was done before."""
        done = worker.read.is_set() or worker.log is None
        self._dispose(worker)
        if done:
            self._beside(self._removed(worker))
        else:
            await self._until_read(worker)
            worker.read.set()
        return done

    async def _until_read(self, worker: Worker) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.log_wait_s):
                await worker.read.wait()

    def _read(self, worker: Worker) -> None:
        """Read a worker's log from its beginning."""
        if worker.log is not None:
            worker.log.cancel()
        worker.read.clear()
        assert worker.pod is not None, "it runs"
        container = worker.pod["metadata"]["annotations"][PRIMARY_ANNOTATION]
        worker.log = self._later(read_worker(self._pod_logs, self._logs, worker, container, self._heard))

    def _heard(self, worker: Worker, ended: Ended) -> None:
        """Take in that an order has ended."""
        attempt = worker.attempts.pop(ended.mark, None)
        if attempt is not None:
            attempt.stir()
            self._beside(store_rest(self._logs, attempt.spec.key))
        if ended.mark == worker.mark:
            worker.reserved, worker.ended_s = False, time.monotonic()
            self._freed(worker)

    # --- the end ----------------------------------------------------------------------------

    async def _stop(self, worker: Worker, mark: str) -> None:
        """Have a worker stop what it does; one that does not is removed."""
        grace_s = self._settings.pods.grace_s
        annotation = stop_annotation(Order(mark, stop=True, grace_s=grace_s))
        while worker.mark == mark and worker.works and not worker.gone:
            if worker.log is None:  # it has not begun to run
                self._retire(worker)
                return
            try:
                if await self._annotated(worker, annotation):
                    self._beside(self._stopped(worker, mark, grace_s + _STOP_S))
                    return
            except KubernetesError as error:
                _LOG.info("the worker %s is stopped later: %s", worker.place.name, error)
                await asyncio.sleep(_AGAIN_S)

    async def _stopped(self, worker: Worker, mark: str, within_s: float) -> None:
        await asyncio.sleep(within_s)
        if mark not in worker.ended and worker.mark == mark:
            self._retire(worker)

    def _freed(self, worker: Worker) -> None:
        """Use a worker that has nothing to do, keep it for a while, or let it go where room is short."""
        if self._closed:
            return
        self._lines.serve(worker.kind)
        if not worker.free:
            return
        self._short = {key: one for key, one in self._short.items() if one.held_up}
        if self._short:
            self._retire(worker)
        elif worker.idle is None:
            loop = asyncio.get_running_loop()
            worker.idle = loop.call_later(worker.idle_s, self._idled, worker)

    def _idled(self, worker: Worker) -> None:
        worker.idle = None
        if worker.free:
            self._retire(worker)

    def _retire(self, worker: Worker) -> None:
        """Remove a worker, whatever it does."""
        if not worker.leaving:
            worker.leaving = True
            self._beside(self._removed(worker))

    def _dispose(self, worker: Worker) -> None:
        """Bury a worker that has ended, once its log is read."""
        worker.over.set()
        if not worker.leaving:
            worker.leaving = True
            self._beside(self._buried(worker))
        self._lines.serve(worker.kind)

    async def _buried(self, worker: Worker) -> None:
        if worker.log is not None:
            await self._until_read(worker)
        if worker.works and not worker.attempts:  # whose it was may be asked for after a restart
            await asyncio.sleep(self._settings.orphan_s)
        await self._removed(worker)

    async def _removed(self, worker: Worker) -> None:
        uid = worker.pod["metadata"]["uid"] if worker.pod is not None else ""
        await remove(self._objects, worker.place, uid)
        if worker.log is not None:
            worker.log.cancel()
        worker.over.set()
        self._lines.serve(worker.kind)

    def _beside(self, work: Coroutine[object, object, None]) -> None:
        _ = self._later(work)


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
