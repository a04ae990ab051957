"""What a fair queue says to those who know no paths: what is used by place, and which attempts wait."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.queued import Queued
from flytelike.model.quota import PlaceUse, QuotaPlace
from propeller.core.fairness import FairQueue, Request, Use, place_of, shortfalls
from propeller.ports_allocation import named


@dataclass(frozen=True, slots=True)
class WaitingAttempt:
    """An attempt with its place in its line, from 1, in which `of` wait."""

    execution: ExecutionId
    path: NodePath
    attempt: int
    place: int
    of: int
    request: Request

    def told(self, queue: FairQueue) -> Queued:
        """Return it with the limits of `queue` that are in its way now."""
        return Queued(
            self.path,
            self.attempt,
            self.place,
            self.of,
            since_ns=self.request.since_ns,
            shortfalls=shortfalls(queue.shortages(self.request)),
            priority=self.request.priority,
            asks=self.request.amounts,
        )


def waiting_attempts(queue: FairQueue, most: int = sys.maxsize) -> Iterator[WaitingAttempt]:
    """Yield the first `most` of each line, in its order. What waits and is no attempt is left out."""
    for line in queue.lines():
        for place, request in enumerate(line[:most], 1):
            try:
                execution, path, attempt = named(request.id)
            except ValueError:
                continue  # It is none of an attempt.
            yield WaitingAttempt(execution, path, attempt, place, len(line), request)


def used_by_place(uses: Iterable[Use]) -> dict[QuotaPlace, PlaceUse]:
    """Return what is used by place. A project that has moved to another team is one place on two paths for a while."""
    used: dict[QuotaPlace, Counter[str]] = {}
    waiting: Counter[QuotaPlace] = Counter()
    for use in uses:
        place = place_of(use.path)
        used.setdefault(place, Counter()).update(use.used)
        waiting[place] += use.waiting
    return {place: PlaceUse(dict(amounts), waiting[place]) for place, amounts in used.items()}
