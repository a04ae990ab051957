"""Grants of one process."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from typing_extensions import override

from flytelike.model.ids import ExecutionId
from flytelike.model.queued import Queued
from propeller.allocation.waits import waiting_attempts
from propeller.core.fairness import FairQueue, Quota, Request, TooLarge, Use, Waiting
from propeller.ports import Clock
from propeller.ports_allocation import AllocationListener, Allocator, Ask, Tenants


class LocalAllocator(Allocator):
    """Grants at once what fits. Nothing is stored: whoever holds a grant ends with this process.

    Args:
        quotas: By path (team, project, domain); `()` is the whole platform.
        clock: Tells how long things have waited.
        tenants: Which team a project belongs to.
    """

    def __init__(self, quotas: Mapping[tuple[str, ...], Quota], clock: Clock, tenants: Tenants | None = None) -> None:
        self._queue = FairQueue(quotas)
        self._clock = clock
        self._tenants = tenants or Tenants()
        self._listeners: dict[str, AllocationListener] = {}
        self._granting = False
        self._closed = False

    @override
    def ask(self, ask: Ask, listener: AllocationListener) -> None:
        if ask.id in self._listeners or self._closed:
            return
        now = self._clock.now_ns()
        path = self._tenants.path(ask.project, ask.domain)
        self._listeners[ask.id] = listener
        request = Request(ask.id, path, ask.amounts, now, ask.priority)
        if not self._granting and self._queue.grant_unasked(request, now):
            listener.granted(ask.id)
            return
        try:
            self._queue.ask(request, now)
        except TooLarge as refused:
            del self._listeners[ask.id]
            listener.refused(ask.id, refused.shortages)
            return
        self._grant()

    @override
    def give_back(self, ask_id: str) -> None:
        if self._listeners.pop(ask_id, None) is None:
            return
        self._queue.withdraw(ask_id)
        self._queue.give_back(ask_id, self._clock.now_ns())
        self._grant()

    def change(self, quotas: Mapping[tuple[str, ...], Quota], tenants: Tenants) -> None:
        """Grant by other quotas from now on, and by other owners of projects.

        Nothing that was granted is taken back. Who waits for a project that has moved to another team keeps its age.
        """
        now = self._clock.now_ns()
        self._queue.set_quotas(quotas, now)
        self._tenants = tenants
        for request in self._queue.waiting():
            _, project, domain = request.path
            if (path := tenants.path(project, domain)) == request.path:
                continue
            self._queue.withdraw(request.id)
            moved = replace(request, path=path)
            try:
                self._queue.ask(moved, now)
            except TooLarge as refused:
                self._listeners.pop(request.id).refused(request.id, refused.shortages)
        self._grant()

    def uses(self) -> Sequence[Use]:
        """Return what is used now, by place."""
        return list(self._queue.uses())

    def waits(self, most: int) -> Iterator[tuple[ExecutionId, Queued]]:
        """Yield the first `most` attempts of each line that somebody waits in."""
        for one in waiting_attempts(self._queue, most):
            yield one.execution, one.told(self._queue)

    @override
    async def why(self, ask_id: str) -> Waiting | None:
        return self._queue.why(ask_id)

    @override
    async def close(self) -> None:
        self._closed = True
        self._listeners.clear()

    def _grant(self) -> None:
        """Grant all that may go on. Who is told may ask and give back meanwhile: that is seen to here, too."""
        if self._granting:
            return
        self._granting = True
        try:
            while not self._closed and (request := self._queue.next_grant(self._clock.now_ns())) is not None:
                self._listeners[request.id].granted(request.id)
        finally:
            self._granting = False
