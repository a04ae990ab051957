"""The platform at work: durable, with tasks in processes of their own."""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time

from bench.bed import Bed, bed, cpu_s, tree_bytes
from bench.figure import Figure
from flytelike.model.phases import TaskPhase
from flytelike.remote import executions

SOURCE = """
from flytelike import task, workflow

@task
def step(x: int) -> int:
    return x

@workflow
def chain(x: int) -> int:
    for _ in range(100):
        x = step(x=x)
    return x

@workflow
def one(x: int) -> int:
    return step(x=x)

@workflow
def fan(x: int) -> None:
    for number in range(1000):
        step(x=number)
"""


async def measure() -> list[Figure]:
    """Measure start, memory, a chain, a fan-out, and the way to the first task."""
    ready, idle = up_ready()
    async with bed(SOURCE) as on:
        await on.executed("one")  # warms the workers
        chain, chain_cpu = await median_of(on, "chain", 15)
        first = statistics.median([await first_task(on) for _ in range(5)])
        fan, fan_cpu = await median_of(on, "fan", 3)
        peak = tree_bytes()
    commit = f"two synced commits and one worker round trip; {chain_cpu * 10:.2f} ms of processor time each"
    cores = f"{fan_cpu * 1e3:.0f} \u00b5s of processor time each, all processes together, on two cores"
    return [
        Figure("flytelike up, until its ready line", ready, "s", "< 1 s", "imports: gRPC, SQLAlchemy, the messages"),
        Figure("memory of its idle process tree", idle / 1e6, "MB", "< 150 MB"),
        Figure("chain of 100 no-op tasks, per task", chain * 10, "ms", "< 1.5 ms", commit),
        Figure("fan-out of 1,000 tasks", 1000 / fan, "a second", "> 1,000", cores),
        Figure("submission to first task", first * 1e3, "ms", "< 30 ms", "three commits"),
        Figure("memory of the process tree after all", peak / 1e6, "MB"),
    ]


async def median_of(on: Bed, name: str, times: int) -> tuple[float, float]:
    """Execute a workflow some times; return the medians of wall and processor time, in seconds."""
    walls, cpus = [], []
    for _ in range(times):
        used = cpu_s()
        walls.append(await on.executed(name))
        cpus.append(cpu_s() - used)
    return statistics.median(walls), statistics.median(cpus)


async def first_task(on: Bed) -> float:
    """Return the time from submission until the first task runs, by the platform's own records."""
    begun = time.time()
    execution = await on.begin("one")
    started = 0.0
    async for update in executions.watch(on.client, execution, attempts=True):
        for attempt in update.task_executions:
            if TaskPhase(attempt.closure.phase) is not TaskPhase.QUEUED:
                started = started or attempt.closure.started_at.ToMicroseconds() / 1e6
    return started - begun


def up_ready() -> tuple[float, int]:
    """Return how many seconds `flytelike up` takes to be ready, and what it holds while it is idle."""
    taken, held = [], []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as data:
            words = [sys.executable, "-m", "flytelike", "up", "--json", "--port", "0", "--http-port", "0"]
            begun = time.perf_counter()
            process = subprocess.Popen([*words, "--data", data], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            assert process.stdout is not None
            process.stdout.readline()
            taken.append(time.perf_counter() - begun)
            held.append(tree_bytes(process.pid))
            process.terminate()
            process.wait()
            process.stdout.close()
    return statistics.median(taken), int(statistics.median(held))


if __name__ == "__main__":
    for figure in asyncio.run(measure()):
        print(figure)
