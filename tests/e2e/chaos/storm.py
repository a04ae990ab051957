"""Who gets hurt when: moments, victims and faults drawn from a seed."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

import psutil

from tests.e2e.chaos.faults import Fault
from tests.e2e.chaos.site import Site


class Kill(Enum):
    """Whose end it is, by kill -9."""

    PLATFORM = "the platform, which is started again"
    WORKER = "a worker"
    ZYGOTE = "what makes the workers"
    BOTH = "the platform, and what makes the workers, at once"


LOSSES = (Kill.WORKER, Kill.ZYGOTE, Kill.WORKER)
"""No more than an attempt may lose its worker, however they fall."""


@dataclass(slots=True)
class Storm:
    """The blows of a seed: `kills`, and each of the machine's `faults` once. What happened is `told`."""

    site: Site
    seed: int
    kills: int
    faults: Sequence[Fault]
    told: list[str] = field(default_factory=list)
    counted: Counter[Kill] = field(default_factory=Counter)

    async def rage(self) -> None:
        """Strike at all moments drawn."""
        drawn = random.Random(self.seed)
        for blow in self._plan(drawn):
            pause_s = drawn.uniform(0.05, 1.2)
            await asyncio.sleep(pause_s)  # the moment itself is what is drawn
            self.told.append(
                f"{pause_s:.2f} s later: {f'kill -9 {blow.value}' if isinstance(blow, Kill) else blow.name}"
            )
            if isinstance(blow, Fault):
                await blow.happen(self.site, drawn)
            else:
                self.counted[blow] += 1
                await self._kill(blow, drawn)

    def _plan(self, drawn: random.Random) -> list[Kill | Fault]:
        kills = [*LOSSES, Kill.BOTH][: self.kills - 1]
        kills += [Kill.PLATFORM] * (self.kills - len(kills))
        plan = [*kills, *self.faults]
        drawn.shuffle(plan)
        return plan

    async def _kill(self, whom: Kill, drawn: random.Random) -> None:
        if whom is Kill.WORKER:
            workers = sorted(self.site.workers(), key=lambda it: it.pid)
            _end([drawn.choice(workers)] if workers else [])
        if whom in {Kill.ZYGOTE, Kill.BOTH}:
            _end(self.site.zygotes())
        if whom in {Kill.PLATFORM, Kill.BOTH}:
            await asyncio.to_thread(self.site.kill)
            await asyncio.to_thread(self.site.up)


def _end(victims: list[psutil.Process]) -> None:
    for victim in victims:
        try:
            victim.kill()
        except psutil.NoSuchProcess:
            continue  # It ended before.
