"""Pods of the platform that no attempt here is known of (yet): made before a restart, or left by one."""

import time
from collections.abc import Callable, Iterator

from flytelike.model.ids import ExecutionId
from propeller.executors.pod.attempt import slim
from propeller.executors.pod.labels import key_of_pod
from propeller.executors.pod.settings import Json
from propeller.kube.watch import ObjectKey
from propeller.ports import AttemptKey

_FINISHED = frozenset({"Succeeded", "Failed"})


class Strangers:
    """Remembers pods by their names.

    Args:
        now_s: A clock that only goes forward, in seconds.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._pods: dict[ObjectKey, Json] = {}
        self._finished: dict[ObjectKey, float] = {}
        self._since: dict[ObjectKey, float] = {}
        self._now_s = now_s

    def see(self, place: ObjectKey, pod: Json) -> None:
        """Take in a pod's newest version."""
        self._pods[place] = slim(pod)
        self._since.setdefault(place, self._now_s())
        if (pod.get("status") or {}).get("phase") in _FINISHED:
            self._finished.setdefault(place, self._now_s())

    def lose(self, place: ObjectKey) -> None:
        """Take in that a pod is gone."""
        self._pods.pop(place, None)
        self._since.pop(place, None)
        self._finished.pop(place, None)

    def take(self, place: ObjectKey, key: AttemptKey) -> Json | None:
        """Return an attempt's pod, which is no stranger any more; None when there is none."""
        pod = self._pods.get(place)
        if pod is None or key_of_pod(pod) != key:
            return None
        self.lose(place)
        return pod

    def finished_since(self, age_s: float) -> Iterator[tuple[ObjectKey, str]]:
        """Yield the places and ids of pods that were finished so long ago."""
        before_s = self._now_s() - age_s
        for place, since_s in list(self._finished.items()):
            if since_s <= before_s:
                yield place, self._pods[place]["metadata"]["uid"]

    def unasked_since(self, age_s: float) -> Iterator[tuple[ObjectKey, str, ExecutionId]]:
        """Yield places and ids of pods that nobody has asked for in so long, finished or not, and whose they are."""
        before_s = self._now_s() - age_s
        for place, since_s in list(self._since.items()):
            key = key_of_pod(self._pods[place])
            if since_s <= before_s and key is not None:
                yield place, self._pods[place]["metadata"]["uid"], key.execution
