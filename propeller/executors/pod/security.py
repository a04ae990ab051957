"""Kubernetes' *restricted* Pod Security Standard: given to pods that say nothing, demanded of those that do.

The rules are those of the standard's page (version 1.34) for Linux pods; the API server judges again where the
namespace is labelled so.
"""

from collections.abc import Iterator
from typing import Any

from propeller.executors.pod.faults import Faults
from propeller.executors.pod.merging import laid_over
from propeller.executors.pod.settings import Json, PodSettings, SecurityProfile

_VOLUMES = frozenset(
    [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ]
)
_SECCOMP = frozenset({"RuntimeDefault", "Localhost"})
_HOST_FIELDS = ("hostNetwork", "hostPID", "hostIPC")
_SAFE_SYSCTLS = frozenset(
    [
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_wmem",
    ]
)


def with_security(pod: Json, settings: PodSettings) -> Json:
    """Return a pod with what the profile wants, where the pod says nothing itself."""
    if settings.profile is SecurityProfile.PRIVILEGED:
        return pod
    context: Json = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    if settings.run_as_user is not None:
        context |= {"runAsUser": settings.run_as_user, "fsGroup": settings.run_as_user}
    of_container: Json = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    spec = pod["spec"]
    result: Json = {"securityContext": laid_over(context, spec.get("securityContext") or {})}
    for field in ("containers", "initContainers"):
        if spec.get(field):
            result[field] = [
                {**one, "securityContext": laid_over(of_container, one.get("securityContext") or {})}
                for one in spec[field]
            ]
    return {**pod, "spec": {**spec, **result}}


def check_security(pod: Json, settings: PodSettings, faults: Faults) -> None:
    """Tell what breaks the profile."""
    if settings.profile is SecurityProfile.PRIVILEGED:
        return
    for headline in _violations(pod["spec"]):
        faults.add("forbidden-pod-field", headline, "the platform runs pods of the `restricted` profile only")


def _violations(spec: Json) -> Iterator[str]:
    for field in _HOST_FIELDS:
        if spec.get(field):
            yield f"`{field}` gives the pod what belongs to its machine"
    for volume in spec.get("volumes") or ():
        kinds = sorted(set(volume) - {"name"} - _VOLUMES)
        if kinds:
            yield f"the volume `{volume.get('name')}` is of the kind `{kinds[0]}`, which pods may not have"
    context = spec.get("securityContext") or {}
    yield from _context_violations(context, "the pod")
    for sysctl in context.get("sysctls") or ():
        if sysctl.get("name") not in _SAFE_SYSCTLS:
            yield f"the pod sets `{sysctl.get('name')}` of the kernel"
    for field in ("containers", "initContainers"):
        for container in spec.get(field) or ():
            yield from _container_violations(container, f"container `{container['name']}`")


def _container_violations(container: Json, whose: str) -> Iterator[str]:
    context = container.get("securityContext") or {}
    yield from _context_violations(context, whose)
    if context.get("privileged"):
        yield f"{whose} is privileged"
    if context.get("allowPrivilegeEscalation") is not False:
        yield f"{whose} may gain privileges (`allowPrivilegeEscalation`)"
    if (context.get("procMount") or "Default") != "Default":
        yield f"{whose} has its own `procMount`"
    capabilities = context.get("capabilities") or {}
    added = sorted(set(capabilities.get("add") or ()) - {"NET_BIND_SERVICE"})
    if added:
        yield f"{whose} adds the capability {', '.join(added)}"
    if "ALL" not in (capabilities.get("drop") or ()):
        yield f"{whose} does not drop all capabilities"
    if any(port.get("hostPort") for port in container.get("ports") or ()):
        yield f"{whose} has a port of its machine (`hostPort`)"


def _context_violations(context: Json, whose: str) -> Iterator[str]:
    if context.get("runAsNonRoot") is False or context.get("runAsUser") == 0:
        yield f"{whose} runs as root"
    seccomp: Any = context.get("seccompProfile")
    if seccomp is not None and seccomp.get("type") not in _SECCOMP:
        yield f"{whose} is not kept from system calls (`seccompProfile`)"
