"""The chart's own pods on a real node: Helm installs them, an execution runs through them, and nothing is left.

They run from the image that `helm/Dockerfile` makes, and so do tasks that name none; their containers see nothing else
of this project.
"""

import asyncio
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import boto3
import psycopg
import pytest
import yaml

from tests.chart import built_image
from tests.kube.control_plane import free_port
from tests.kube.node import PLAIN
from tests.kube.node_cluster import ADDRESS, NodeCluster
from tests.kube.relay import Place, Relay
from tests.services import postgres as server
from tests.services.helm import CHART, Document, Helm

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(600)]

FLOWS = """
import sys

from flytelike import eager, task, workflow


@task
def place() -> str:
    return sys.prefix


@task
def double(n: int) -> int:
    return 2 * n


@workflow
def twice(n: int) -> int:
    return double(n=double(n=n))


@eager
async def eagerly(n: int) -> int:
    return await double(n=await double(n=n))
"""
RUNTIME = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": PLAIN}, "handler": PLAIN}
SMALL = {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "1Gi"}}
LARGE = {"cpu": "2", "memory": "1Gi"}


@pytest.fixture
def database() -> Iterator[int]:
    """The port of a PostgreSQL on loopback, with a database for each half."""
    found = server.programs()
    assert found is not None
    port = free_port()
    data = server.start(found, "fsync=off", "listen_addresses='127.0.0.1'", f"port={port}", "max_connections=100")
    try:
        with psycopg.connect(f"host=127.0.0.1 port={port} user=postgres", autocommit=True) as connection:
            for name in ("plane", "propeller"):
                connection.execute(f"CREATE DATABASE {name}".encode())
        yield port
    finally:
        server.stop(found, data)


@pytest.fixture
def image(node_cluster: NodeCluster, tmp_path: Path) -> Iterator[None]:
    """The image of this tree is on the node, and so is a runtime that lets it alone."""
    missing = built_image.missing_parts()
    if missing:
        reason = f"the chart's image cannot be built: {missing}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    archive = tmp_path / "image.tar"
    name = built_image.build(archive)
    node_cluster.node.ctr("images", "import", str(archive))
    archive.unlink()
    node_cluster.plane.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(RUNTIME))
    yield
    node_cluster.plane.kubectl("delete", "runtimeclass", PLAIN)
    node_cluster.node.ctr("images", "rm", name)


