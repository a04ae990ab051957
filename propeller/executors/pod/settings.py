"""How pods are made: what the platform's operator decides for all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, TypeAlias

from flytelike.model.image import PLATFORM_IMAGE
from flytelike.model.policies import ResourceName
from propeller.executors.pod.names import PROJECT_DOMAIN

Json: TypeAlias = dict[str, Any]
"""An object as Kubernetes' API has it."""


class SecurityProfile(Enum):
    """Which of Kubernetes' Pod Security Standards the platform keeps to."""

    RESTRICTED = "restricted"
    """Pods get what the profile asks for where their authors say nothing, and are refused where they break it."""
    PRIVILEGED = "privileged"
    """Pods are as their authors say."""


_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Patience:
    """How long troubles that may pass are waited for, in nanoseconds.

    Attributes:
        image_ns: An image that cannot be pulled (Flyte's three minutes).
        container_ns: A container that cannot be made, or one beside the task that ends again and again.
        config_ns: A Secret or ConfigMap that is not there.
        node_ns: A machine that does not tell how a deleted pod ended, beyond the pod's own grace.
    """

    image_ns: int = 180 * _SECOND
    container_ns: int = 180 * _SECOND
    config_ns: int = 30 * _SECOND
    node_ns: int = 30 * _SECOND


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long is waited before a pod is tried again, in seconds; each time twice as long, up to the longest.

    Flyte's are 1 s to 20 s for quotas.
    """

    first_s: float = 0.2
    longest_s: float = 30.0
    quota_first_s: float = 1.0
    quota_longest_s: float = 20.0


AUDIENCE = "flytelike"
"""Whom tokens of pods are meant for where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Calling:
    """How eager tasks call the control plane from their pods.

    Attributes:
        endpoint: Where it answers clients, as pods reach it: `HOST:PORT`, with `https://` in front where TLS is spoken.
        audience: Whom the tokens are meant for that Kubernetes makes for these pods.
        ca_file: The authority of its certificate, in this process's file system; those that images know without one.
        expires_s: How long a token holds; the kubelet has a new one made in time. Ten minutes are Kubernetes' least.
    """

    endpoint: str
    audience: str = AUDIENCE
    ca_file: Path | None = None
    expires_s: int = 600


@dataclass(frozen=True, slots=True)
class PodSettings:
    """What all pods have in common.

    Templates are objects with `metadata` and `spec` as in a `PodTemplate`; see `propeller.executors.pod.merging`.

    Attributes:
        platform: Told in a label of each pod; a cluster may have several platforms.
        namespace: Where an execution's pods live, with `{project}` and `{domain}` filled in.
        template: What every pod is made from.
        interruptible: Laid over it for attempts that may be interrupted.
        uninterruptible: Laid over it for the others.
        by_resource: Laid over it for pods that ask for a resource, by its name in Kubernetes.
        template_name: The `PodTemplate` object for tasks that name none; none if empty.
        template_namespace: Where named templates are looked for if the execution's namespace has none.
        service_account: For tasks that name none; the namespace's default if empty.
        requests: What a container gets that asks for nothing.
        limits: What a container is limited to that says nothing.
        most: What no container may ask more of; what is above is cut, as Flyte does.
        gpu_resource: What Kubernetes calls GPUs.
        accelerator_label: The label of nodes that tells the GPU device.
        partition_label: The label of nodes that tells the size of a GPU's partitions.
        profile: The Pod Security Standard.
        kueue_queue: Kueue's LocalQueue for pods, with `{project}` and `{domain}` filled in; none if empty.
        run_as_user: The user of containers; the image's own if None, which then must be a number other than 0.
        secret_name: The Secret object for requests without a group.
        priority_classes: `PriorityClass` objects by name, and from which priority on each is for; none below all.
        own_image: The platform's image: for tasks that name none, and for what it does itself in pods: carrying
            the files of plain containers.
        env: Variables for every container: the platform's address, the object store, and so on.
        calling: How eager tasks call the control plane; they are told nothing of it without.
        grace_s: Time between SIGTERM and SIGKILL.
        start_allowance_s: How long pulling images and starting may take before a pod's own deadline counts it.
        manifest_bytes_max: The size of a pod's manifest. etcd takes 1.5 MB.
    """

    platform: str = "flytelike"
    namespace: str = PROJECT_DOMAIN
    template: Json = field(default_factory=dict)
    interruptible: Json = field(default_factory=dict)
    uninterruptible: Json = field(default_factory=dict)
    by_resource: Mapping[str, Json] = field(default_factory=dict)
    template_name: str = ""
    template_namespace: str = ""
    service_account: str = ""
    requests: Mapping[ResourceName, str] = field(
        default_factory=lambda: {ResourceName.CPU: "500m", ResourceName.MEMORY: "500Mi"}
    )
    limits: Mapping[ResourceName, str] = field(default_factory=dict)
    most: Mapping[ResourceName, str] = field(default_factory=dict)
    gpu_resource: str = "nvidia.com/gpu"
    accelerator_label: str = "k8s.amazonaws.com/accelerator"
    partition_label: str = "k8s.amazonaws.com/gpu-partition-size"
    profile: SecurityProfile = SecurityProfile.RESTRICTED
    kueue_queue: str = ""
    run_as_user: int | None = None
    secret_name: str = "flytelike"  # noqa: S105 - the name of an object
    priority_classes: Mapping[str, int] = field(default_factory=dict)
    own_image: str = PLATFORM_IMAGE
    env: Mapping[str, str] = field(default_factory=dict)
    calling: Calling | None = None
    grace_s: int = 30
    start_allowance_s: int = 600
    manifest_bytes_max: int = 256 * 1024


@dataclass(frozen=True, slots=True)
class PodExecutorSettings:
    """How the pod executor works.

    Attributes:
        pods: How pods are made.
        logs: Uri below which what pods print is kept.
        patience: How long troubles of starting pods are waited for.
        pauses: How long is waited before a pod is tried to be made again.
        watched: The namespace whose pods are watched; all without one.
        creations: How many pods are created at the same time.
        streams: How many logs are followed at the same time; those of other pods are read when they have ended.
        log_bytes: What is kept of an attempt's output; a line at its end tells that more was dropped.
        events_s: After so long the events of a pod are read that is being made and says nothing, and again.
        log_wait_s: How long the end of an attempt waits for the rest of its log.
        kept_s: How long a finished pod is left, so that one can look at it.
        orphan_s: After so long a finished pod is removed that nobody asks for.
    """

    pods: PodSettings
    logs: str
    patience: Patience = field(default_factory=Patience)
    pauses: Pauses = field(default_factory=Pauses)
    watched: str = ""
    creations: int = 16
    streams: int = 1000
    log_bytes: int = 64 << 20
    events_s: float = 20.0
    log_wait_s: float = 10.0
    kept_s: float = 0.0
    orphan_s: float = 3600.0
