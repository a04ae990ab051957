"""Objects that tests begin with."""

from typing import Any

from flytelike.model.caching import CacheUse
from flytelike.model.ids import Digest, ExecutionId, Identifier, NodeExecutionId, NodePath, ResourceKind
from flytelike.model.launch import LaunchRequest
from propeller.kube.resource import resource_of, resource_to_json

DIGEST = Digest(f"sha256:{'0' * 64}")


def request(name: str = "e1") -> LaunchRequest:
    """Return a small request."""
    return LaunchRequest(
        id=ExecutionId("flights", "development", name),
        launch_plan=Identifier(ResourceKind.LAUNCH_PLAN, "flights", "development", "delays", "v1"),
        workflow=Identifier(ResourceKind.WORKFLOW, "flights", "development", "delays", "v1"),
        closure_uri="s3://bucket/closures/0",
        closure_digest=DIGEST,
        inputs_uri="s3://bucket/inputs/0",
    )


def full_request(name: str = "e1") -> LaunchRequest:
    """Return a request with every field set to something else than its default."""
    small = request(name)
    return LaunchRequest(
        small.id,
        small.launch_plan,
        small.workflow,
        small.closure_uri,
        small.closure_digest,
        small.inputs_uri,
        max_parallelism=7,
        interruptible=False,
        envs={"MODE": "fast", "EMPTY": ""},
        raw_output_prefix="s3://bucket/raw",
        timeout_ns=5_400_000_000_123,
        labels={"team": "pricing"},
        parent=NodeExecutionId(ExecutionId("flights", "development", "above"), NodePath("n0.0.n1")),
        depth=2,
        priority=5,
        reuse_uri="s3://bucket/reuse/0",
        reuse_digest="sha256:1",
        cache=CacheUse.OFF,
    )


def document(name: str, namespace: str, **labels: str) -> dict[str, Any]:
    """Return the document of a small request, without finalizers."""
    made = resource_to_json(resource_of(request(name), namespace))
    made["metadata"]["finalizers"] = []
    made["metadata"]["labels"] |= labels
    return made
