"""The platform at work: durable, with tasks in processes of their own."""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from bench.figure import Figure
from flytelike.bundle.collect import Copy
from flytelike.cli.authored import author, registered
from flytelike.embedded.folder import DataFolder
from flytelike.embedded.platform import Platform, PlatformOptions
from flytelike.model.ids import Identifier, ResourceKind
from flytelike.model.literals import Literal, Primitive
from flytelike.model.phases import TaskPhase, WorkflowPhase
from flytelike.remote import Client, executions
from flytelike.sdk.modules import load

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
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "benched.py").write_text(SOURCE)
        folder = DataFolder.at(Path(scratch) / "data")
        folder.prepare()
        async with Platform(folder, PlatformOptions()) as platform, Client(platform.endpoint.grpc) as client:
            loaded = load([Path(scratch) / "benched.py"])
            authored = author(
                loaded, loaded.entities, project="flytesnacks", domain="development", version="", copy=Copy.AUTO
            )
            await registered(client, authored)
            version = authored.version
            await executed(client, "one", version)  # warms the workers
            chain = statistics.median([await executed(client, "chain", version) for _ in range(3)])
            first = statistics.median([await first_task(client, version) for _ in range(5)])
            fan = statistics.median([await executed(client, "fan", version) for _ in range(3)])
            peak = tree_bytes()
    commit = "one synced commit and one worker round trip each"
    return [
        Figure("flytelike up, until its ready line", ready, "s", "< 1 s", "imports: gRPC, SQLAlchemy, the messages"),
        Figure("memory of its idle process tree", idle / 1e6, "MB", "< 150 MB"),
        Figure("chain of 100 no-op tasks, per task", chain * 10, "ms", "< 2.5 ms", commit),
        Figure("fan-out of 1,000 tasks", fan, "s", "< 2 s", "two cores"),
        Figure("submission to first task", first * 1e3, "ms", "< 30 ms", "three commits"),
        Figure("memory of the process tree after all", peak / 1e6, "MB"),
    ]


async def executed(client: Client, name: str, version: str) -> float:
    """Execute a workflow and return its wall time from submission to its end as a client sees it."""
    plan = Identifier(ResourceKind.LAUNCH_PLAN, "flytesnacks", "development", f"benched.{name}", version)
    begun = time.perf_counter()
    execution = await executions.create(client, "flytesnacks", "development", plan, {"x": Literal(Primitive(1))})
    async for update in executions.watch(client, execution):
        if update.HasField("execution") and WorkflowPhase(update.execution.closure.phase).terminal:
            assert WorkflowPhase(update.execution.closure.phase) is WorkflowPhase.SUCCEEDED
    return time.perf_counter() - begun


async def first_task(client: Client, version: str) -> float:
    """Return the time from submission until the first task runs, by the platform's own records."""
    plan = Identifier(ResourceKind.LAUNCH_PLAN, "flytesnacks", "development", "benched.one", version)
    begun = time.time()
    execution = await executions.create(client, "flytesnacks", "development", plan, {"x": Literal(Primitive(1))})
    started = 0.0
    async for update in executions.watch(client, execution, attempts=True):
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


def tree_bytes(pid: int | None = None) -> int:
    """Return the resident memory of a process, by default this one, and of all below it."""
    me = psutil.Process(pid)
    return sum(process.memory_info().rss for process in [me, *me.children(recursive=True)])


if __name__ == "__main__":
    for figure in asyncio.run(measure()):
        print(figure)
