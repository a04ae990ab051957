"""Who gets hurt when: moments, victims and faults drawn from a seed."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum

import psutil

from tests.e2e.chaos.faults import Fault
from tests.e2e.chaos.site import Site


class Hurt(Enum):
    """One blow."""

    PLATFORM = "kill -9 the platform, start it again"
    WORKER = "kill -9 a worker"
    ZYGOTE = "kill -9 what makes the workers"
    BOTH = "kill -9 the platform and what makes the workers at once"
    FAULT = "the machine's fault"


@dataclass(slots=True)
class Storm:
    """The blows of a seed. The machine's fault comes once; what is drawn is told as it happens."""

    site: Site
    seed: int
    blows: int
    fault: Fault
    drawn: random.Random = field(init=False)
    told: list[str] = field(default_factory=list)
    counted: Counter[Hurt] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Draw from the seed alone."""
        self.drawn = random.Random(self.seed)

    async def rage(self) -> None:
        """Strike at all moments drawn."""
        for hurt in self._plan():
            pause_s = self.drawn.uniform(0.05, 1.2)
            await asyncio.sleep(pause_s)  # the moment itself is what is drawn
            self.told.append(f"after {pause_s:.2f} s: {hurt.value}")
            self.counted[hurt] += 1
            await self._strike(hurt)

    def _plan(self) -> list[Hurt]:
        """Return the blows: no more lost workers than an attempt may lose (three), however they fall."""
        rest = [Hurt.PLATFORM, Hurt.WORKER, Hurt.BOTH, Hurt.ZYGOTE, Hurt.WORKER]
        plan = [Hurt.FAULT, *(rest[i] if i < len(rest) else Hurt.PLATFORM for i in range(self.blows - 1))]
        self.drawn.shuffle(plan)
        return plan

    async def _strike(self, hurt: Hurt) -> None:
        match hurt:
            case Hurt.PLATFORM:
                await asyncio.to_thread(self.site.kill)
                await asyncio.to_thread(self.site.up)
            case Hurt.BOTH:
                _kill(self.site.zygotes())
                await asyncio.to_thread(self.site.kill)
                await asyncio.to_thread(self.site.up)
            case Hurt.WORKER:
                workers = sorted(self.site.workers(), key=lambda it: it.pid)
                _kill([self.drawn.choice(workers)] if workers else [])
            case Hurt.ZYGOTE:
                _kill(self.site.zygotes())
            case Hurt.FAULT:
                await self.fault.happen(self.site, self.drawn)


def _kill(victims: list[psutil.Process]) -> None:
    for victim in victims:
        try:
            victim.kill()
        except psutil.NoSuchProcess:
            continue  # It ended before.
