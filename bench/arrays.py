"""Arrays of no-op tasks: elements a second, and what their number costs in memory and on the disk.

Platform, client and benchmark share a process, and workers have their own; all are counted.
"""

import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path

import psutil

from bench.figure import Figure
from bench.running import tree_bytes
from flytelike.bundle.collect import Copy
from flytelike.cli.authored import author, registered
from flytelike.embedded.folder import DataFolder
from flytelike.embedded.platform import Platform, PlatformOptions
from flytelike.model.ids import Identifier, ResourceKind
from flytelike.model.literals import Collection, Literal, Primitive
from flytelike.model.phases import WorkflowPhase
from flytelike.remote import Client, executions
from flytelike.sdk.modules import load
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
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "benched.py").write_text(SOURCE)
        folder = DataFolder.at(Path(scratch) / "data")
        folder.prepare()
        async with Platform(folder, PlatformOptions()) as platform, Client(platform.endpoint.grpc) as client:
            loaded = load([Path(scratch) / "benched.py"])
            authored = author(
                loaded, loaded.entities, project="flytesnacks", domain="development", version="", copy=Copy.AUTO
            )
            authored = mapped(authored, {"each": lambda target: target})
            await registered(client, authored)
            await executed(client, authored.version, 100)  # warms the workers
            for size, times in SIZES.items():
                runs = [await executed(client, authored.version, size) for _ in range(times)]
                taken = statistics.median(seconds for seconds, _, _ in runs)
                each_s[size] = taken / size
                figures += of_size(size, taken, runs, folder)
    ratio = each_s[100_000] / each_s[10_000]
    figures.append(Figure("an element of 100,000 to one of 10,000", ratio, "times", "< 1.1"))
    return figures


def of_size(size: int, taken: float, runs: list[tuple[float, float, int]], folder: DataFolder) -> list[Figure]:
    """Return the figures of one size."""
    cpu = statistics.median(used for _, used, _ in runs) / size
    stored = sum(file.stat().st_size for file in folder.propeller_db.parent.glob("*.db*"))
    name = f"map of {size:,} no-op tasks"
    aim = "> 3,000" if size >= 10_000 else ""
    bound = f"{cpu * 1e6:.0f} \u00b5s of processor time each, all processes together, on {os.cpu_count()} cores"
    return [
        Figure(name, size / taken, "a second", aim, bound),
        Figure(f"{name}: peak memory of all processes", max(peak for _, _, peak in runs) / 1e6, "MB"),
        Figure(f"{name}: databases after it", stored / 1e6, "MB"),
    ]


async def executed(client: Client, version: str, size: int) -> tuple[float, float, int]:
    """Map over a list; return wall time, processor time of the platform with all below it, and its peak memory."""
    plan = Identifier(ResourceKind.LAUNCH_PLAN, "flytesnacks", "development", "benched.each", version)
    items = Literal(Collection(tuple(Literal(Primitive(number)) for number in range(size))))
    peaks = [tree_bytes()]
    watching = asyncio.create_task(watch_memory(peaks))
    used, begun = cpu_s(), time.perf_counter()
    execution = await executions.create(client, "flytesnacks", "development", plan, {"x": items})
    async for update in executions.watch(client, execution):
        if update.HasField("execution") and WorkflowPhase(update.execution.closure.phase).terminal:
            assert WorkflowPhase(update.execution.closure.phase) is WorkflowPhase.SUCCEEDED
    taken, used = time.perf_counter() - begun, cpu_s() - used
    watching.cancel()
    return taken, used, max(peaks)


async def watch_memory(peaks: list[int]) -> None:
    """Look at the memory of all processes now and then."""
    while True:
        await asyncio.sleep(0.25)
        peaks.append(tree_bytes())


def cpu_s() -> float:
    """Return the processor time that this process and all that lives below it have used, in seconds."""
    me = psutil.Process()
    times = [process.cpu_times() for process in (me, *me.children(recursive=True))]
    return sum(one.user + one.system for one in times)


if __name__ == "__main__":
    for figure in asyncio.run(measure()):
        print(figure)