class Release:
    """A release of the chart in a namespace of its own, and the ways in and out of it."""

    def __init__(self, cluster: NodeCluster, folder: Path, stack: ExitStack) -> None:
        self.cluster = cluster
        self.folder = folder
        self.namespace = f"chart-{secrets.token_hex(4)}"
        self.project = f"p{secrets.token_hex(4)}"
        self.token = secrets.token_hex(32)
        self.stack = stack
        self.port, self.clients_port = free_port(), free_port()

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        return self.cluster.plane.kubectl(*words, stdin=stdin)

    def secret(self, name: str, words: dict[str, str]) -> None:
        document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": words}
        self.kubectl("create", "-n", self.namespace, "-f", "-", stdin=yaml.safe_dump(document))

    def values(self, bucket: str) -> Document:
        """Return small values. This node has neither DNS nor Services: ways to the control plane go by relays."""
        store = self.cluster.store_env(inside=True)
        return {
            "image": {"repository": built_image.REPOSITORY, "tag": built_image.TAG, "pullPolicy": "Never"},
            "runtimeClassName": PLAIN,
            "crds": {"enabled": False},
            "database": {"existingSecret": "databases"},
            "auth": {"existingSecret": "words"},
            "store": {
                "uri": f"s3://{bucket}/platform",
                "region": "us-east-1",
                "endpoint": store["FLYTE_AWS_ENDPOINT"],
                "existingSecret": "keys",
            },
            "migrations": {"resources": SMALL, "timeoutSeconds": 120},
            "controlPlane": {
                "replicas": 1,
                "drainSeconds": 1,
                "graceSeconds": 1,
                "resources": SMALL,
            },
            "propeller": {
                "replicas": 1,
                "shards": 1,
                "leaseSeconds": 3,
                "resources": SMALL,
                # Who gives only a request is limited to it, and two hundredths of a processor are next to nothing.
                "pods": {
                    "namespace": "{project}-{domain}",
                    "template": {"spec": {"runtimeClassName": PLAIN}},
                    "env": store,
                    **SMALL,
                    "limits": LARGE,
                },
                "extraEnv": [{"name": "PROPELLER_CONTROL_PLANE", "value": f"{ADDRESS}:{self.port}"}],
            },
            "eager": {"endpoint": f"{ADDRESS}:{self.clients_port}"},
            "clusterResources": {"enabled": False},
        }

    def prepare(self, database: int) -> str:
        """Make what the chart finds there: a bucket, databases, words."""
        relay, address = self.cluster.reachable(database)
        self.stack.callback(relay.stop)
        self.kubectl("create", "namespace", self.namespace)
        at = f"postgresql://postgres@{address}"
        urls = {"control-plane": f"{at}/plane", "propeller": f"{at}/propeller"}
        self.secret("databases", urls)
        keys = ("client-tokens", "propeller-tokens", "signing-key")
        self.secret("words", dict.fromkeys(keys, self.token))
        self.secret("keys", {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests"})  # codespell:ignore
        endpoint = f"http://127.0.0.1:{self.cluster.store_port}"
        given = {"aws_access_key_id": "tests", "aws_secret_access_key": "tests", "region_name": "us-east-1"}
        client = boto3.client("s3", endpoint_url=endpoint, **given)
        client.create_bucket(Bucket=self.namespace)
        client.close()
        return self.namespace

    @property
    def address(self) -> str:
        """The address of the control plane's pod."""
        return str(self.pods("control-plane")[0]["status"]["podIP"])

    def open(self) -> None:
        """Lead the ways of propeller and of eager tasks to the control plane's pod, as Services would."""
        machine = self.cluster.machine
        for port, to in ((self.port, 8087), (self.clients_port, 8089)):
            listen, connect = Place(machine.pid, ADDRESS, port), Place(machine.pid, self.address, to)
            self.stack.callback(Relay(listen, connect, self.cluster.folder / "relay.log").stop)

    def pods(self, component: str) -> list[Document]:
        selected = ("-n", self.namespace, "-l", f"app.kubernetes.io/component={component}")
        found = self.kubectl("get", "pods", *selected, "-o", "json")
        return list(json.loads(found)["items"])

    def ready(self, component: str) -> bool:
        conditions = [one for pod in self.pods(component) for one in pod["status"].get("conditions", ())]
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    def cli(self, *words: str) -> str:
        """Run our command line on the node, where pods and the object store are found by the addresses they have."""
        token = self.folder / "token"
        token.write_text(self.token)
        program = str(Path(sys.executable).parent / "flytelike")
        env = (f"--chdir={self.folder}", f"FLYTELIKE_TOKEN_FILE={token}", f"HOME={self.folder}")
        command = self.cluster.machine.inside("env", *env, program, *words, "--server", f"{self.address}:8089")
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=150)
        assert done.returncode == 0, f"{done.stderr}\n{self.said()}"
        return done.stdout

    def said(self) -> str:
        """Return what the release's pods are and have printed, and what happened to all pods."""
        selected = ("-n", self.namespace, "-l", "app.kubernetes.io/part-of=flytelike")
        told = self.kubectl("describe", "pods,jobs", *selected) + self.kubectl("logs", *selected, "--tail=40")
        return told + "".join(self.kubectl("get", kind, "-A", "-o", "wide") for kind in ("pods", "events"))


async def until(happened: Callable[[], bool], within_s: float = 120) -> None:
    async with asyncio.timeout(within_s):
        while not await asyncio.to_thread(happened):
            await asyncio.sleep(0.3)


@pytest.mark.usefixtures("image")
def test_an_execution_runs_through_what_helm_installs(
    node_cluster: NodeCluster, helm: Helm, database: int, tmp_path: Path
) -> None:
    (tmp_path / "flows.py").write_text(FLOWS)
    with ExitStack() as stack:
        release = Release(node_cluster, tmp_path, stack)
        place = ("--namespace", release.namespace, "--kubeconfig", str(node_cluster.plane.kubeconfig))
        values = yaml.safe_dump(release.values(release.prepare(database)))
        try:
            # Hooks are waited for: the job has made the tables when this returns.
            helm.run("install", "rel", str(CHART), *place, "--timeout", "150s", "--values", "-", stdin=values)
            asyncio.run(until(lambda: release.ready("control-plane")))
            release.open()
            asyncio.run(until(lambda: release.ready("propeller")))
            release.cli("project", "create", release.project)
            words = ("--project", release.project, "--domain", "development", "--json")
            done = json.loads(release.cli("execute", "flows.py", "twice", "--n", "3", *words))
            assert done["outputs"] == {"o0": 12}
            there = json.loads(release.cli("execute", "flows.py", "place", *words))
            assert there["outputs"] == {"o0": "/opt/flytelike"}
            called = json.loads(release.cli("execute", "flows.py", "eagerly", "--n", "3", *words))
            assert called["outputs"] == {"o0": 12}, "it calls by its pod's token: nobody set up another one"
        except BaseException:
            print(release.said())
            raise
        helm.run("uninstall", "rel", *place)
        parts = ("-n", release.namespace, "-l", "app.kubernetes.io/part-of=flytelike", "-o", "name")
        kinds = "pods,deployments,services,jobs,configmaps,secrets,serviceaccounts,roles,rolebindings,networkpolicies"
        asyncio.run(until(lambda: release.kubectl("get", kinds, *parts) == ""))
        assert release.kubectl("get", "clusterroles,clusterrolebindings", *parts[2:]) == ""
