"""Work whose results are all cached already, as nodes and as elements of a map: what it takes to find them."""

import asyncio
import statistics

from bench.bed import ONE, Bed, bed, cpu_s
from bench.figure import Figure
from flytelike.model.literals import Collection, Literal, LiteralMap, Primitive

NODES = 10_000
ITEMS: LiteralMap = {"items": Literal(Collection(tuple(Literal(Primitive(number)) for number in range(NODES))))}
SOURCE = f"""
from flytelike import map_task, task, workflow

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

@task(cache=True, cache_version="element")
def element(x: int) -> int:
    return x

@workflow
def mapped(items: list[int]) -> list[int]:
    return map_task(element)(x=items)
"""


async def measure() -> list[Figure]:
    """Measure first runs that fill the cache, and ones that take everything from it."""
    async with bed(SOURCE) as on:
        await on.executed("one")
        return [*await of("tasks", on, "cached", ONE), *await of("elements of a map", on, "mapped", ITEMS)]


async def of(what: str, on: Bed, name: str, inputs: LiteralMap) -> list[Figure]:
    """Return the figures of one kind of work."""
    first = await on.executed(name, inputs)
    used = cpu_s()
    again = statistics.median([await on.executed(name, inputs) for _ in range(3)])
    each = (cpu_s() - used) / 3 / NODES
    bound = f"{each * 1e6:.0f} \u00b5s of processor time each: its key, state, records and documents"
    return [
        Figure(f"{NODES:,} cached {what}, first run", first, "s", "", "each result is put into the catalog"),
        Figure(f"{NODES:,} cached {what}, all found", again, "s", "< 1.5 s", bound),
    ]


if __name__ == "__main__":
    for figure in asyncio.run(measure()):
        print(figure)
