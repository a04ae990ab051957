"""Arrays of no-op tasks: elements a second, and what their number costs in memory and on the disk."""

import asyncio
import os
import statistics
import time

from bench.bed import Bed, bed, cpu_s, tree_bytes
from bench.figure import Figure
from flytelike.model.literals import Collection, Literal, Primitive
from tests.mapping import mapped

SOURCE = """
from flytelike import task, workflow

@task
def step(x: int) -> int:
    return x

@workflow
def each(x: int) -> int:
    return step(x=x)
"""

SIZES = {1_000: 5, 10_000: 3, 100_000: 1}
"""Numbers of elements, and how often each is measured."""


async def measure() -> list[Figure]:
    """Measure arrays of three sizes."""
    figures: list[Figure] = []
    each_s: dict[int, float] = {}
    async with bed(SOURCE, lambda authored: mapped(authored, {"each": lambda target: target})) as on:
        await executed(on, 100)  # warms the workers
        for size, times in SIZES.items():
            runs = [await executed(on, size) for _ in range(times)]
            taken = statistics.median(seconds for seconds, _, _ in runs)
            each_s[size] = taken / size
            figures += of_size(size, taken, runs, on.stored_bytes())
    ratio = each_s[100_000] / each_s[10_000]
    figures.append(Figure("an element of 100,000 to one of 10,000", ratio, "times", "< 1.1"))
    return figures


def of_size(size: int, taken: float, runs: list[tuple[float, float, int]], stored_bytes: int) -> list[Figure]:
    """Return the figures of one size."""
    cpu = statistics.median(used for _, used, _ in runs) / size
    name = f"map of {size:,} no-op tasks"
    aim = "> 3,000" if size >= 10_000 else ""
    bound = f"{cpu * 1e6:.0f} \u00b5s of processor time each, all processes together, on {os.cpu_count()} cores"
    return [
        Figure(name, size / taken, "a second", aim, bound),
        Figure(f"{name}: peak memory of all processes", max(peak for _, _, peak in runs) / 1e6, "MB"),
        Figure(f"{name}: databases after it", stored_bytes / 1e6, "MB"),
    ]


async def executed(on: Bed, size: int) -> tuple[float, float, int]:
    """Map over a list; return wall time, processor time of the platform with all below it, and its peak memory."""
    items = Literal(Collection(tuple(Literal(Primitive(number)) for number in range(size))))
    peaks = [tree_bytes()]
    watching = asyncio.create_task(watch_memory(peaks))
    used, begun = cpu_s(), time.perf_counter()
    await on.executed("each", {"x": items})
    taken, used = time.perf_counter() - begun, cpu_s() - used
    watching.cancel()
    return taken, used, max(peaks)


async def watch_memory(peaks: list[int]) -> None:
    """Look at the memory of all processes now and then."""
    while True:
        await asyncio.sleep(0.25)
        peaks.append(tree_bytes())


if __name__ == "__main__":
    for figure in asyncio.run(measure()):
        print(figure)
