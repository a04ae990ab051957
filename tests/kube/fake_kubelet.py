"""A node without containers: it takes pods of the real API server and runs their commands as local processes.

It stands for the scheduler and a kubelet: binds pods, tells their status as a kubelet does, serves their logs to the
API server, ends them when they are deleted. Images are not looked at, but for those in `faults`.
"""

import asyncio
import base64
import contextlib
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from propeller.kube.client import KubernetesClient, address
from propeller.kube.errors import KubernetesError, ObjectChanged, ObjectExists, ObjectNotFound
from propeller.kube.ports import PODS, ResourceKind, Selection
from propeller.kube.watch import Gone, Listed, ObjectKey, Seen, Watch
from tests.kube.local_process import NoProgram, Process, kill, started
from tests.kube.log_server import LogServer
from tests.kube.pod_status import Json, now, running, status, terminated, waiting

NODES = ResourceKind("", "v1", "nodes")
SECRETS = ResourceKind("", "v1", "secrets")

_LOG = logging.getLogger(__name__)
_SIGNALS = 128


@dataclass(eq=False)
class _Container:
    """A container's process, and whether it has ended."""

    log: Path
    process: Process | None = None
    over: bool = False


@dataclass(eq=False)
class _Pod:
    """A pod on this node. `states` are those of its containers by name."""

    pod: Json
    states: dict[str, Json] = field(default_factory=dict)
    containers: dict[str, _Container] = field(default_factory=dict)
    since: str = ""
    stopping: bool = False
    work: asyncio.Task[None] | None = None


