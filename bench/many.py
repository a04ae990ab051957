"""1,000 small executions submitted at once: until all have ended, and how long each took."""

import asyncio
import statistics
import time

from bench.bed import Bed, bed, cpu_s, tree_bytes
from bench.figure import Figure, percentile
from bench.running import SOURCE

EXECUTIONS = 1_000


async def measure() -> list[Figure]:
    """Measure a thousand executions of one task each, beside one that is alone."""
    async with bed(SOURCE) as on:
        await on.executed("one")
        alone = statistics.median([await on.executed("one") for _ in range(20)])
        used, begun = cpu_s(), time.perf_counter()
        taken = await asyncio.gather(*(latency(on) for _ in range(EXECUTIONS)))
        wall, used = time.perf_counter() - begun, cpu_s() - used
        peak = tree_bytes()
    each = f"{used / EXECUTIONS * 1e3:.2f} ms of processor time each, the client's too"
    return [
        Figure(f"{EXECUTIONS:,} executions at once", EXECUTIONS / wall, "a second", "", each),
        Figure(f"{EXECUTIONS:,} executions at once: latency p50", percentile(taken, 50), "s"),
        Figure(f"{EXECUTIONS:,} executions at once: latency p99", percentile(taken, 99), "s"),
        Figure("one execution alone", alone * 1e3, "ms"),
        Figure(f"memory of the process tree after {EXECUTIONS:,} executions", peak / 1e6, "MB"),
    ]


async def latency(on: Bed) -> float:
    """Execute one task; return how long it took from submission to its end."""
    return await on.executed("one")


if __name__ == "__main__":
    for figure in asyncio.run(measure()):
        print(figure)
