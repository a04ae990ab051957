"""Grants that several engines share through a database."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from typing_extensions import override

from flytelike.model.queued import QuotaReport
from propeller.allocation.ledger import Answer, HolderReplaced, Ledger, NewAsk, Quotas
from propeller.allocation.reporting import Reporting
from propeller.core.fairness import Waiting
from propeller.ports_allocation import AllocationListener, Allocator, Ask, QuotaReports, Tenants

T = TypeVar("T")

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SharedSettings:
    """How grants are shared.

    Attributes:
        url: The database: `sqlite:///<path>` or `postgresql://...`.
        holder: Who asks, by the same name after a restart.
        ttl_s: How long what was granted is kept for a holder of which nothing is heard.
        look_s: How often it is looked whether something has changed.
        claim_s: How long after a start what was granted before is kept for who asks for it again.
        report_s: How long there is between two reports of what is granted, at least.
    """

    url: str
    holder: str
    ttl_s: float = 60.0
    look_s: float = 0.1
    claim_s: float = 60.0
    report_s: float = 1.0


class SharedAllocator(Allocator):
    """Asks through tables. One of those who share them decides for all; should it end, another one does.

    Whoever is not heard of for `ttl_s` loses its grants. As an async context manager it keeps itself going; `turn`
    does one round.
    """

    def __init__(
        self,
        settings: SharedSettings,
        quotas: Callable[[], Quotas],
        tenants: Callable[[], Tenants] = Tenants,
        reports: QuotaReports | None = None,
    ) -> None:
        """Prepare; `quotas` and `tenants` tell what counts now, `reports` hears what all that share are granted."""
        self._settings = settings
        self._tenants = tenants
        self._ledger = Ledger(settings.url, settings.holder, quotas, int(settings.ttl_s * 1000))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="propeller-allocation")
        self._asks: dict[str, tuple[Ask, AllocationListener]] = {}
        self._held: set[str] = set()
        self._unclaimed: dict[str, bool] = {}
        self._new: dict[str, NewAsk] = {}
        self._ended: set[str] = set()
        self._woken = asyncio.Event()
        self._going: asyncio.Task[None] | None = None
        self._closed = False
        self._reporting = None if reports is None else Reporting(self._report, reports, settings.report_s)

    async def __aenter__(self) -> Self:
        """Do as `begin`."""
        await self.begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Give everything back."""
        await self.close()

    async def begin(self) -> None:
        """Register, and go on by itself. Raises SQLAlchemyError when the database cannot be used."""
        await self.open()
        self._going = asyncio.create_task(self._go_on(), name="allocation")

    async def open(self) -> None:
        """Register; what was granted before a restart is there for who asks for it again."""
        self._unclaimed = dict(await self._in_thread(self._ledger.open))
        if self._unclaimed:
            asyncio.get_running_loop().call_later(self._settings.claim_s, self.forget_unclaimed)

    def forget_unclaimed(self) -> None:
        """Give back what was asked before a restart and not again since."""
        unclaimed, self._unclaimed = self._unclaimed, {}
        self._end(unclaimed)

    @override
    def ask(self, ask: Ask, listener: AllocationListener) -> None:
        if ask.id in self._asks or self._closed:
            return
        self._asks[ask.id] = (ask, listener)
        match self._unclaimed.pop(ask.id, None):
            case True:
                self._grant(ask.id)
            case False:
                pass  # It stands in line since before.
            case None:
                self._put(ask)

    @override
    def give_back(self, ask_id: str) -> None:
        if self._asks.pop(ask_id, None) is None:
            return
        self._held.discard(ask_id)
        if self._new.pop(ask_id, None) is None:
            self._end([ask_id])

    @override
    async def why(self, ask_id: str) -> Waiting | None:
        if ask_id not in self._asks or ask_id in self._held:
            return None
        return await self._in_thread(lambda: self._ledger.why(ask_id))

    @override
    async def close(self) -> None:
        await self._end_with(self._ledger.leave)

    async def hand_over(self) -> None:
        """End, and leave what is granted to whoever goes by the same name next, for as long as it is kept."""
        await self._end_with(lambda: None)

    async def _end_with(self, last: Callable[[], None]) -> None:
        if self._closed:
            return
        self._closed = True
        if self._going is not None:
            self._going.cancel()
            await asyncio.wait([self._going])
        if self._reporting is not None:
            await self._reporting.close()
        try:
            await self._in_thread(last)
        except SQLAlchemyError as error:
            _LOG.warning("grants could not be given back, they end by themselves: %s", error)
        await self._in_thread(self._ledger.close)
        self._thread.shutdown()

    async def turn(self) -> None:
        """Do one round: tell what is new, and hear what was granted.

        Raises:
            SQLAlchemyError: Nothing was stored; the next round tries again.
            HolderReplaced: Somebody else goes by this holder's name.
        """
        new, ended = dict(self._new), self._ended
        self._ended = set()
        try:
            answer = await self._in_thread(lambda: self._ledger.round(list(new.values()), list(ended)))
        except BaseException:
            self._ended |= ended
            raise
        if answer.lost:
            self._lose()
            return
        # What was given back while the round went on, and perhaps asked anew, is not what was stored.
        stale = {name for name, one in new.items() if self._new.get(name) is not one}
        self._end(stale)
        for name in new.keys() - stale - answer.again:
            del self._new[name]
        self._hear(answer, stale)
        if self._reporting is not None:
            self._reporting.touched()

    # --- within ------------------------------------------------------------------------------

    async def _go_on(self) -> None:
        loop = asyncio.get_running_loop()
        renewed, again = loop.time(), False
        while True:
            try:
                due = bool(self._asks) and loop.time() - renewed > self._settings.ttl_s / 3
                self._woken.clear()
                wanted = due or again or self._new or self._ended
                if wanted or (self._waits and await self._in_thread(self._ledger.changed)):
                    await self.turn()
                    renewed = loop.time()
                    again = not self._waits and not await self._in_thread(self._ledger.resign)
            except SQLAlchemyError as error:
                _LOG.warning("the database of grants cannot be used, trying again: %s", error)
            except HolderReplaced:
                _LOG.error("another engine goes by the name %s: it has the grants now", self._settings.holder)
                self._lose()
                return
            try:
                async with asyncio.timeout(0 if again else self._pause_s):
                    await self._woken.wait()
            except TimeoutError:
                continue

    @property
    def _waits(self) -> bool:
        """Whether anything that was asked for is not granted yet."""
        return len(self._asks) > len(self._held)

    @property
    def _pause_s(self) -> float | None:
        """How long nothing has to be done: who waits looks what the others do, who has something renews."""
        if self._waits or self._new or self._ended:
            return self._settings.look_s
        return self._settings.ttl_s / 3 if self._asks else None

    def _put(self, ask: Ask) -> None:
        self._new[ask.id] = NewAsk(ask, self._tenants().path(ask.project, ask.domain))
        self._woken.set()

    def _end(self, names: Iterable[str]) -> None:
        self._ended.update(names)
        self._woken.set()

    def _hear(self, answer: Answer, stale: Collection[str]) -> None:
        for name in answer.granted:
            if name not in stale:
                self._grant(name)
        for name, shortages in answer.refused.items():
            if name not in stale and (found := self._asks.pop(name, None)) is not None:
                self._end([name])
                found[1].refused(name, shortages)

    def _grant(self, name: str) -> None:
        if name in self._asks and name not in self._held:
            self._held.add(name)
            self._asks[name][1].granted(name)

    def _lose(self) -> None:
        """Take in that everything is gone: who waited waits anew, who had something is told."""
        held, self._held = self._held, set()
        self._ended.clear()
        self._unclaimed.clear()
        for name in held:
            _, listener = self._asks.pop(name)
            listener.lost(name)
        for ask, _ in self._asks.values():
            self._put(ask)

    async def _report(self) -> QuotaReport | None:
        return await self._in_thread(self._ledger.report)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
