"""How long an attempt takes to start: in a warm worker, and cold, with what the cold start is made of.

Here the executor works by itself: no engine, no commits.
"""

import asyncio
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from bench.figure import Figure, percentile
from flytelike.storage import Store
from propeller.allocation import LocalAllocator
from propeller.core.fairness import Quota
from propeller.engine.loop_clock import LoopClock
from propeller.executors.process import ProcessExecutor, ProcessSettings
from tests.unit.executor.builders import Listener, Site

WARM = 500
COLD = 7
PRELOAD = ("flytelike.sdk.task", "flytelike.sdk.workflow")
SOURCE = """
from flytelike import task

@task
def nothing() -> None:
    pass
"""


@dataclass(frozen=True, slots=True)
class Cold:
    """A first attempt's parts, in seconds; `known` is that of another worker whose code is unpacked already."""

    zygote: float
    fork: float
    first: float
    known: float


async def measure() -> list[Figure]:
    """Measure cold starts of fresh platforms, then attempts in a warm worker."""
    colds = [await cold() for _ in range(COLD)]
    warm = await warm_starts()
    whole = sorted(one.zygote + one.fork + one.first for one in colds)

    def part(name: str) -> float:
        return percentile([getattr(one, name) for one in colds], 50) * 1e3

    return [
        Figure("warm attempt, start to finish: p50", percentile(warm, 50) * 1e3, "ms", "< 1 ms"),
        Figure("warm attempt, start to finish: p99", percentile(warm, 99) * 1e3, "ms"),
        Figure("cold attempt, start to finish: p50", percentile(whole, 50) * 1e3, "ms", "< 1 s"),
        Figure("cold attempt, start to finish: p99", percentile(whole, 99) * 1e3, "ms"),
        Figure("cold: start the zygote, import the SDK", part("zygote"), "ms", "", "once a platform"),
        Figure("cold: fork a worker", part("fork"), "ms", "", "one fork"),
        Figure("cold: unpack and import the code, first task", part("first"), "ms", "", "once a version"),
        Figure("cold: import the unpacked code, first task", part("known"), "ms", "", "once a worker"),
    ]


async def cold() -> Cold:
    """Start an executor, a worker, an attempt, and an attempt in a second worker; return how long each took."""
    with tempfile.TemporaryDirectory() as scratch:
        site, listener = placed(Path(scratch)), Listener()
        executor = executor_on(site, listener, slots=2)
        try:
            first, second, third = (site.attempt("nothing", module="benched") for _ in range(3))
            marks = [time.perf_counter()]
            await executor.open()
            marks.append(time.perf_counter())
            await executor.start(first)
            await listener.ran(first.key)
            marks.append(time.perf_counter())
            await listener.ended(first.key)
            marks.append(time.perf_counter())
            # The idle worker takes one of two, a new one the other.
            await asyncio.gather(executor.start(second), executor.start(third))
            await asyncio.gather(listener.ended(second.key), listener.ended(third.key))
            marks.append(time.perf_counter())
        finally:
            await executor.close()
    zygote, fork, ran, known = (later - earlier for earlier, later in pairwise(marks))
    return Cold(zygote, fork, ran, known)


async def warm_starts() -> list[float]:
    """Run attempts one after the other in one worker; return how long each took."""
    with tempfile.TemporaryDirectory() as scratch:
        site, listener = placed(Path(scratch)), Listener()
        executor = executor_on(site, listener, slots=1)
        taken = []
        try:
            for _ in range(WARM + 20):
                spec = site.attempt("nothing", module="benched")
                begun = time.perf_counter()
                await executor.start(spec)
                await listener.ended(spec.key)
                taken.append(time.perf_counter() - begun)
        finally:
            await executor.close()
    return taken[20:]


def executor_on(site: Site, listener: Listener, slots: int) -> ProcessExecutor:
    """Return an executor as the embedded platform has it."""
    settings = ProcessSettings(
        logs=site.root / "logs", slots=slots, env=site.env, preload=PRELOAD, durable_documents=False
    )
    allocator = LocalAllocator({(): Quota(limit=settings.machine)}, LoopClock())
    return ProcessExecutor(settings, Store(), listener, allocator)


def placed(root: Path) -> Site:
    """Return a place with the benchmark's code as a bundle."""
    code = root / "benched"
    code.mkdir()
    (code / "benched.py").write_text(SOURCE)
    site = Site(root)
    site.code = site.add_bundle(code)
    return site


if __name__ == "__main__":
    for figure in asyncio.run(measure()):
        print(figure)
