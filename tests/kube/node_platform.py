"""The platform on a cluster with a real node: control plane and operator in this process, tasks as pods."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import boto3
import pytest

from flytelike.cluster.platform import ClusterPlatform
from flytelike.controlplane.settings import Settings
from flytelike.controlplane.tls import TlsFiles
from flytelike.model.policies import ResourceName
from propeller.app.operator import OperatorOptions
from propeller.executors.pod import Calling, PodExecutorSettings, PodSettings
from propeller.kube.client import ClientSettings, KubernetesClient
from tests.kube.control_plane import free_port
from tests.kube.node_cluster import NodeCluster
from tests.services.certificates import Authority
from tests.services.kubernetes import connected

SMALL = {ResourceName.CPU: "10m", ResourceName.MEMORY: "32Mi"}
"""What pods are scheduled by; the node is small, and its pods do little."""

LARGE = {ResourceName.CPU: "2", ResourceName.MEMORY: "2Gi"}
"""What they may take."""


NAMESPACE = """
apiVersion: v1
kind: Namespace
metadata:
  name: flytesnacks-development
  labels: {pod-security.kubernetes.io/enforce: restricted}
"""


@dataclass
class NodePlatform:
    """A running platform, and the cluster it runs on."""

    cluster: NodeCluster
    client: KubernetesClient
    endpoint: str
    bucket: str


def bucket(cluster: NodeCluster, patch: pytest.MonkeyPatch) -> str:
    """Make a bucket, let this process find its store, and return its uri."""
    for name, value in cluster.store_env(inside=False).items():
        patch.setenv(name, value)
    name = f"tests-{uuid.uuid4().hex[:12]}"
    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{cluster.store_port}",
        aws_access_key_id="tests",
        aws_secret_access_key="tests",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket=name)
    return f"s3://{name}"


def pod_settings(cluster: NodeCluster, platform: str, **settings: object) -> PodSettings:
    """Return how pods of a platform are made."""
    env = cluster.store_env(inside=True)
    return PodSettings(platform=platform, requests=SMALL, limits=LARGE, env=env, grace_s=1, **settings)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Guard:
    """How a platform asks who calls: `tokens` of those who may do everything, and who signs its certificate."""

    tokens: Path
    authority: Authority


@asynccontextmanager
async def live(
    cluster: NodeCluster, folder: Path, base: str, guard: Guard | None = None
) -> AsyncIterator[NodePlatform]:
    """Run a platform that keeps all its data at `base`; with a `guard`, one that knows who calls and speaks TLS."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    settings = Settings(f"sqlite:///{folder}/controlplane.db", base, grpc_port=port, http_port=0)
    if guard is not None:
        settings = replace(settings, token_file=guard.tokens, tls=TlsFiles(*guard.authority.pair("plane")))
    cluster.plane.kubectl("apply", "-f", "-", stdin=NAMESPACE)
    relay, address = cluster.reachable(port)
    pods = pod_settings(cluster, uuid.uuid4().hex[:12])
    scheme = "" if guard is None else "https://"
    if guard is None:
        pods = replace(pods, env={**pods.env, "FLYTELIKE_ENDPOINT": address})
    else:
        pods = replace(pods, calling=Calling(f"{scheme}{address}", ca_file=guard.authority.file))
    options = OperatorOptions(
        database=f"sqlite:///{folder}/propeller.db",
        store_base=base,
        work=folder / "work",
        holder="tests",
        client=ClientSettings(kubeconfig=str(cluster.plane.kubeconfig), calls_per_second=1000, burst=1000),
        pods=PodExecutorSettings(pods, f"{base}/logs"),
    )
    try:
        async with connected(cluster.plane) as client, ClusterPlatform(settings, options) as platform:
            yield NodePlatform(cluster, client, f"{scheme}{platform.addresses.grpc}", base)
    finally:
        relay.stop()
