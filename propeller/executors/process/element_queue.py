"""Elements of one array that wait for a worker, and how many of them one is given at once."""

import math
from collections import deque
from collections.abc import Collection, Iterable

from flytelike.model.failure import Failure
from propeller.core.elements import Span
from propeller.core.fairness import Amounts
from propeller.executors.process.plan import WarmPlan
from propeller.ports_elements import ArraySpec, ElementResult

BATCH_S = 0.1
"""How long a batch may take: long enough that its way costs little beside it, short enough for news to be fresh."""

BATCH_MAX = 512

Element = tuple[int, int]
"""Index and attempt."""


class ElementQueue:
    """What waits of one array. Elements are known until `ended`, so that none is run twice at a time."""

    __slots__ = (
        "_known",
        "_mean_s",
        "_waiting",
        "amounts",
        "held_up",
        "memory_bytes",
        "plan",
        "spec",
        "stopped",
    )

    def __init__(self, spec: ArraySpec, plan: WarmPlan, memory_bytes: int, amounts: Amounts) -> None:
        """Begin empty; `memory_bytes` is what an element may use, 0 for no limit, `amounts` what one asks for."""
        self.spec = spec
        self.plan = plan
        self.memory_bytes = memory_bytes
        self.amounts = amounts
        self.stopped = False
        self.held_up: Failure | None = None
        """Why elements of it wait for the machine, until the executor has seen to it."""
        self._waiting: deque[Element] = deque()
        self._known: set[Element] = set()
        self._mean_s = 0.0

    def __bool__(self) -> bool:
        """Tell whether something waits."""
        return bool(self._waiting)

    @property
    def idle(self) -> bool:
        """Whether nothing waits or runs."""
        return not self._known

    def add(self, spans: Iterable[Span]) -> None:
        """Take elements, but for those that wait or run already."""
        for first, length, attempt in spans:
            for index in range(first, first + length):
                element = (index, attempt)
                if element not in self._known:
                    self._known.add(element)
                    self._waiting.append(element)

    def take(self, slots: int) -> tuple[Element, ...]:
        """Return the next batch: as many elements as fit into its time, and no more than one slot's share.

        Those that may not wait for ever are given out one by one: what lies in a worker cannot be taken back.
        """
        fitting = int(BATCH_S / self._mean_s) if self._mean_s and not self.spec.queued_ns else 1
        count = max(1, min(fitting, BATCH_MAX, math.ceil(len(self._waiting) / slots)))
        return tuple(self._waiting.popleft() for _ in range(min(count, len(self._waiting))))

    def withdraw(self, elements: Collection[Element]) -> list[Element]:
        """Forget elements that wait, and return them."""
        withdrawn = [element for element in self._waiting if element in elements]
        if withdrawn:
            self._known.difference_update(withdrawn)
            self._waiting = deque(element for element in self._waiting if element not in elements)
        return withdrawn

    def give_back(self, elements: Iterable[Element]) -> None:
        """Let elements that did not run wait again, before all others."""
        returned = list(elements)
        if self.stopped:
            self._known.difference_update(returned)
        else:
            self._waiting.extendleft(reversed(returned))

    def ended(self, elements: Iterable[Element]) -> None:
        """Forget elements that ended."""
        self._known.difference_update(elements)

    def took(self, elements: int, seconds: float) -> None:
        """Learn how long elements took."""
        mean_s = max(seconds / elements, 1e-6)
        self._mean_s = mean_s if not self._mean_s else 0.5 * self._mean_s + 0.5 * mean_s

    def stop(self) -> None:
        """Let nothing wait any more."""
        self.stopped = True
        self._known.difference_update(self._waiting)
        self._waiting.clear()

    def give_up(self, failure: Failure) -> list[ElementResult]:
        """Return what to tell of all that waits, since it cannot run."""
        results = [ElementResult(*element, failure) for element in self._waiting]
        self._known.difference_update(self._waiting)
        self._waiting.clear()
        return results
