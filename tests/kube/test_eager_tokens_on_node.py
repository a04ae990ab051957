"""Eager functions on a real node call with the tokens that Kubernetes makes for their pods: nobody sets up a secret.

The platform asks everybody who they are and speaks TLS by an authority of its own.
"""

import asyncio
import json
from pathlib import Path

import pytest

from flytelike.codec.ids import identifier_to_proto
from flytelike.model.ids import ExecutionId, Identifier, NodeExecutionId, NodePath, ResourceKind
from flytelike.remote import calls, executions
from flytelike.remote.access import Access
from flytelike.remote.client import Client
from flytelike.remote.errors import RemoteError
from flytelike_idl.admin import common_pb2
from propeller.executors.pod.labels import key_of_pod
from propeller.executors.pod.names import pod_name
from propeller.kube.ports import PODS, Json, Selection
from propeller.ports import AttemptKey
from tests.e2e.cli import flytelike
from tests.kube.node_cluster import ADDRESS, NodeCluster
from tests.kube.node_platform import Guard, NodePlatform, bucket, live
from tests.services.certificates import Authority

pytestmark = [pytest.mark.slow, pytest.mark.timeout(620)]

PROJECT, DOMAIN = "flytesnacks", "development"
NAMESPACE = f"{PROJECT}-{DOMAIN}"
WORD = "of-those-who-run-the-platform"

FLOWS = """
import asyncio
import time

from flytelike import EagerException, eager, task, workflow


@task
def add(left: int, right: int) -> int:
    return left + right


@task
def endless(number: int) -> int:
    time.sleep(3600)
    return number


@workflow
def twice(number: int) -> int:
    return add(left=number, right=number)


@eager
async def counts(number: int) -> int:
    found = sum(await asyncio.gather(*[add(left=i, right=1) for i in range(number)]))
    return found + await twice(number=5)


@eager
async def gives_up(number: int) -> str:
    try:
        await asyncio.wait_for(endless(number=number), 1)
    except TimeoutError:
        return "gave up"
    return "waited"


@eager
async def waits(number: int) -> int:
    return await endless(number=number)
"""


def test_eager_functions_call_by_themselves_and_nobody_else_does_so_for_them(
    node_cluster: NodeCluster, tmp_path: Path
) -> None:
    (tmp_path / "flows.py").write_text(FLOWS)
    guard = Guard(tmp_path / "tokens", Authority(tmp_path, "authority", ("127.0.0.1", ADDRESS)))
    guard.tokens.write_text(f"{WORD}\n")

    async def main(base: str) -> None:
        async with asyncio.timeout(560), live(node_cluster, tmp_path / "platform", base, guard) as platform:
            site = Site(platform, guard, tmp_path)
            counted = await site.ask("execute", "flows.py", "counts", "--number", "3", "--json")
            assert list(counted["outputs"].values()) == [16]
            await site.outsiders_are_refused_and_ends_are_ends(await site.waiting())
            gave_up = await site.ask("execute", "flows.py", "gives_up", "--number", "1", "--json")
            assert list(gave_up["outputs"].values()) == ["gave up"]
            await site.until_no_pods("endless")

    with pytest.MonkeyPatch.context() as patch:
        asyncio.run(main(bucket(node_cluster, patch)))


