"""How an attempt's pod goes until its end, and what the engine is told meanwhile."""

import time
from collections.abc import Callable

from flytelike.model.diagnostic import Diagnostic
from flytelike.model.failure import Failure
from propeller.executors.codes import INTERRUPTED, TIMEOUT_EXPIRED
from propeller.executors.pod.attempt import PodAttempt
from propeller.executors.pod.endings import system_failure, user_failure
from propeller.executors.pod.log_readers import LogReaders
from propeller.executors.pod.observation import Broken, Exited, Running, Waiting, observe
from propeller.executors.pod.resources import asked_of_pod
from propeller.executors.pod.settings import Json, PodExecutorSettings
from propeller.kube.ports import EVENTS, Objects, Selection
from propeller.ports import AttemptListener

NO_ROOM = "no-room-in-cluster"
POD_CANNOT_START = "pod-cannot-start"
CLUSTER_UNAVAILABLE = "cluster-unavailable"
"""What attempts are held up by."""

RECENT_NS = 2_000_000_000
"""Kubernetes' times are whole seconds: of a start that is so recent, our own clock knows more."""

_EVENTS_MAX = 50


class Follower:
    """Follows attempts.

    Args:
        settings: How long troubles are waited for.
        objects: The cluster's objects, for events of pods.
        listener: Told how attempts go.
        readers: Told to read their logs.
        wants_room: Called with an attempt that waits for room in the cluster.
    """

    def __init__(
        self,
        settings: PodExecutorSettings,
        objects: Objects,
        listener: AttemptListener,
        readers: LogReaders,
        wants_room: Callable[[PodAttempt], None],
    ) -> None:
        self._settings = settings
        self._objects = objects
        self._listener = listener
        self._readers = readers
        self._wants_room = wants_room

    async def ended(self, attempt: PodAttempt) -> Exited | Broken | Failure:
        """Return how an attempt's own pod ended, or that it ran for too long."""
        limit_ns = attempt.spec.deadline_ns
        while True:
            pod, now_ns, due_ns = attempt.pod, time.time_ns(), 0
            assert pod is not None, "it was made"
            news = observe(pod, now_ns, self._settings.patience, attempt.events)
            match news:
                case Exited(since_ns=since_ns) | Broken(since_ns=since_ns):
                    if since_ns:  # a short one may never be seen running
                        self.began(attempt, pod, since_ns, since_ns + RECENT_NS)
                    return news
                case _ if attempt.gone:
                    return vanished(now_ns)
                case Waiting():
                    due_ns = await self.starts(attempt, news, pod, now_ns)
                case Running(since_ns):
                    self.began(attempt, pod, since_ns, now_ns)
                    due_ns = attempt.running_since_ns + limit_ns if limit_ns else 0
                    if limit_ns and now_ns >= due_ns:
                        return late(limit_ns)
            await attempt.change(until(due_ns, now_ns))

    async def starts(self, attempt: PodAttempt, news: Waiting, pod: Json, now_ns: int) -> int:
        """Take in that an attempt's pod does not run yet; return when to look again, 0 for at any news."""
        if news.for_resources or news.failure is not None:
            text = f"{news.reason}: {news.message}" if news.message else news.reason
            self.waits(attempt, NO_ROOM if news.for_resources else POD_CANNOT_START, text)
            return news.gives_up_ns
        attempt.waits_for = news.reason
        return await self._look_at_events(attempt, pod, now_ns)

    def waits(self, attempt: PodAttempt, code: str, text: str) -> None:
        """Tell what an attempt waits for, if it is not as it should be."""
        if text != attempt.waits_for:
            attempt.waits_for, attempt.held_up = text, True
            self._listener.held_up(attempt.spec.key, Diagnostic(code, text))
            if code == NO_ROOM:
                self._wants_room(attempt)

    def began(self, attempt: PodAttempt, pod: Json | None, since_ns: int, now_ns: int) -> None:
        """Tell that an attempt's work has begun in a pod, once."""
        if attempt.running_since_ns:
            return
        attempt.running_since_ns = now_ns if now_ns - since_ns < RECENT_NS else since_ns
        attempt.waits_for = ""
        if attempt.held_up:
            attempt.held_up = False
            self._listener.held_up(attempt.spec.key, None)
        asked = asked_of_pod(pod, self._settings.pods.gpu_resource)
        self._listener.running(attempt.spec.key, attempt.running_since_ns, asked)
        self._readers.follow(attempt)

    async def _look_at_events(self, attempt: PodAttempt, pod: Json, now_ns: int) -> int:
        """Read the events of a pod that is being made for long; return when to do it again."""
        every_ns = int(self._settings.events_s * 1e9)
        attempt.events_asked_ns = attempt.events_asked_ns or now_ns
        if now_ns >= attempt.events_asked_ns + every_ns:
            metadata = pod["metadata"]
            selection = Selection(EVENTS, metadata["namespace"], fields=f"involvedObject.uid={metadata['uid']}")
            attempt.events = [*(await self._objects.page(selection, _EVENTS_MAX)).items]
            attempt.events_asked_ns = now_ns
            return now_ns
        return attempt.events_asked_ns + every_ns


def until(due_ns: int, now_ns: int) -> float | None:
    """Return how many seconds are left until an instant; None for ever."""
    return max(0, due_ns - now_ns) / 1e9 if due_ns else None


def vanished(now_ns: int) -> Broken:
    """Return the end of a pod that is there no more."""
    text = "The pod vanished before it told how it ended: somebody removed it by force."
    return Broken(now_ns, system_failure(INTERRUPTED, text))


def late(limit_ns: int) -> Failure:
    """Return the failure of an attempt that ran for too long."""
    text = (
        f"The attempt ran longer than its timeout of {limit_ns / 1e9:g} s and was stopped. "
        "Raise the task's timeout, or make it faster."
    )
    return user_failure(TIMEOUT_EXPIRED, text)
