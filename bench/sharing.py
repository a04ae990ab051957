"""Fairness on the whole platform: teams of different weights under overload, and a small job beside a flood."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench.bed import Bed, bed
from bench.figure import Figure
from flytelike.embedded.platform import PlatformOptions
from flytelike.model.literals import Literal, LiteralMap, Primitive
from flytelike.remote import tenancy
from flytelike_idl.service import tenancy_pb2 as pb

SOURCE = """
import os
import time
from flytelike import task, workflow

@task
def nap(diary: str, team: str, seconds: float) -> None:
    time.sleep(seconds)
    with open(diary, "a") as file:
        file.write(team + os.linesep)

@workflow
def thousand(diary: str, team: str, seconds: float) -> None:
    for _ in range(1000):
        nap(diary=diary, team=team, seconds=seconds)

@workflow
def ten(diary: str, team: str, seconds: float) -> None:
    for _ in range(10):
        nap(diary=diary, team=team, seconds=seconds)
"""
TEAMS = 10
SLOTS = 4
ENOUGH = 5_000
"""How many tasks have ended when shares are looked at: the smallest team's are 91 then, and none has run out."""
FLOOD = 10
"""How many executions of a thousand tasks a flood is."""
NAP_S = 0.5
"""How long the tasks of flood and job take: long beside what it takes to submit an execution on a busy machine."""


async def measure() -> list[Figure]:
    """Measure ten teams' shares, and a job of 10 tasks beside 10,000 of another team, alone on half the slots."""
    worst = await farthest_share()
    alone = await job_s(slots=1, flood=0)
    beside = await job_s(slots=2, flood=FLOOD)
    told = f"{ENOUGH:,} tasks of 20 ms on {SLOTS} slots"
    return [
        Figure("ten teams of weights 1 to 10 on a platform: farthest from its share", worst * 100, "%", "< 5 %", told),
        Figure(
            "a job of 10 beside a flood of 10,000 on a platform, by half of it alone", beside / alone, "times", "< 1.5"
        ),
    ]


async def farthest_share() -> float:
    """Return how far from its share the team is that is farthest, as a part of its share."""
    async with bed(SOURCE, options=PlatformOptions(slots=SLOTS)) as on:
        diary = on.folder.root / "diary"
        diary.touch()
        await on.begin("ten", inputs(diary, "first", 0.0))  # warms the workers
        await on_file(diary, 10)
        weights = {f"team{weight}": weight for weight in range(1, TEAMS + 1)}
        await owned(on, weights)
        for team in weights:
            await on.begin("thousand", inputs(diary, team, 0.02), team)
        # What ended while not all had come is not a matter of shares.
        begun = Counter(await on_file(diary, 200))
        got = Counter(await on_file(diary, 200 + ENOUGH))
        got.subtract(begun)
    parts = {team: got[team] / sum(got.values()) * sum(weights.values()) / weights[team] for team in weights}
    return max(abs(part - 1) for part in parts.values())


async def job_s(slots: int, flood: int) -> float:
    """Return how long a job of ten tasks takes that comes after a flood, in seconds."""
    async with bed(SOURCE, options=PlatformOptions(slots=slots)) as on:
        diary = on.folder.root / "diary"
        await on.executed("ten", inputs(diary, "first", 0.0))  # warms the workers
        await owned(on, {"large": 1, "small": 1})
        for _ in range(flood):
            await on.begin("thousand", inputs(diary, "large", NAP_S), "large")
        if flood:
            await on_file(diary, 10 + 40)  # The flood's executions have all begun by then.
        return await on.executed("ten", inputs(diary, "small", NAP_S), "small")


async def owned(on: Bed, weights: dict[str, int]) -> None:
    """Make teams of these weights, each with a project of its name."""
    wishes = []
    for team, weight in weights.items():
        quota = pb.Quota(place=pb.QuotaPlace(team=team), weight=weight)
        wishes.append(pb.TenancyWish(team=pb.TeamWish(name=team)))
        wishes.append(pb.TenancyWish(project=pb.ProjectWish(id=team, team=team)))
        wishes.append(pb.TenancyWish(quota=pb.QuotaWish(quota=quota)))
    await tenancy.apply(on.client, wishes)


async def on_file(diary: Path, least: int) -> Sequence[str]:
    """Return whose tasks have ended once so many have."""
    while len(lines := await asyncio.to_thread(_lines, diary)) < least:  # noqa: ASYNC110 - processes write it
        await asyncio.sleep(0.05)
    return lines


def inputs(diary: Path, team: str, seconds: float) -> LiteralMap:
    """Return the inputs of the workflows above."""
    texts: LiteralMap = {name: Literal(Primitive(value)) for name, value in (("diary", str(diary)), ("team", team))}
    return {**texts, "seconds": Literal(Primitive(seconds))}


def _lines(diary: Path) -> Sequence[str]:
    return diary.read_text().splitlines()


if __name__ == "__main__":
    for figure in asyncio.run(measure()):
        print(figure)
