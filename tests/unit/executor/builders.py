"""Builders for the process executor's tests: bundles, attempts, a listener that can be awaited."""

import asyncio
import hashlib
import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from flytelike.codec.literals import literal_map_from_proto, literal_map_to_proto
from flytelike.model.diagnostic import Diagnostic
from flytelike.model.failure import Failure
from flytelike.model.graph import Container, TaskTemplate
from flytelike.model.ids import ExecutionId, Identifier, NodePath, ResourceKind
from flytelike.model.interface import TypedInterface, Variable
from flytelike.model.literals import Collection, Literal, Primitive
from flytelike.model.policies import ResourceName, Resources, TaskMetadata
from flytelike.model.types import INTEGER
from flytelike.model.usage import AskedResources, AttemptUse
from flytelike.storage import Store, StoreConfig
from flytelike_idl.core import literals_pb2
from propeller.allocation import LocalAllocator
from propeller.core.fairness import Quota
from propeller.engine.loop_clock import LoopClock
from propeller.executors.process import ProcessExecutor, ProcessSettings
from propeller.ports import AttemptKey, AttemptSpec
from propeller.ports_elements import ArraySpec, ElementResult

BUNDLES = Path(__file__).parent / "bundles"

ARGS = (
    "flytelike-execute",
    "--inputs",
    "{{.input}}",
    "--output-prefix",
    "{{.outputPrefix}}",
    "--raw-output-data-prefix",
    "{{.rawOutputDataPrefix}}",
    "--checkpoint-path",
    "{{.checkpointOutputPrefix}}",
    "--prev-checkpoint",
    "{{.prevCheckpointPrefix}}",
)


class Listener:
    """Remembers what an executor tells; `ended` waits for an attempt's end."""

    def __init__(self) -> None:
        self.events: list[tuple[str, AttemptKey]] = []
        self.ends: dict[AttemptKey, Failure | None] = {}
        self.asked: dict[AttemptKey, AskedResources | None] = {}
        self.used: dict[AttemptKey, AttemptUse | None] = {}
        self.told: dict[AttemptKey, list[ElementResult]] = {}
        self._counting: dict[tuple[AttemptKey, int], asyncio.Future[None]] = {}
        self._waiting: dict[tuple[str, AttemptKey], asyncio.Future[None]] = {}

    def running(self, key: AttemptKey, at_ns: int, asked: AskedResources | None = None) -> None:
        self.asked[key] = asked
        self._note("running", key)

    def succeeded(
        self, key: AttemptKey, at_ns: int, outputs: bytes | None = None, used: AttemptUse | None = None
    ) -> None:
        self.ends[key], self.used[key] = None, used
        self._note("ended", key)

    def expanded(self, key: AttemptKey, at_ns: int, used: AttemptUse | None = None) -> None:
        self.ends[key], self.used[key] = None, used
        self.events.append(("expanded", key))
        self._note("ended", key)

    def failed(self, key: AttemptKey, at_ns: int, failure: Failure, used: AttemptUse | None = None) -> None:
        self.ends[key], self.used[key] = failure, used
        self._note("ended", key)

    def held_up(self, key: AttemptKey, why: Diagnostic | None) -> None:
        self._note("goes on" if why is None else f"held up by {why.code}", key)

    def elements_ended(self, key: AttemptKey, at_ns: int, results: Sequence[ElementResult]) -> None:
        self.told.setdefault(key, []).extend(results)
        for waiting, count in list(self._counting.items()):
            if waiting[0] == key and len(self.told[key]) >= waiting[1] and not count.done():
                count.set_result(None)

    async def told_of(self, key: AttemptKey, count: int) -> list[ElementResult]:
        """Wait until so many ends of elements are told; return them by index."""
        if len(self.told.get(key, ())) < count:
            future = self._counting.setdefault((key, count), asyncio.get_running_loop().create_future())
            await asyncio.wait_for(asyncio.shield(future), 30)
        return sorted(self.told[key], key=lambda one: (one.element, one.attempt))

    def count(self, event: str, key: AttemptKey) -> int:
        return self.events.count((event, key))

    async def ended(self, key: AttemptKey) -> Failure | None:
        if key not in self.ends:
            await self._wait("ended", key)
        return self.ends[key]

    async def ran(self, key: AttemptKey) -> None:
        if ("running", key) not in self.events:
            await self._wait("running", key)

    async def _wait(self, event: str, key: AttemptKey) -> None:
        future = self._waiting.setdefault((event, key), asyncio.get_running_loop().create_future())
        await asyncio.wait_for(asyncio.shield(future), 30)

    def _note(self, event: str, key: AttemptKey) -> None:
        self.events.append((event, key))
        future = self._waiting.pop((event, key), None)
        if future is not None and not future.done():
            future.set_result(None)


