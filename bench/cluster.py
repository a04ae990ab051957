"""The operator at scale: fake nodes against a real API server and etcd, states in a real PostgreSQL.

`python -m bench.cluster [EXECUTIONS [ELEMENTS [SHARDS...]]]`: executions of ten tasks each, and one map, with so many
shards in one operator. No process is started for a pod: the node writes what its task would give. Where pods end at
once, the machine is full, and what a pod waits for is its processors; where tasks take their time, it is not.
"""

import asyncio
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import yaml

from bench.figure import Figure, percentile
from flytelike.codec.closures import closure_to_proto
from flytelike.codec.digest import digest_of
from flytelike.codec.literals import literal_map_to_proto
from flytelike.model.closure import WorkflowClosure
from flytelike.model.graph import Binding, BoundCollection, BoundScalar, Container
from flytelike.model.launch import LaunchRequest
from flytelike.model.literals import Literal, Primitive
from propeller.executors.pod.labels import selector
from propeller.executors.pod.settings import PodSettings
from propeller.kube.client import ClientSettings, KubernetesClient, address
from propeller.kube.errors import ObjectChanged, ObjectExists, ObjectNotFound
from propeller.kube.ports import FLYTE_WORKFLOWS, PODS, Json, Selection
from propeller.kube.watch import Gone, Listed, Seen, Watch
from tests.kube import programs
from tests.kube.control_plane import ControlPlane
from tests.kube.executing import create
from tests.kube.fake_kubelet import NODES
from tests.kube.log_server import LogServer
from tests.kube.pod_status import now, status, terminated
from tests.services import postgres
from tests.services.kubernetes import establish
from tests.unit.propeller_engine.builders import chain, closure, repeated, request, step

TASKS = 10
SHARDS_MAX = 16
PLACE = "bench"
OUTPUTS = literal_map_to_proto({"o": Literal(Primitive(7))}).SerializeToString()
NAME = "fake"
STARTERS = 64
"""How many things the node does at once."""
CALM, CALM_S = 200, (5.0, 15.0)
"""How many executions show what a task waits for on a machine that is not full, and how long their tasks take."""


@dataclass
class Node:
    """Binds each pod, writes its outputs, says that it has ended; notes when, and when the next one came."""

    client: KubernetesClient
    task_s: tuple[float, float] = (0.0, 0.0)
    ended: dict[str, float] = field(default_factory=dict)
    overheads: list[float] = field(default_factory=list)
    pods: int = 0
    calls: int = 0
    _seen: set[str] = field(default_factory=set)
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(STARTERS))
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    async def run(self) -> None:
        """Run pods, without end."""
        # Pods of other shards have platforms of their own.
        shards = ",".join([PLACE, *(f"{PLACE}.{number}" for number in range(1, SHARDS_MAX))])
        label = selector(PodSettings(platform=PLACE)).partition("=")[0]
        watch = Watch(self.client, Selection(PODS, "", f"{label} in ({shards})"))
        async for item in watch.news():
            match item:
                case Seen(_, pod) if pod["metadata"]["uid"] not in self._seen:
                    self._seen.add(pod["metadata"]["uid"])
                    self._come(pod)
                case Seen() | Gone() | Listed():
                    pass

    def _come(self, pod: Json) -> None:
        self.pods += 1
        execution = pod["spec"]["containers"][0]["args"][-1].partition("/metadata/")[2].split("/")[1]
        if execution in self.ended:
            self.overheads.append(time.perf_counter() - self.ended.pop(execution))
        task = asyncio.get_running_loop().create_task(self._occupy(pod, execution))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _occupy(self, pod: Json, execution: str) -> None:
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        if self.task_s[1]:
            await asyncio.sleep(random.uniform(*self.task_s))  # so that not all end at once
        target = {"apiVersion": "v1", "kind": "Node", "name": NAME}
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": target}
        write_outputs(pod)
        since = now()
        states = {one["name"]: terminated(0, since) for one in pod["spec"]["containers"]}
        told = {"status": status(pod, "Succeeded", states, since=since)}
        async with self._turns:
            try:
                place = address(PODS, namespace, name, "binding")
                await self.client._call("POST", place, None, binding)  # noqa: SLF001 - only nodes of tests bind
                await self.client.merge(PODS, namespace, name, told, "status")
            except (ObjectNotFound, ObjectExists, ObjectChanged):
                return
        self.calls += 2
        self.ended[execution] = time.perf_counter()


