"""Stock eager functions."""

import asyncio

from flytekit import eager, task


@task
def plus_one(x: int) -> int:
    return x + 1


@task
async def double(x: int) -> int:
    return x * 2


@task
async def sleeps(x: int) -> int:
    await asyncio.sleep(600)
    return x


@task
async def fails(x: int) -> int:
    if x > 0:
        raise ValueError(f"cannot take {x}")
    return x


@eager
async def climbs(x: int) -> int:
    return await double(x=plus_one(x=x))


@eager
async def gives_up(x: int) -> int:
    found = await asyncio.gather(sleeps(x=x), fails(x=x))
    return sum(found)
