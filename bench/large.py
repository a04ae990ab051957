"""One execution of 10,000 ordinary nodes: how many a second, in how much memory, and that a node costs the same."""

import asyncio
import time

from bench.arrays import watch_memory
from bench.bed import Bed, bed, cpu_s, tree_bytes
from bench.figure import Figure

SIZES = {1_000: 3, 10_000: 1}
"""Numbers of nodes, and how often each is measured."""
SOURCE = """
from flytelike import task, workflow

@task
def step(x: int) -> int:
    return x

@workflow
def one(x: int) -> int:
    return step(x=x)
""" + "".join(
    f"""
@workflow
def fan_{size}(x: int) -> None:
    for number in range({size}):
        step(x=number)
"""
    for size in SIZES
)


async def measure() -> list[Figure]:
    """Measure two sizes side by side."""
    figures, each_s = [], {}
    async with bed(SOURCE) as on:
        await on.executed("one")
        for size, times in SIZES.items():
            runs = sorted([await executed(on, size) for _ in range(times)])
            taken, cpu, _ = runs[len(runs) // 2]
            each_s[size] = taken / size
            bound = f"{cpu / size * 1e6:.0f} \u00b5s of processor time each, all processes together"
            name = f"{size:,} ordinary nodes in one execution"
            peak = max(peak for _, _, peak in runs)
            figures += [
                Figure(name, size / taken, "a second", "> 1,000", bound),
                Figure(f"{name}: peak memory of all processes", peak / 1e6, "MB"),
            ]
    small, large = each_s.values()
    return [*figures, Figure("a node of 10,000 to one of 1,000", large / small, "times", "< 1.1")]


async def executed(on: Bed, size: int) -> tuple[float, float, int]:
    """Execute; return wall time, processor time and peak memory of all processes."""
    peaks = [tree_bytes()]
    watching = asyncio.create_task(watch_memory(peaks))
    used, begun = cpu_s(), time.perf_counter()
    await on.executed(f"fan_{size}")
    taken, used = time.perf_counter() - begun, cpu_s() - used
    watching.cancel()
    return taken, used, max(peaks)


if __name__ == "__main__":
    for figure in asyncio.run(measure()):
        print(figure)
