"""Pods are made once their part of what many share is granted."""

import asyncio
from collections.abc import Callable, Mapping
from math import ceil

from typing_extensions import override

from flytelike.model.diagnostic import Diagnostic
from flytelike.model.quantity import amount_of
from flytelike.model.quota import ATTEMPTS, CPU, GPU, MEMORY
from propeller.core.fairness import Amounts, Shortage, shown_shortages
from propeller.executors.codes import WAITS_FOR_QUOTA
from propeller.executors.never import failure_of_never
from propeller.executors.pod.admission import Admission, NeverAdmitted
from propeller.executors.pod.settings import Json
from propeller.ports import AttemptKey
from propeller.ports_allocation import AllocationListener, Allocator, Ask, QuotaSource, name_of

TELL_S = (1.0, 10.0, 30.0)
"""How long a pod waits before it is told why, and then told anew; the last one again and again."""


class GrantedAdmission(Admission, AllocationListener):
    """Asks an allocator for what a pod requests, and gives it back when the attempt has ended.

    A grant that is lost, since nothing was heard from here for too long, is asked for again, and its pod goes on: to
    end it would help nobody, and it frees what it uses soon enough.

    Args:
        allocator: Says who is next.
        source: The quotas. While there are none nobody is asked; what was let in then is not counted later.
        gpu_resource: By which name containers ask for GPUs.
    """

    def __init__(self, allocator: Allocator, source: QuotaSource, gpu_resource: str) -> None:
        self._allocator = allocator
        self._source = source
        self._gpu_resource = gpu_resource
        self._asked: dict[str, Ask] = {}
        self._waiting: dict[str, asyncio.Future[None]] = {}

    @override
    async def admitted(self, key: AttemptKey, pod: Json, told: Callable[[Diagnostic], None], priority: int = 0) -> None:
        await self._source.known()
        if not self._bounded():
            return
        ask = self._ask(key, pod, priority)
        granted = self._waiting[ask.id] = asyncio.get_running_loop().create_future()
        self._allocator.ask(ask, self)
        try:
            await self._granted(ask.id, granted, told)
        except BaseException:
            self.released(key)
            raise
        finally:
            self._waiting.pop(ask.id, None)

    @override
    def resumed(self, key: AttemptKey, pod: Json) -> None:
        if self._bounded():
            self._allocator.ask(self._ask(key, pod), self)

    @override
    def released(self, key: AttemptKey) -> None:
        name = _name_of(key)
        if self._asked.pop(name, None) is not None:
            self._allocator.give_back(name)

    @override
    def granted(self, ask_id: str) -> None:
        if (waiting := self._waiting.get(ask_id)) is not None and not waiting.done():
            waiting.set_result(None)

    @override
    def refused(self, ask_id: str, shortages: tuple[Shortage, ...]) -> None:
        self._asked.pop(ask_id, None)
        if (waiting := self._waiting.get(ask_id)) is not None and not waiting.done():
            waiting.set_exception(NeverAdmitted(failure_of_never(shortages)))

    @override
    def lost(self, ask_id: str) -> None:
        if (ask := self._asked.get(ask_id)) is not None:
            self._allocator.ask(ask, self)

    def _bounded(self) -> bool:
        """Tell whether there is anything to be granted by."""
        return any(quota.limit or quota.guaranteed for quota in self._source.quotas().values())

    def _ask(self, key: AttemptKey, pod: Json, priority: int = 0) -> Ask:
        amounts, execution = amounts_of_pod(pod, self._gpu_resource), key.execution
        ask = self._asked[_name_of(key)] = Ask(_name_of(key), execution.project, execution.domain, amounts, priority)
        return ask

    async def _granted(self, name: str, granted: "asyncio.Future[None]", told: Callable[[Diagnostic], None]) -> None:
        """Return when it is granted; tell meanwhile what it waits for."""
        looks = iter(TELL_S)
        pause_s = next(looks)
        while not (await asyncio.wait([granted], timeout=pause_s))[0]:
            if (why := await self._allocator.why(name)) is not None:
                place = f"place {why.place} of {why.length}"
                told(Diagnostic(WAITS_FOR_QUOTA, f"{shown_shortages(why.shortages)} ({place})"))
            pause_s = next(looks, pause_s)
        await granted


def _name_of(key: AttemptKey) -> str:
    return name_of(key.execution, key.path, key.attempt)


def amounts_of_pod(pod: Json, gpu_resource: str) -> Amounts:
    """Return what a pod requests: its containers together, or one of those that run before them if that is more."""
    spec = pod["spec"]
    found = {ATTEMPTS: 1}
    first = [_requested(one, gpu_resource) for one in spec.get("initContainers", ())]
    together = [_requested(one, gpu_resource) for one in spec["containers"]]
    for name in (CPU, MEMORY, GPU):
        most = max((one.get(name, 0) for one in first), default=0)
        if amount := max(most, sum(one.get(name, 0) for one in together)):
            found[name] = amount
    return found


def _requested(container: Json, gpu_resource: str) -> Mapping[str, int]:
    resources = container.get("resources") or {}
    asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    factors = {"cpu": (CPU, 1000), "memory": (MEMORY, 1), gpu_resource: (GPU, 1)}
    return {name: ceil(amount_of(str(asked[key])) * factor) for key, (name, factor) in factors.items() if key in asked}
