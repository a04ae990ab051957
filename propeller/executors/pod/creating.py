"""Making pods: few at once, again when the API server is in trouble, and in line where a quota is used up."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable

from flytelike.model.failure import Failure
from propeller.executors.pod.endings import system_failure
from propeller.executors.pod.labels import key_of_pod
from propeller.executors.pod.refusal import TryLater, refusal_of
from propeller.executors.pod.settings import Json, Pauses
from propeller.kube.errors import KubernetesError, ObjectExists, ObjectNotFound
from propeller.kube.ports import PODS, Objects
from propeller.kube.watch import ObjectKey

Told = Callable[[TryLater], None]


class PodMaker:
    """Makes pods.

    Those of a namespace whose quota is used up wait in line: only the first one asks again, and whoever comes later
    does not overtake.

    Args:
        objects: The API server.
        at_once: How many are made at the same time.
        pauses: How long is waited.
    """

    def __init__(self, objects: Objects, at_once: int, pauses: Pauses) -> None:
        self._objects = objects
        self._slots = asyncio.Semaphore(at_once)
        self._pauses = pauses
        self._lines: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._posting: dict[ObjectKey, asyncio.Task[Json]] = {}
        self._room: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def made(self, pod: Json, told: Told) -> Json | Failure:
        """Return the pod as the cluster has it: made now, or before by whoever had the same attempt.

        Args:
            pod: Its manifest.
            told: Called with why it has to wait.
        """
        namespace = pod["metadata"]["namespace"]
        line = self._lines[namespace]
        if not line.locked():
            answer = await self._answer(pod, told)
            if not isinstance(answer, TryLater):
                return answer
            told(answer)
        async with line:
            tries = 0
            while True:
                answer = await self._answer(pod, told)
                if not isinstance(answer, TryLater):
                    return answer
                told(answer)
                await self._wait_for_room(namespace, tries)
                tries += 1

    async def settled(self, place: ObjectKey) -> None:
        """Return when no pod of a name is just being made, for whoever no longer waits for it."""
        posting = self._posting.get(place)
        if posting is not None:
            await asyncio.wait([posting])

    def freed(self, namespace: str) -> None:
        """Take in that a pod of a namespace takes no room any more."""
        if namespace in self._room:
            self._room[namespace].set()

    async def _wait_for_room(self, namespace: str, tries: int) -> None:
        pauses, room = self._pauses, self._room[namespace]
        room.clear()
        try:
            async with asyncio.timeout(min(pauses.quota_first_s * 2 ** min(tries, 16), pauses.quota_longest_s)):
                await room.wait()
        except TimeoutError:
            pass

    async def _answer(self, pod: Json, told: Told) -> Json | Failure | TryLater:
        """Return the pod, why there can be none, or that a quota is used up."""
        metadata = pod["metadata"]
        tries = 0
        while True:
            try:
                async with self._slots:
                    return await self._post(ObjectKey(metadata["namespace"], metadata["name"]), pod)
            except ObjectExists:
                try:
                    return self._taken(pod, await self._objects.get(PODS, metadata["namespace"], metadata["name"]))
                except ObjectNotFound:
                    continue  # gone meanwhile
                except KubernetesError as error:
                    refusal = refusal_of(error)
            except KubernetesError as error:
                refusal = refusal_of(error)
            if isinstance(refusal, Failure) or refusal.for_resources:
                return refusal
            told(refusal)
            pause_s = min(self._pauses.first_s * 2 ** min(tries, 16), self._pauses.longest_s)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311 - so that not all come back at once
            tries += 1

    async def _post(self, place: ObjectKey, pod: Json) -> Json:
        """Make a pod. What was sent is waited for by `settled`, even if the caller is cancelled."""
        posting = asyncio.get_running_loop().create_task(self._objects.create(PODS, place.namespace, pod))
        self._posting[place] = posting
        posting.add_done_callback(lambda _: self._over(place, posting))
        return await asyncio.shield(posting)

    def _over(self, place: ObjectKey, posting: "asyncio.Task[Json]") -> None:
        """Forget that a pod is being made. What came of it is nobody's news when the caller was cancelled."""
        self._posting.pop(place, None)
        if not posting.cancelled():
            posting.exception()

    def _taken(self, pod: Json, found: Json) -> Json | Failure:
        """Return a pod that is there already, if it is the same attempt's."""
        key = key_of_pod(found)
        if key is not None and key == key_of_pod(pod):
            return found
        name = pod["metadata"]["name"]
        return system_failure("PodNameTaken", f"Somebody else has a pod named {name}; the attempt cannot have it.")