class FakeKubelet:
    """A node, as an async context manager.

    Args:
        client: The API server, with every right.
        selector: Labels of the pods that it takes; other tests have nodes of their own.
        faults: Statuses by image, of pods that never run.
        slots: How many pods it has room for; others wait until one ends.
    """

    def __init__(
        self,
        client: KubernetesClient,
        selector: str,
        faults: Mapping[str, Callable[[Json], Json]] | None = None,
        slots: int = 110,
    ) -> None:
        self.name = f"node-{os.getpid()}-{id(self):x}"
        self.faults = dict(faults or {})
        self.unschedulable = ""
        self._free = slots
        self._backlog: dict[ObjectKey, Json] = {}
        self._bound: set[ObjectKey] = set()
        """Pods that have room here and were not seen since."""
        self.started: list[str] = []
        self._client = client
        self._selector = selector
        self._pods: dict[str, _Pod] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._scratch = tempfile.TemporaryDirectory(prefix="flytelike-node-", ignore_cleanup_errors=True)
        self._root = Path(self._scratch.name)
        self._logs = LogServer(self._log_file, self._log_ended)

    async def __aenter__(self) -> Self:
        await self._logs.start(self._root)
        await self._client.create(NODES, "", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.name}})
        told = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._logs.port}},
            "conditions": [{"type": "Ready", "status": "True"}],
        }
        await self._client.merge(NODES, "", self.name, {"status": told}, "status")
        self._later(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        for one in self._pods.values():
            self._signal(one, signal.SIGKILL)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._logs.close()
        with contextlib.suppress(KubernetesError):
            await self._client.delete(NODES, "", self.name)
        self._scratch.cleanup()

    def kill(self, pod: str) -> None:
        """Kill all processes of a pod, as something outside of Kubernetes would."""
        for one in self._pods.values():
            if one.pod["metadata"]["name"] == pod:
                self._signal(one, signal.SIGKILL)

    # --- what the API server tells ------------------------------------------------------------

    async def _listen(self) -> None:
        watch = Watch(self._client, Selection(PODS, "", self._selector))
        async for item in watch.news():
            match item:
                case Seen(key, pod):
                    self._later(self._see(key, pod))
                case Gone(key):
                    self._backlog.pop(key, None)
                    self._later(self._unbind(key))
                case Listed():
                    pass

    async def _see(self, key: ObjectKey, pod: Json) -> None:
        metadata = pod["metadata"]
        known = self._pods.get(metadata["uid"])
        if not pod["spec"].get("nodeName"):
            await self._persistently(lambda: self._schedule(key, pod))
        elif pod["spec"]["nodeName"] == self.name and known is None:
            one = self._pods[metadata["uid"]] = _Pod(pod)
            self._bound.discard(key)
            if metadata.get("deletionTimestamp"):  # It was bound and deleted before anything of it was seen.
                await self._drop(one)
                await self._release()
                return
            self.started.append(key.name)
            one.work = self._later(self._occupy(one))
        elif known is not None and not known.stopping and not metadata.get("deletionTimestamp"):
            known.pod = {**known.pod, "metadata": metadata}
            self._deliver(known)
        elif known is not None and metadata.get("deletionTimestamp") and not known.stopping:
            known.stopping = True
            await self._stop(known, metadata.get("deletionGracePeriodSeconds") or 0)

    async def _schedule(self, key: ObjectKey, pod: Json) -> None:
        if pod["metadata"].get("deletionTimestamp") or pod["status"].get("conditions"):
            return
        if not self._free:
            self._backlog[key] = pod
            why = "0/1 nodes are available: 1 Too many pods."
        else:
            why = self.unschedulable
        if why:
            told = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why}
            with contextlib.suppress(ObjectNotFound):
                await self._client.merge(PODS, *key, {"status": {"conditions": [told]}}, "status")
            return
        self._free -= 1
        self._bound.add(key)
        target = {"apiVersion": "v1", "kind": "Node", "name": self.name}
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": key.name}, "target": target}
        try:
            await self._client._call("POST", address(PODS, *key, "binding"), None, binding)
        except (ObjectNotFound, ObjectExists, ObjectChanged):
            await self._unbind(key)
        except KubernetesError:
            self._bound.discard(key)
            self._free += 1
            raise

    async def _unbind(self, key: ObjectKey) -> None:
        """Give the room back of a pod that will not run."""
        if key in self._bound:
            self._bound.remove(key)
            await self._release()

    async def _release(self) -> None:
        """Give the room of a pod that has ended to one that waits."""
        self._free += 1
        while self._backlog and self._free:
            key, pod = next(iter(self._backlog.items()))
            del self._backlog[key]
            await self._schedule(key, {**pod, "status": {}})

    # --- a pod's life -------------------------------------------------------------------------

    async def _occupy(self, one: _Pod) -> None:
        try:
            await self._run(one)
        finally:
            await self._release()

    async def _run(self, one: _Pod) -> None:
        one.since = now()
        fault = self.faults.get(one.pod["spec"]["containers"][0]["image"])
        if fault is not None:
            await self._tell_status(one, fault(one.pod))
            return
        spec = one.pod["spec"]
        for container in spec.get("initContainers") or ():
            if await self._start(one, container) is None or not await self._ended_well(one, container["name"]):
                await self._tell(one, "Pending" if "waiting" in one.states[container["name"]] else "Failed")
                return
        for container in spec["containers"]:
            if await self._start(one, container) is None:
                await self._tell(one, "Failed" if "terminated" in one.states[container["name"]] else "Pending")
                return
        await self._tell(one, "Running")
        reason = await self._until_end(one, spec.get("activeDeadlineSeconds"))
        codes = [state["terminated"]["exitCode"] for state in one.states.values()]
        await self._tell(one, "Failed" if reason or any(codes) else "Succeeded", reason)

    async def _until_end(self, one: _Pod, limit_s: float | None) -> str:
        """Return when all containers have ended; why they were ended by this node, if they were."""
        ends = [self._ended_well(one, container["name"]) for container in one.pod["spec"]["containers"]]
        waiting_for = asyncio.gather(*ends)
        try:
            await asyncio.wait_for(asyncio.shield(waiting_for), limit_s)
        except TimeoutError:
            self._signal(one, signal.SIGKILL)
            await waiting_for
            return "DeadlineExceeded"
        return ""

    async def _start(self, one: _Pod, container: Json) -> Process | None:
        metadata, name = one.pod["metadata"], container["name"]
        folder = self._root / metadata["uid"] / name
        folder.mkdir(parents=True)
        log = self._log_file(metadata["namespace"], metadata["name"], name)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()
        made = one.containers[name] = _Container(log)
        try:
            env = await self._environment(metadata["namespace"], container, folder)
            self._deliver(one)
            command = [
                self._inside(one, word) for word in (*(container.get("command") or ()), *(container.get("args") or ()))
            ]
            made.process = await started(command, env, folder, log)
        except ObjectNotFound as error:
            one.states[name] = waiting("CreateContainerConfigError", error.message)
        except NoProgram as error:
            text = f'exec: "{error}": executable file not found in $PATH: unknown'
            one.states[name] = terminated(128, "1970-01-01T00:00:00Z", "StartError", text)
        else:
            one.states[name] = running(now())
            if one.stopping:  # Nobody saw it when the pod was stopped.
                kill(made.process.pid, signal.SIGKILL)
        made.over = made.process is None
        return made.process

    def _deliver(self, one: _Pod) -> None:
        """Keep annotations in files, as volumes of the kind `downwardAPI` do."""
        for volume in one.pod["spec"].get("volumes") or ():
            for item in (volume.get("downwardAPI") or {}).get("items") or ():
                name = item["fieldRef"]["fieldPath"].removeprefix("metadata.annotations['").removesuffix("']")
                path = self._volume(one, volume["name"]) / item["path"]
                path.parent.mkdir(parents=True, exist_ok=True)
                text = one.pod["metadata"].get("annotations", {}).get(name, "")
                if not path.exists() or path.read_text() != text:
                    path.with_suffix(".new").write_text(text)
                    path.with_suffix(".new").rename(path)

    def _inside(self, one: _Pod, word: str) -> str:
        """Return a word of a command with the real places of volumes in it."""
        for container in one.pod["spec"]["containers"]:
            for mount in container.get("volumeMounts") or ():
                word = word.replace(mount["mountPath"], str(self._volume(one, mount["name"])))
        return word

    def _volume(self, one: _Pod, name: str) -> Path:
        return Path(self._root, one.pod["metadata"]["uid"], "volumes", name)

    async def _ended_well(self, one: _Pod, name: str) -> bool:
        container = one.containers[name]
        assert container.process is not None
        code = await container.process.ended()
        container.over = True
        one.states[name] = terminated(code, one.states[name]["running"]["startedAt"])
        return code == 0

    async def _environment(self, namespace: str, container: Json, folder: Path) -> dict[str, str]:
        """Return a container's variables; those of secrets are looked up."""
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
        env = {"PATH": path, "HOME": str(folder), "TMPDIR": str(folder)}
        for one in container.get("env") or ():
            reference = (one.get("valueFrom") or {}).get("secretKeyRef")
            if reference is None:
                env[one["name"]] = one.get("value", "")
                continue
            secret = await self._client.get(SECRETS, namespace, reference["name"])
            env[one["name"]] = base64.b64decode(secret["data"][reference["key"]]).decode()
        return env

    async def _stop(self, one: _Pod, grace_s: int) -> None:
        """End a pod that is deleted, tell how it ended, and let the API server drop it."""
        self._signal(one, signal.SIGTERM)
        if one.work is not None:
            try:
                await asyncio.wait_for(asyncio.shield(one.work), grace_s)
            except TimeoutError:
                self._signal(one, signal.SIGKILL)
                await one.work
        await self._drop(one)

    async def _drop(self, one: _Pod) -> None:
        """Let the API server forget a pod that does not run."""
        metadata = one.pod["metadata"]
        place = metadata["namespace"], metadata["name"], metadata["uid"]
        with contextlib.suppress(ObjectNotFound, ObjectChanged):
            await self._persistently(lambda: self._client.delete(PODS, *place, 0))

    def _signal(self, one: _Pod, number: signal.Signals) -> None:
        for container in one.containers.values():
            if container.process is not None and not container.over:
                kill(container.process.pid, number)

    async def _tell(self, one: _Pod, phase: str, reason: str = "") -> None:
        await self._tell_status(one, status(one.pod, phase, one.states, since=one.since, reason=reason))

    async def _tell_status(self, one: _Pod, told: Json) -> None:
        metadata = one.pod["metadata"]
        patch: dict[str, Any] = {"metadata": {"uid": metadata["uid"]}, "status": told}
        place = metadata["namespace"], metadata["name"]
        with contextlib.suppress(ObjectNotFound, ObjectChanged):  # deleted by force
            await self._persistently(lambda: self._client.merge(PODS, *place, patch, "status"))

    async def _persistently(self, call: Callable[[], Awaitable[object]]) -> None:
        """Call until the API server answers, as kubelets and schedulers do."""
        for _ in range(600):
            try:
                await call()
            except (ObjectNotFound, ObjectChanged):
                raise
            except KubernetesError as error:
                _LOG.info("the API server is asked again: %s", error)
                await asyncio.sleep(0.2)
            else:
                return

    # --- logs ---------------------------------------------------------------------------------

    def _log_file(self, namespace: str, pod: str, container: str) -> Path:
        return self._root / "logs" / namespace / pod / f"{container}.log"

    def _log_ended(self, namespace: str, pod: str, container: str) -> bool:
        for one in self._pods.values():
            metadata = one.pod["metadata"]
            if (metadata["namespace"], metadata["name"]) == (namespace, pod) and container in one.containers:
                return one.containers[container].over
        return True

    def _later(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _LOG.error("the node of the tests", exc_info=task.exception())
