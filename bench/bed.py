"""The platform with a workflow file registered on it: what the benchmarks of executions begin with.

Platform, client and benchmark share a process; workers have their own.
"""

import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from flytelike.cli.authored import Authored, author, registered
from flytelike.cli.packing import Packing
from flytelike.embedded.folder import DataFolder
from flytelike.embedded.platform import Platform, PlatformOptions
from flytelike.model.ids import ExecutionId, Identifier, ResourceKind
from flytelike.model.literals import Literal, LiteralMap, Primitive
from flytelike.model.phases import WorkflowPhase
from flytelike.remote import Client, executions
from flytelike.sdk.modules import load

PROJECT, DOMAIN, MODULE = "flytesnacks", "development", "benched"
ONE: LiteralMap = {"x": Literal(Primitive(1))}


@dataclass(frozen=True, slots=True)
class Bed:
    """A running platform, a client of it, and the version of what is registered."""

    folder: DataFolder
    client: Client
    version: str

    async def begin(self, name: str, inputs: LiteralMap = ONE, project: str = PROJECT) -> ExecutionId:
        """Submit a workflow, to run in a project."""
        plan = Identifier(ResourceKind.LAUNCH_PLAN, PROJECT, DOMAIN, f"{MODULE}.{name}", self.version)
        return await executions.create(self.client, project, DOMAIN, plan, inputs)

    async def end(self, execution: ExecutionId) -> None:
        """Wait until an execution has succeeded."""
        async for update in executions.watch(self.client, execution):
            if update.HasField("execution") and WorkflowPhase(update.execution.closure.phase).terminal:
                assert WorkflowPhase(update.execution.closure.phase) is WorkflowPhase.SUCCEEDED

    async def executed(self, name: str, inputs: LiteralMap = ONE, project: str = PROJECT) -> float:
        """Execute a workflow; return its wall time from submission to its end as a client sees it, in seconds."""
        begun = time.perf_counter()
        await self.end(await self.begin(name, inputs, project))
        return time.perf_counter() - begun

    def stored_bytes(self) -> int:
        """Return how large the databases are."""
        return sum(file.stat().st_size for file in self.folder.propeller_db.parent.glob("*.db*"))


@asynccontextmanager
async def bed(
    source: str,
    change: Callable[[Authored], Authored] = lambda authored: authored,
    options: PlatformOptions | None = None,
) -> AsyncIterator[Bed]:
    """Bring a platform up on a fresh folder, with the entities of a source file, `change`d, registered."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / f"{MODULE}.py"
        file.write_text(source)
        folder = DataFolder.at(Path(scratch) / "data")
        folder.prepare()
        async with Platform(folder, options or PlatformOptions()) as platform, Client(platform.endpoint.grpc) as client:
            loaded = load([file])
            authored = change(author(loaded, loaded.entities, PROJECT, DOMAIN, Packing()))
            await registered(client, authored)
            yield Bed(folder, client, authored.version)
            sys.modules.pop(MODULE)  # The next one's is another.


def tree_bytes(pid: int | None = None) -> int:
    """Return the resident memory of a process, by default this one, and of all below it."""
    me = psutil.Process(pid)
    return sum(process.memory_info().rss for process in [me, *me.children(recursive=True)])


def cpu_s() -> float:
    """Return the processor time that this process and all that lives below it have used, in seconds."""
    me = psutil.Process()
    times = [process.cpu_times() for process in (me, *me.children(recursive=True))]
    return sum(one.user + one.system for one in times)