def bundle_bytes(folder: Path) -> bytes:
    """Return a small deterministic archive of a folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as tar:
        for path in sorted(folder.rglob("*")):
            if "__pycache__" not in path.parts:
                tar.add(path, arcname=str(path.relative_to(folder)), recursive=False)
    return buffer.getvalue()


@dataclass
class Site:
    """A folder with a code bundle in it, and attempts below it."""

    root: Path
    code: str = ""
    count: int = 0
    metadata: TaskMetadata = field(default_factory=TaskMetadata)
    prefix: str = field(init=False)

    def __post_init__(self) -> None:
        self.prefix = f"{self.root}/bundles"
        self.code = self.code or self.add_bundle(BUNDLES)

    @property
    def env(self) -> dict[str, str]:
        return {"FLYTELIKE_UPLOAD_PREFIX": self.prefix, "FLYTELIKE_CODE_CACHE": f"{self.root}/code"}

    def add_bundle(self, folder: Path) -> str:
        return self.add_archive(bundle_bytes(folder))

    def add_archive(self, archive: bytes, digest: str = "") -> str:
        digest = digest or hashlib.sha256(archive).hexdigest()
        path = Path(f"{self.prefix}/p/development/{digest}/bundle.tar.gz")
        path.parent.mkdir(parents=True)
        path.write_bytes(archive)
        return f"sha256:{digest}"

    def attempt(self, task: str, inputs: Mapping[str, object] | None = None, **options: object) -> AttemptSpec:
        """Return an attempt of a task in the bundle. Options as for `spec`, and `module`, `code`."""
        module = str(options.pop("module", "chores"))
        code = str(options.pop("code", self.code))
        args = (*ARGS, "--code", code, "--", "module", module, "task", task)
        return self.spec(args, inputs, name=task, **options)

    def spec(
        self,
        args: tuple[str, ...],
        inputs: Mapping[str, object] | None = None,
        *,
        name: str = "t",
        env: Mapping[str, str] | None = None,
        memory: str = "",
        timeout_ms: int = 0,
        outputs: bool = False,
        attempt: int = 0,
    ) -> AttemptSpec:
        """Return an attempt of any command, its inputs stored."""
        self.count += 1
        folder = f"{self.root}/runs/e{self.count}/n0/data"
        Path(folder).mkdir(parents=True)
        literals = {key: Literal(Primitive(value)) for key, value in (inputs or {}).items()}
        Path(f"{folder}/inputs.pb").write_bytes(literal_map_to_proto(literals).SerializeToString())
        limits = {ResourceName.MEMORY: memory} if memory else {}
        template = TaskTemplate(
            Identifier(ResourceKind.TASK, "p", "development", name, "v1"),
            "python-task",
            self.metadata,
            TypedInterface(outputs={"o0": Variable(INTEGER)} if outputs else {}),
            Container("image", args=args, resources=Resources(limits=limits), env=env or {}),
        )
        return AttemptSpec(
            key=AttemptKey(ExecutionId("p", "development", f"e{self.count}"), NodePath("n0"), attempt),
            task=template,
            workflow=Identifier(ResourceKind.WORKFLOW, "p", "development", "flows.main", "v1"),
            launch_plan=Identifier(ResourceKind.LAUNCH_PLAN, "p", "development", "nightly", "v1"),
            inputs_uri=f"{folder}/inputs.pb",
            output_prefix=f"{folder}/{attempt}",
            raw_output_prefix=f"{self.root}/raw/e{self.count}",
            deadline_ns=timeout_ms * 1_000_000,
        )


def array_of(spec: AttemptSpec, lists: Mapping[str, Sequence[int]], **shared: int | str) -> ArraySpec:
    """Return an array whose elements are attempts like `spec`, with its inputs stored."""
    literals = {name: Literal(Collection(tuple(Literal(Primitive(n)) for n in of))) for name, of in lists.items()}
    literals |= {name: Literal(Primitive(value)) for name, value in shared.items()}
    Path(spec.inputs_uri).write_bytes(literal_map_to_proto(literals).SerializeToString())
    return ArraySpec(
        key=spec.key,
        task=spec.task,
        workflow=spec.workflow,
        launch_plan=spec.launch_plan,
        inputs_uri=spec.inputs_uri,
        output_prefix=spec.output_prefix,
        raw_output_prefix=spec.raw_output_prefix,
        length=len(next(iter(lists.values()))),
        shared=tuple(shared),
        deadline_ns=spec.deadline_ns,
    )


def output(spec: AttemptSpec) -> object:
    """Return the one output an attempt stored."""
    message = literals_pb2.LiteralMap.FromString(Path(f"{spec.output_prefix}/outputs.pb").read_bytes())
    value = literal_map_from_proto(message)["o0"].value
    assert isinstance(value, Primitive)
    return value.value


def retried(spec: AttemptSpec) -> AttemptSpec:
    """Return the next attempt of the same node."""
    key = replace(spec.key, attempt=spec.key.attempt + 1)
    prefix = spec.output_prefix.rpartition("/")[0]
    return replace(spec, key=key, output_prefix=f"{prefix}/{key.attempt}")


def alone(settings: ProcessSettings) -> LocalAllocator:
    """Return an allocator of all that the machine has."""
    return LocalAllocator({(): Quota(limit=settings.machine)}, LoopClock())


class Bench:
    """A site with a process executor that runs its attempts."""

    many = 40

    def __init__(self, root: Path, **settings: object) -> None:
        self.site = Site(root)
        self.listener = Listener()
        store = Store(StoreConfig())
        given = {"slots": 2, "durable": False, "grace_s": 0.2, "memory_poll_s": 0.01, "env": self.site.env, **settings}
        settings = ProcessSettings(logs=root / "logs", **given)
        self.executor = ProcessExecutor(settings, store, self.listener, alone(settings))

    async def run(self, task: str, inputs: Mapping[str, object] | None = None, **options: object) -> "Ended":
        """Run an attempt of a task to its end."""
        return await self.end_of(self.site.attempt(task, inputs, **options))

    async def end_of(self, spec: AttemptSpec) -> "Ended":
        """Start an attempt and wait for its end."""
        await self.executor.start(spec)
        return Ended(spec, await self.listener.ended(spec.key))

    async def begun(self, array: ArraySpec, count: int) -> None:
        """Elements begin at once."""

    async def lined_up(self, count: int) -> None:
        """Attempts are, once they are started."""

    async def log(self, key: AttemptKey) -> bytes:
        """Return all that an attempt printed."""
        return b"".join([data async for data, _ in self.executor.logs.stream(key)])

    async def close(self) -> None:
        await self.executor.close()


@dataclass
class Ended:
    """An attempt that ended; `failure` is None for success."""

    spec: AttemptSpec
    failure: Failure | None

    @property
    def output(self) -> object:
        """The one output it stored."""
        assert self.failure is None, self.failure
        return output(self.spec)


def alive(pid: int) -> bool:
    """Tell whether a process runs: a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def gone(pid: int) -> bool:
    """Wait a while for a process to be gone: the kernel ends killed processes in its own time."""
    async with asyncio.timeout(10):
        while alive(pid):
            await asyncio.sleep(0.002)
    return True


async def appears(path: Path) -> str:
    """Wait for a file that a task writes, and return its text."""
    async with asyncio.timeout(10):
        while not path.exists() or not path.read_text():
            await asyncio.sleep(0.002)
    return path.read_text()
