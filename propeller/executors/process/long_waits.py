"""Tells of those who wait for long what they wait for."""

import asyncio
import logging
from itertools import islice

from flytelike.model.diagnostic import Diagnostic
from propeller.core.fairness import shown_shortages
from propeller.executors.codes import WAITS_FOR_QUOTA
from propeller.ports import AttemptKey, AttemptListener
from propeller.ports_allocation import Allocator

_LOG = logging.getLogger(__name__)

TELL_S = 1.0
"""How long somebody waits before it is told: most do not wait so long, and to tell costs two records of the history."""
LOOK_S = 0.5
LOOKS_MAX = 100
"""Of how many it is asked in a look why they wait: each answer is a walk through a line."""


class LongWaits:
    """Those who wait for a grant, the oldest first.

    Args:
        allocator: Says why.
        listener: Told once of each who waits for long, and when it does not any more.
    """

    def __init__(self, allocator: Allocator, listener: AttemptListener) -> None:
        self._allocator = allocator
        self._listener = listener
        self._waiting: dict[str, tuple[AttemptKey, float]] = {}
        self._told: dict[str, AttemptKey] = {}
        self._looking: asyncio.Task[None] | None = None

    def begin(self, ask_id: str, key: AttemptKey) -> None:
        """Take in that somebody asked."""
        loop = asyncio.get_running_loop()
        self._waiting[ask_id] = (key, loop.time())
        if self._looking is None:
            self._looking = loop.create_task(self._look(), name="slots")

    def over(self, ask_id: str) -> None:
        """Take in that somebody does not wait any more. Who never did is ignored."""
        self._waiting.pop(ask_id, None)
        if (key := self._told.pop(ask_id, None)) is not None:
            self._listener.held_up(key, None)

    def close(self) -> None:
        """Forget everybody, and tell no more."""
        self._waiting.clear()
        self._told.clear()
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _look(self) -> None:
        """Look again and again, as long as somebody waits."""
        while self._waiting:
            await asyncio.sleep(LOOK_S)
            try:
                await self._tell()
            except Exception:  # noqa: BLE001 - what cannot be asked now can be asked at the next look
                _LOG.warning("what attempts wait for cannot be asked", exc_info=True)
        self._looking = None

    async def _tell(self) -> None:
        due_s = asyncio.get_running_loop().time() - TELL_S
        long = [(ask, key) for ask, (key, since_s) in islice(self._waiting.items(), LOOKS_MAX) if since_s <= due_s]
        for ask, key in long:
            why = await self._allocator.why(ask)
            if why is None or ask not in self._waiting:
                continue
            del self._waiting[ask]
            self._told[ask] = key
            told = f"{shown_shortages(why.shortages)} (place {why.place} of {why.length})"
            self._listener.held_up(key, Diagnostic(WAITS_FOR_QUOTA, told))