def write_outputs(pod: Json) -> None:
    """Do what a pod's task would."""
    folder = Path(pod["spec"]["containers"][0]["args"][-1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "outputs.pb").write_bytes(OUTPUTS)


@dataclass(frozen=True)
class Site:
    """A cluster without an operator: API server, database, a folder as object store."""

    plane: ControlPlane
    database: postgres.Server
    folder: Path

    def request(self, name: str, made: WorkflowClosure) -> LaunchRequest:
        """Store a workflow; return the request to execute it."""
        container = Container("registry.example/task:1", ("task",), ("{{.outputPrefix}}",))
        tasks = {id_: replace(task, container=container) for id_, task in made.tasks.items()}
        message = closure_to_proto(replace(made, tasks=tasks))
        digest = digest_of(message)
        place, inputs = self.folder / digest.removeprefix("sha256:"), self.folder / "inputs.pb"
        place.write_bytes(message.SerializeToString())
        inputs.write_bytes(literal_map_to_proto({"i": Literal(Primitive(1))}).SerializeToString())
        return replace(request(name), closure_uri=str(place), closure_digest=digest, inputs_uri=str(inputs))

    def etcd_bytes(self) -> int:
        """Return how large etcd's file is."""
        return (self.plane.folder / "etcd/member/snap/db").stat().st_size


@contextmanager
def site() -> Iterator[Site]:
    """Start what a cluster is made of."""
    found = postgres.programs()
    assert found is not None, "PostgreSQL is not installed"
    with tempfile.TemporaryDirectory(prefix="flytelike-bench-") as scratch:
        folder = Path(scratch)
        plane = ControlPlane(programs.build("control-plane"), folder / "kube")
        data = postgres.start(found, *postgres.OPTIONS, postgres.RELAXED)
        try:
            plane.start()
            establish(plane)
            plane.kubectl("create", "namespace", PLACE)
            yield Site(plane, postgres.Server(data), folder)
        finally:
            plane.stop()
            postgres.stop(found, data)


@contextmanager
def operator(on: Site, shards: int, number: int) -> Iterator[psutil.Process]:
    """Run an operator with a database of its own."""
    on.database.run("CREATE DATABASE {}", f"bench{number}")
    pods = on.folder / "pods.yaml"
    pods.write_text(yaml.safe_dump({"platform": PLACE, "namespace": PLACE, "creations": 64}))
    words = {
        "--database": on.database.url(f"bench{number}"),
        "--store": str(on.folder / f"store{number}"),
        "--work": str(on.folder / f"work{number}"),
        "--namespace": PLACE,
        "--kubeconfig": str(on.plane.kubeconfig),
        "--pods": str(pods),
        "--holder": "bench",
        "--shards": str(shards),
        "--calls-per-second": "2000",
    }
    command = [str(Path(sys.executable).parent / "propeller"), "operator", *(w for pair in words.items() for w in pair)]
    env = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with (on.folder / "operator.log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def api_calls(on: Site) -> Counter[str]:
    """Return how often the API server was called, by `VERB resource`; lists, watches and leases apart."""
    found: Counter[str] = Counter()
    for line in on.plane.kubectl("get", "--raw", "/metrics").splitlines():
        if line.startswith("apiserver_request_total{"):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
            if labels["resource"] in {"pods", "flyteworkflows"} and labels["verb"] not in {"WATCH", "LIST"}:
                inner = f"/{labels['subresource']}" if labels["subresource"] else ""
                found[f"{labels['verb']} {labels['resource']}{inner}"] += int(float(line.rpartition(" ")[2]))
    return found


@dataclass(frozen=True)
class Run:
    """Something to measure: requests, in how many shards, and from when to when a task takes, in seconds."""

    name: str
    requests: Sequence[LaunchRequest]
    shards: int = 1
    task_s: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Measured:
    """What became of some executions."""

    wall_s: float
    pods: int
    cpu_s: Mapping[str, float]
    memory: int
    overheads: Sequence[float]
    calls: Counter[str]
    etcd: int
    etcd_file: int


def used_s() -> dict[str, float]:
    """Return how much processor time each program has used that this one has started, in seconds."""
    used: defaultdict[str, float] = defaultdict(float)
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            used["the node" if process.pid == os.getpid() else process.name()] += times.user + times.system
    return used


@asynccontextmanager
async def node(on: Site, task_s: tuple[float, float]) -> AsyncIterator[Node]:
    """Run the node, with a client that nothing holds back."""
    settings = ClientSettings(kubeconfig=str(on.plane.kubeconfig), calls_per_second=10_000, burst=10_000)
    async with AsyncExitStack() as stack, KubernetesClient(settings) as client:
        running = Node(client, task_s)
        await served(on, client, stack)
        task = asyncio.get_running_loop().create_task(running.run())
        yield running
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def served(on: Site, client: KubernetesClient, stack: AsyncExitStack) -> None:
    """Answer the API server's questions for logs, and let it know where."""
    empty = on.folder / "log"
    empty.touch()
    logs = LogServer(lambda *_: empty, lambda *_: True)
    await logs.start(on.folder)
    stack.push_async_callback(logs.close)
    if (await client.page(Selection(NODES), 1)).items:
        await client.delete(NODES, "", NAME)
    await client.create(NODES, "", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NAME}})
    told = {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": logs.port}},
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    await client.merge(NODES, "", NAME, {"status": told}, "status")


async def measured(on: Site, run: Run, number: int) -> Measured:
    """Execute requests with an operator that listens already, and delete their objects."""
    requests = run.requests
    with operator(on, run.shards, number) as process:
        async with node(on, run.task_s) as running:
            before, etcd, begun, used = api_calls(on), on.etcd_bytes(), time.perf_counter(), used_s()
            for wanted in requests:
                await create(running.client, wanted, PLACE)
            peak = await until_ended(running.client, len(requests), process)
            wall = time.perf_counter() - begun
            cpu = {name: spent - used.get(name, 0) for name, spent in used_s().items()}
            calls = api_calls(on) - before
            size = on.etcd_bytes()
            on.plane.kubectl("delete", "flyteworkflows", "--all", "-n", PLACE)
            return Measured(wall, running.pods, cpu, peak, running.overheads, calls, size - etcd, size)


async def until_ended(client: KubernetesClient, count: int, process: psutil.Process) -> int:
    """Return once so many executions have succeeded; the most memory that the operator had."""
    peak = 0
    ended: set[str] = set()
    async for item in Watch(client, Selection(FLYTE_WORKFLOWS, PLACE)).news():
        peak = max(peak, process.memory_info().rss)
        if isinstance(item, Seen):
            phase = item.object.get("status", {}).get("phase", "")
            assert phase not in {"FAILED", "ABORTED", "TIMED_OUT"}, item.object["status"]
            if phase == "SUCCEEDED":
                ended.add(item.key.name)
        if len(ended) == count:
            return peak
    raise AssertionError("a watch has no end")


def many(on: Site, executions: int) -> list[LaunchRequest]:
    """Return executions of ten tasks, one after the other."""
    return [on.request(f"e{index}", closure(chain(TASKS))) for index in range(executions)]


def mapped(on: Site, elements: int) -> list[LaunchRequest]:
    """Return one execution of a map."""
    made = closure([step("a", each=repeated())])
    wide = Binding("x", BoundCollection((BoundScalar(Primitive(1)),) * elements))
    template = made.primary.template
    nodes = tuple(replace(one, bindings=(wide,)) if one.id == "a" else one for one in template.nodes)
    primary = replace(made.primary, template=replace(template, nodes=nodes))
    return [on.request("map", replace(made, primary=primary))]


def figures(run: Run, found: Measured) -> list[Figure]:
    """Return what is told of a measurement."""
    name, pods = run.name, found.pods
    busy = ", ".join(f"{what} {spent / pods * 1e3:.1f}" for what, spent in found.cpu_s.items())
    each = ", ".join(f"{what} {count / pods:.2f}" for what, count in found.calls.most_common(8))
    out = [
        Figure(f"{name}: pods", pods / found.wall_s, "a second", "", "the processors, which all processes share"),
        Figure(
            f"{name}: processors in use", sum(found.cpu_s.values()) / found.wall_s, "cores", "", f"ms a pod: {busy}"
        ),
        Figure(f"{name}: operator's processor time a pod", found.cpu_s["propeller"] / pods * 1e3, "ms"),
        Figure(f"{name}: API calls a pod, but the node's", found.calls.total() / pods - 2, "calls", "", each),
        Figure(f"{name}: operator's memory", found.memory / 1e6, "MB"),
        Figure(
            f"{name}: etcd's file grew by", found.etcd / pods, "B a pod", "", "room that was compacted is used first"
        ),
        Figure(f"{name}: etcd's file", found.etcd_file / 1e6, "MB"),
    ]
    # Elements of a map follow no other ones.
    for percent in (50, 99) if " x " in name else ():
        value = percentile(found.overheads, percent) * 1e3
        aim = "< 100" if percent == 50 and run.task_s[1] else ""
        out.append(Figure(f"{name}: pod ended to next pod p{percent}", value, "ms", aim))
    return out


def runs_of(on: Site, executions: int, elements: int, shards: Sequence[int]) -> Iterator[Run]:
    """Yield what is measured, one after the other."""
    yield Run(f"10 executions x {TASKS}, 1 shard", many(on, 10))
    yield Run(f"{CALM} executions x {TASKS} of 5 to 15 s, 1 shard", many(on, CALM), 1, CALM_S)
    for count in shards:
        of = f"{count} shard{'s' * (count > 1)}"
        yield Run(f"{executions:,} executions x {TASKS}, {of}", many(on, executions), count)
        yield Run(f"a map of {elements:,}, {of}", mapped(on, elements), count)


def measure(executions: int = 1_000, elements: int = 10_000, shards: Sequence[int] = (1, 2, 4)) -> list[Figure]:
    """Measure few executions, some that take their time, and, with each number of shards, many and a map."""
    out: list[Figure] = []
    with site() as on:
        for number, run in enumerate(runs_of(on, executions, elements, shards)):
            found = figures(run, asyncio.run(measured(on, run, number)))
            out += found
            print("\n".join(map(str, found)), file=sys.stderr, flush=True)
    return out


if __name__ == "__main__":
    some, wide, *counts = [*map(int, sys.argv[1:]), *(1_000, 10_000)[len(sys.argv) - 1 :]]
    measure(some, wide, counts or (1, 2, 4))