class Site:
    """The platform, those who run it, and those who must not get in."""

    def __init__(self, platform: NodePlatform, guard: Guard, folder: Path) -> None:
        self.platform = platform
        self.guard = guard
        self.folder = folder

    async def ask(self, *words: str) -> Json:
        """Have the command line do something, as somebody who may do everything."""
        env = {"FLYTELIKE_TOKEN_FILE": str(self.guard.tokens), "FLYTELIKE_CA_FILE": str(self.guard.authority.file)}
        where = ("--server", self.platform.endpoint)
        done = await asyncio.to_thread(
            flytelike, self.folder / "home", *words, *where, cwd=self.folder, env=env, timeout_s=300
        )
        assert done.code == 0, done.stderr
        return json.loads(done.stdout) if "--json" in words else {}

    async def kubectl(self, *words: str, stdin: str | None = None) -> str:
        return await asyncio.to_thread(self.platform.cluster.plane.kubectl, "-n", NAMESPACE, *words, stdin=stdin)

    async def waiting(self) -> "Eager":
        """Return an eager function that waits for a call without an end."""
        name = (await self.ask("execute", "flows.py", "waits", "--number", "1", "--no-wait", "--json"))["execution"]
        selection = Selection(PODS, NAMESPACE, f"flytelike.dev/execution={name}")
        while not (pods := (await self.platform.client.page(selection, 1)).items):
            await asyncio.sleep(0.1)
        key = key_of_pod(pods[0])
        assert key is not None, "the annotations tell"
        node = NodeExecutionId(key.execution, key.path)
        async with self.client(WORD) as root:
            async for news in calls.watch(root, node):
                if news.calls:
                    break
        return Eager(node, pods[0])

    def client(self, token: str) -> Client:
        return Client(self.platform.endpoint, Access(ca_file=self.guard.authority.file, token=token))

    async def token(self, pod: str, uid: str, *, audience: str = "flytelike") -> str:
        """Return a token bound to a pod, as the kubelet has them made."""
        bound = ("--bound-object-kind", "Pod", "--bound-object-name", pod, "--bound-object-uid", uid)
        told = await self.kubectl("create", "token", "default", "--audience", audience, *bound)
        return told.strip()

    async def refused(self, token: str, node: NodeExecutionId) -> str:
        """Return the code with which somebody is refused who watches a node's calls."""
        async with self.client(token) as client:
            with pytest.raises(RemoteError) as refused:
                await anext(calls.watch(client, node))
        return refused.value.diagnostics[0].code

    async def outsiders_are_refused_and_ends_are_ends(self, eager: "Eager") -> None:
        metadata = eager.pod["metadata"]
        own = await self.token(metadata["name"], metadata["uid"])
        assert {kind for volume in eager.volumes() for kind in volume} == {"serviceAccountToken", "downwardAPI"}
        async with self.client(own) as client:
            async for news in calls.watch(client, eager.node):
                assert len(news.calls) == 1
                break
            await self._keeps_to_its_own(client, eager)
        assert await self.refused_as(eager, "stranger") == "token-not-accepted"
        assert await self.refused_as(eager, pod_name(AttemptKey(eager.node.execution, NodePath("n1"), 0))) == (
            "permission-denied"
        )
        assert await self.refused_as(eager, pod_name(AttemptKey(eager.node.execution, eager.node.path, 1))) == (
            "attempt-not-recorded"
        )
        unbound = (await self.kubectl("create", "token", "default", "--audience", "flytelike")).strip()
        assert await self.refused(unbound, eager.node) == "token-not-accepted"
        other = await self.token(metadata["name"], metadata["uid"], audience="others")
        assert await self.refused(other, eager.node) == "token-not-accepted"
        await self.ask("abort", eager.node.execution.name)
        await self.until_no_pods("waits", "endless")
        assert await self.refused(own, eager.node) == "attempt-ended"

    async def refused_as(self, eager: "Eager", name: str) -> str:
        """Return the code with which a pod of a name is refused that somebody made to look like an eager function's."""
        made = json.loads(await self.kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(eager.copied(name))))
        found = await self.refused(await self.token(name, made["metadata"]["uid"]), eager.node)
        await self.kubectl("delete", "pod", name, "--grace-period=0", "--force")
        return found

    async def _keeps_to_its_own(self, client: Client, eager: "Eager") -> None:
        """Show that an eager function's token opens nothing but its own calls."""
        elsewhere = ExecutionId("other", DOMAIN, eager.node.execution.name)
        for execution in (elsewhere, ExecutionId(PROJECT, DOMAIN, "another")):
            with pytest.raises(RemoteError, match="permission-denied"):
                await calls.start(client, NodeExecutionId(execution, eager.node.path), "e1", _task("other"), {}, None)
        with pytest.raises(RemoteError, match="permission-denied"):
            await calls.start(client, eager.node, "e2", _task("other"), {}, None)
        with pytest.raises(RemoteError, match="permission-denied"):
            await executions.terminate(client, eager.node.execution, "wrong")
        with pytest.raises(RemoteError, match="permission-denied"):
            await client.call(client.admin.GetTask(common_pb2.ObjectGetRequest(id=identifier_to_proto(_task(PROJECT)))))

    async def until_no_pods(self, *tasks: str) -> None:
        """Return once no pods of tasks are left."""
        selection = Selection(PODS, NAMESPACE, "flytelike.dev/task")
        while True:
            pods = (await self.platform.client.page(selection, 100)).items
            named = [pod["metadata"]["labels"]["flytelike.dev/task"].rpartition(".")[2] for pod in pods]
            if not set(named) & set(tasks):
                return
            await asyncio.sleep(0.1)


class Eager:
    """An eager function that runs: its node, and its pod."""

    def __init__(self, node: NodeExecutionId, pod: Json) -> None:
        self.node = node
        self.pod = pod

    def volumes(self) -> list[Json]:
        """Return what the platform has the kubelet bring into the pod."""
        return [
            source
            for volume in self.pod["spec"]["volumes"]
            if volume["name"].startswith("flytelike")
            for source in volume["projected"]["sources"]
        ]

    def copied(self, name: str) -> Json:
        """Return a pod that says of itself all that this one does, under another name."""
        metadata = {name: self.pod["metadata"][name] for name in ("labels", "annotations", "ownerReferences")}
        metadata["name"] = name
        spec = {name: value for name, value in self.pod["spec"].items() if name != "nodeName"}
        spec["nodeSelector"] = {"nowhere": "true"}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _task(project: str) -> Identifier:
    return Identifier(ResourceKind.TASK, project, DOMAIN, "flows.add", "v1")
