"""Single flight: who does work that others wait for, kept up while it goes on, and told when it ends."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from flytelike.model.caching import Claim
from flytelike.model.ids import ExecutionId, NodePath
from propeller.engine.run import Run
from propeller.engine.settings import EngineSettings
from propeller.ports import Alarm, Clock
from propeller.ports_catalog import Catalog

_LOG = logging.getLogger(__name__)

Node = tuple[ExecutionId, NodePath]
Freed = Callable[[Run, NodePath, int], None]
"""Hears that what a node waited for is free; the number is the one it gave."""


class Reservations:
    """What this engine's nodes have reserved, and which of them wait.

    A lease is renewed three times as often as it lapses. After a crash it lapses, and who waits takes over.
    """

    def __init__(
        self,
        catalog: Catalog,
        clock: Clock,
        settings: EngineSettings,
        freed: "Freed",
    ) -> None:
        """Start with none; `freed` hears of nodes whose wait is over."""
        self._catalog = catalog
        self._clock = clock
        self._settings = settings
        self._freed = freed
        self._held: dict[Node, Claim] = {}
        self._waiting: dict[str, dict[Node, tuple[Run, int, Freed]]] = {}
        self._asking: dict[str, int] = {}
        self._freed_meanwhile: set[str] = set()
        self._alarm: Alarm | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def has(self, run: Run, path: NodePath) -> bool:
        """Tell whether a node has its work reserved."""
        return (run.id, path) in self._held

    async def take(self, run: Run, wanted: Mapping[NodePath, str]) -> dict[NodePath, int]:
        """Reserve work by its digest; return until when each node waits whose work somebody else does."""
        claims = {path: Claim(digest, f"{run.id}/{path}") for path, digest in wanted.items()}
        for digest in wanted.values():
            self._asking[digest] = self._asking.get(digest, 0) + 1
        try:
            holders = await self._catalog.reserve(list(claims.values()), self._settings.cache_lease_ns)
        finally:
            for digest in wanted.values():
                self._asking[digest] -= 1
                if not self._asking[digest]:
                    del self._asking[digest]
        taken: dict[NodePath, int] = {}
        now_ns = self._clock.now_ns()
        for path, claim in claims.items():
            reserved = holders[claim.digest]
            if reserved.holder == claim.holder:
                self._held[run.id, path] = claim
            elif claim.digest in self._freed_meanwhile:
                taken[path] = now_ns
            else:
                # Others' processes tell nobody here that they have ended.
                taken[path] = min(max(reserved.until_ns, now_ns), now_ns + self._settings.cache_poll_ns)
        self._freed_meanwhile &= self._asking.keys()
        self._wait()
        return taken

    def await_turn(self, run: Run, path: NodePath, asked: int, digest: str, freed: "Freed | None" = None) -> None:
        """Remember a node that waits; `freed` hears of the end of its wait instead of who hears of all others'."""
        self._waiting.setdefault(digest, {})[run.id, path] = (run, asked, freed or self._freed)

    def end(self, run: Run, path: NodePath) -> Claim | None:
        """Stop renewing what a node has reserved, before it is freed: a renewal on its way would take it again."""
        return self._held.pop((run.id, path), None)

    def end_below(self, run: Run, scope: NodePath) -> list[Claim]:
        """Stop renewing what nodes have reserved that lie directly in a scope, and return it."""
        nodes = [node for node in self._held if node[0] == run.id and node[1].rpartition(".")[0] == scope]
        return [self._held.pop(node) for node in nodes]

    def wake(self, digest: str) -> None:
        """Let go on who waits for some work, which the catalog has freed."""
        if digest in self._asking:
            self._freed_meanwhile.add(digest)
        for (_, path), (run, asked, freed) in self._waiting.pop(digest, {}).items():
            freed(run, path, asked)

    async def release(self, claim: Claim | None) -> None:
        """Free work that has ended without a result in the catalog."""
        if claim is not None:
            await self.release_all([claim])

    async def release_all(self, claims: Sequence[Claim]) -> None:
        """Free much work that has ended without results in the catalog."""
        if not claims:
            return
        try:
            await self._catalog.release(claims)
        except Exception as error:  # noqa: BLE001 - they lapse by themselves
            _LOG.warning("%s and %d more cannot be released, they lapse: %s", claims[0], len(claims) - 1, error)
        for claim in claims:
            self.wake(claim.digest)

    def forget(self, execution: ExecutionId) -> None:
        """Drop what is kept of an execution that has left: its reservations lapse, if it has any."""
        for node in [node for node in self._held if node[0] == execution]:
            del self._held[node]
        for digest, nodes in list(self._waiting.items()):
            for node in [node for node in nodes if node[0] == execution]:
                del nodes[node]
            if not nodes:
                del self._waiting[digest]

    def close(self) -> None:
        """Renew nothing any more."""
        self._closed = True
        if self._alarm is not None:
            self._alarm.cancel()
        if self._task is not None:
            self._task.cancel()

    def _wait(self) -> None:
        if self._held and self._alarm is None and self._task is None and not self._closed:
            due_ns = self._clock.now_ns() + self._settings.cache_lease_ns // 3
            self._alarm = self._clock.call_at(due_ns, self._due)

    def _due(self) -> None:
        self._alarm = None
        if self._held and not self._closed:
            self._task = asyncio.get_running_loop().create_task(self._renew(), name="propeller_reservations")

    async def _renew(self) -> None:
        renewed = dict(self._held)
        try:
            await self._catalog.reserve(list(renewed.values()), self._settings.cache_lease_ns)
            # What ended on the way was freed, and is taken again by this.
            over = [claim for node, claim in renewed.items() if self._held.get(node) != claim]
            if over:
                await self._catalog.release(over)
                for claim in over:
                    self.wake(claim.digest)
        except Exception as error:  # noqa: BLE001 - it is tried again
            _LOG.warning("reservations cannot be renewed: %s", error)
        self._task = None
        self._wait()
