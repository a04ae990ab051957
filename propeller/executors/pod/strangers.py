"""Pods of the platform that no attempt here is known of (yet): made before a restart, or left by one."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from propeller.executors.pod.attempt import slim
from propeller.executors.pod.labels import key_of_pod
from propeller.executors.pod.settings import Json
from propeller.kube.watch import ObjectKey
from propeller.ports import AttemptKey

_FINISHED = frozenset({"Succeeded", "Failed"})


@dataclass(slots=True)
class Stranger:
    """A pod that nobody has asked for.

    `since_s` is when it was first seen, `finished_s` when it was first seen finished. `rescued_s` is when its
    log was begun to be read.
    """

    place: ObjectKey
    pod: Json
    key: AttemptKey | None
    since_s: float
    finished_s: float | None = None
    rescued_s: float | None = None

    @property
    def uid(self) -> str:
        """The pod's own id."""
        return str(self.pod["metadata"]["uid"])


class Strangers:
    """Remembers pods by their names.

    Args:
        now_s: A clock that only goes forward, in seconds.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._by_place: dict[ObjectKey, Stranger] = {}
        self.now_s = now_s

    def see(self, place: ObjectKey, pod: Json) -> None:
        """Take in a pod's newest version."""
        stranger = self._by_place.get(place)
        if stranger is None or stranger.uid != pod["metadata"]["uid"]:
            stranger = self._by_place[place] = Stranger(place, {}, None, self.now_s())
        stranger.pod, stranger.key = slim(pod), key_of_pod(pod)
        if stranger.finished_s is None and (pod.get("status") or {}).get("phase") in _FINISHED:
            stranger.finished_s = self.now_s()

    def lose(self, place: ObjectKey) -> None:
        """Take in that a pod is gone."""
        self._by_place.pop(place, None)

    def take(self, place: ObjectKey, key: AttemptKey) -> Json | None:
        """Return an attempt's pod, which is no stranger any more; None when there is none."""
        stranger = self._by_place.get(place)
        if stranger is None or stranger.key != key:
            return None
        self.lose(place)
        return stranger.pod

    def finished_since(self, age_s: float) -> Sequence[Stranger]:
        """Return the pods that were finished so long ago."""
        before_s = self.now_s() - age_s
        return [one for one in self._by_place.values() if one.finished_s is not None and one.finished_s <= before_s]

    def unasked_since(self, age_s: float) -> Sequence[Stranger]:
        """Return pods of attempts that nobody has asked for in so long, finished or not."""
        before_s = self.now_s() - age_s
        return [one for one in self._by_place.values() if one.key is not None and one.since_s <= before_s]
