"""What a fair decision costs, and how a small job fares beside another team's flood, on real processes."""

import asyncio
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from bench.figure import Figure, percentile
from flytelike.model.quota import ATTEMPTS, CPU, MEMORY
from flytelike.storage import Store
from propeller.allocation import LocalAllocator
from propeller.core.fairness import FairQueue, Quota, Request
from propeller.engine.loop_clock import LoopClock
from propeller.executors.process import ProcessExecutor, ProcessSettings
from propeller.ports import AttemptSpec
from propeller.ports_allocation import Tenants
from tests.unit.executor.builders import Listener, Site

TEAMS = 200
WAITING = 100_000
DECISIONS = 2_000
FLOOD = 10_000
JOB = 10
TASK_S = 0.05


async def measure() -> list[Figure]:
    """Measure decisions with 100,000 waiting, and a job of 10 tasks beside 10,000 of another team."""
    taken = decisions()
    with tempfile.TemporaryDirectory() as folder:
        (alone, beside) = (Path(folder) / name for name in ("alone", "beside"))
        alone_s = await job_s(alone, slots=1, flood=0)
        beside_s = await job_s(beside, slots=2, flood=FLOOD)
    name = "a job of 10 beside a flood of 10,000, by its time alone on half the machine"
    decision = f"fair decision, {WAITING:,} waiting of {TEAMS} teams"
    return [
        Figure(f"{decision}: p50", percentile(taken, 50) * 1e3, "ms", "< 1 ms"),
        Figure(f"{decision}: p99", percentile(taken, 99) * 1e3, "ms"),
        Figure(name, beside_s / alone_s, "times", "< 1.5"),
    ]


def decisions() -> list[float]:
    """Return what decisions cost while so many wait, each with the end of a grant before it, in seconds of CPU time."""
    limits = {f"t{team}": Quota(weight=1 + team % 10, limit={ATTEMPTS: 10}) for team in range(TEAMS)}
    whole = Quota(limit={ATTEMPTS: 400, CPU: 400_000, MEMORY: 1 << 40})
    queue = FairQueue({(): whole, **{(name,): quota for name, quota in limits.items()}})
    for number in range(WAITING):
        team = f"t{number % TEAMS}"
        amounts = {ATTEMPTS: 1, CPU: 500 * (1 + number % 3), MEMORY: (1 + number % 2) << 30}
        queue.ask(Request(str(number), (team, f"{team}-p{number % 2}", "production"), amounts, number), number)
    now, running = WAITING, list[str]()
    while (request := queue.next_grant(now)) is not None:
        running.append(request.id)
    taken = []
    for number in range(DECISIONS):
        now += 1_000_000
        begun = time.process_time()
        queue.give_back(running[number], now)
        granted = queue.next_grant(now)
        taken.append(time.process_time() - begun)
        if granted is not None:
            running.append(granted.id)
    return taken


async def job_s(folder: Path, slots: int, flood: int) -> float:
    """Return how long a job takes that comes after a flood, in seconds."""
    site, listener = Site(folder), Listener()
    settings = ProcessSettings(logs=folder / "logs", slots=slots, durable=False, env=site.env, grace_s=0.1)
    tenants = Tenants({"large": "a", "small": "b"})
    allocator = LocalAllocator({(): Quota(limit=settings.machine)}, LoopClock(), tenants)
    executor = ProcessExecutor(settings, Store(), listener, allocator)
    await executor.open()
    template = site.spec(("sleep", str(TASK_S)))
    try:
        for number in range(flood):
            await executor.start(named(template, "large", number))
        await asyncio.sleep(10 * TASK_S)
        job = [named(template, "small", number) for number in range(JOB)]
        begun = time.perf_counter()
        for spec in job:
            await executor.start(spec)
        for spec in job:
            await listener.ended(spec.key)
        return time.perf_counter() - begun
    finally:
        await executor.close()


def named(template: AttemptSpec, project: str, number: int) -> AttemptSpec:
    """Return an attempt of an execution of its own in a project."""
    execution = replace(template.key.execution, project=project, name=f"e{number}")
    prefix = f"{template.output_prefix}-{project}-{number}"
    return replace(template, key=replace(template.key, execution=execution), output_prefix=prefix)
