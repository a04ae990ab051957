"""A workflow whose results are all cached already: what it takes to find them."""

import asyncio
import statistics

from bench.bed import bed, cpu_s
from bench.figure import Figure

NODES = 10_000
SOURCE = f"""
from flytelike import task, workflow

@task(cache=True)
def step(x: int) -> int:
    return x

@workflow
def one(x: int) -> int:
    return step(x=x)

@workflow
def cached(x: int) -> None:
    for number in range({NODES}):
        step(x=number)
"""


async def measure() -> list[Figure]:
    """Measure a first run that fills the cache, and ones that take everything from it."""
    async with bed(SOURCE) as on:
        await on.executed("one")
        first = await on.executed("cached")
        used = cpu_s()
        again = statistics.median([await on.executed("cached") for _ in range(3)])
        each = (cpu_s() - used) / 3 / NODES
    bound = f"{each * 1e6:.0f} \u00b5s of processor time a node: its key, states, records and two documents"
    return [
        Figure(f"{NODES:,} cached tasks, first run", first, "s", "", "each result is put into the catalog"),
        Figure(f"{NODES:,} cached tasks, all found", again, "s", "< 1.5 s", bound),
    ]


if __name__ == "__main__":
    for figure in asyncio.run(measure()):
        print(figure)
