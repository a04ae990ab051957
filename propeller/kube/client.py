"""Kubernetes' objects by the official client: its configuration, credentials and connections, not its model classes.

Objects stay the JSON they are; whoever needs fields parses them (`propeller.kube.resource`).
"""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

from typing_extensions import override

from propeller.kube.connections import Connections
from propeller.kube.errors import KubernetesError, Unavailable, error_of
from propeller.kube.limiter import RateLimiter
from propeller.kube.ports import PODS, Change, Json, Objects, Page, PodLogs, ResourceKind, Selection, WatchEvent

if TYPE_CHECKING:
    import aiohttp
    from kubernetes.aio.client.api_client import ApiClient
    from kubernetes.aio.client.rest import RESTResponse

MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
"""JSON is YAML, too."""
JSON = "application/json"

OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
"""Where Kubernetes tells a pod its namespace."""

EVENT_BYTES_MAX = 8 * 1024 * 1024
"""One line of a watch. Objects are at most 1.5 MB in etcd."""

LOG_S = 4 * 3600.0
"""How long a log is followed before it is asked for again; the kubelet closes what is silent for as long."""


CALLS_PER_SECOND = 200
"""Some five a pod: thirty to forty pods a second. The API server itself sees to it that others get their share."""


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """How the API server is reached.

    Attributes:
        kubeconfig: The file to read; without one, the pod's own credentials, else the user's usual file.
        context: The context in that file; its current one without.
        calls_per_second: How many calls are made on the average, watches apart.
        burst: How many may be made at once after a pause.
        timeout_s: How long an answer may take.
        tries_max: How often a call is made that the API server has no time for (429).
    """

    kubeconfig: str = ""
    context: str = ""
    calls_per_second: float = CALLS_PER_SECOND
    burst: int = 2 * CALLS_PER_SECOND
    timeout_s: float = 30.0
    tries_max: int = 5


class KubernetesClient(Objects, PodLogs):
    """The API server's objects, as an async context manager."""

    def __init__(self, settings: ClientSettings) -> None:
        """Prepare; entering reads the configuration."""
        self._settings = settings
        self._limiter = RateLimiter(settings.calls_per_second, settings.burst)
        self._connections = Connections()
        self._api: ApiClient | None = None

    async def __aenter__(self) -> Self:
        """Read the configuration. Raises `Unavailable` when there is none."""
        self._api = await _api_client(self._settings)
        rest = self._api.rest_client
        rest.pool_manager = self._connections.session(rest.ssl_context, rest.maxsize)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        if self._api is not None:
            await self._api.close()
            await self._connections.end()

    @property
    def own_namespace(self) -> str:
        """The namespace of the pod that this process runs in; `default` outside of pods."""
        return OWN_NAMESPACE.read_text(encoding="utf-8").strip() if OWN_NAMESPACE.exists() else "default"

    @override
    async def get(self, kind: ResourceKind, namespace: str, name: str) -> Json:
        return await self._call("GET", address(kind, namespace, name))

    @override
    async def page(self, selection: Selection, limit: int, more: str = "") -> Page:
        query = {
            "limit": str(limit),
            "labelSelector": selection.labels,
            "fieldSelector": selection.fields,
            "continue": more,
        }
        answer = await self._call("GET", address(selection.kind, selection.namespace), query)
        metadata = answer.get("metadata", {})
        return Page(answer.get("items") or [], metadata.get("resourceVersion", ""), metadata.get("continue", ""))

    @override
    async def create(self, kind: ResourceKind, namespace: str, document: Json) -> Json:
        return await self._call("POST", address(kind, namespace), {"fieldValidation": "Strict"}, document)

    @override
    async def replace(self, kind: ResourceKind, document: Json, subresource: str = "") -> Json:
        metadata = document["metadata"]
        path = address(kind, metadata["namespace"], metadata["name"], subresource)
        return await self._call("PUT", path, {"fieldValidation": "Strict"}, document)

    @override
    async def merge(
        self, kind: ResourceKind, namespace: str, name: str, patch: Mapping[str, Any], subresource: str = ""
    ) -> Json:
        path = address(kind, namespace, name, subresource)
        return await self._call("PATCH", path, {"fieldValidation": "Strict"}, dict(patch), MERGE)

    @override
    async def apply(self, kind: ResourceKind, namespace: str, document: Json, manager: str) -> Json:
        path = address(kind, namespace, document["metadata"]["name"])
        query = {"fieldManager": manager, "force": "true", "fieldValidation": "Strict"}
        return await self._call("PATCH", path, query, document, APPLY)

    @override
    async def delete(
        self, kind: ResourceKind, namespace: str, name: str, uid: str = "", grace_s: int | None = None
    ) -> None:
        options: Json = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        if grace_s is not None:
            options["gracePeriodSeconds"] = grace_s
        if uid:
            options["preconditions"] = {"uid": uid}
        await self._call("DELETE", address(kind, namespace, name), None, options)

    @override
    async def watch(
        self, selection: Selection, resource_version: str, timeout_s: int
    ) -> AsyncGenerator[WatchEvent, None]:
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "labelSelector": selection.labels,
            "fieldSelector": selection.fields,
            "timeoutSeconds": str(timeout_s),
        }
        path = address(selection.kind, selection.namespace)
        try:
            # That it watches is answered at once; only news may be long in coming.
            async with asyncio.timeout(self._settings.timeout_s):
                response = await self._send("GET", path, query, None, JSON, timeout_s + self._settings.timeout_s)
            async with _streamed(response) as answer:
                if response.status != 200:
                    raise _error(response.status, await response.read())
                async for line in _lines(answer):
                    yield _event(line)
        except _no_answer() as error:
            raise Unavailable(0, "", f"the watch of {path} was cut: {str(error) or type(error).__name__}") from error

    @override
    async def log(self, namespace: str, pod: str, container: str, *, follow: bool) -> AsyncGenerator[bytes, None]:
        path = address(PODS, namespace, pod, "log")
        query = {"container": container, "follow": "true" if follow else ""}
        try:
            response = await self._send("GET", path, query, None, JSON, LOG_S if follow else self._settings.timeout_s)
            async with _streamed(response) as answer:
                if response.status != 200:
                    raise _error(response.status, await response.read())
                async for data in answer.content.iter_any():
                    yield data
        except _no_answer() as error:
            raise Unavailable(0, "", f"the log of {pod} was cut: {str(error) or type(error).__name__}") from error

    async def _call(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Json | None = None, kind: str = JSON
    ) -> Json:
        for remaining in reversed(range(self._settings.tries_max)):
            await self._limiter.take()
            try:
                response = await self._send(method, path, query or {}, body, kind, self._settings.timeout_s)
                data = await response.read()
            except _no_answer() as error:
                told = f"{method} {path}: {str(error) or type(error).__name__}"
                raise Unavailable(0, "", told) from error
            if response.status < 400:
                document: Json = json.loads(data)
                return document
            if response.status != 429 or not remaining:
                raise _error(response.status, data)
            # Nothing was done: the server had no time for it, and says when it may.
            await asyncio.sleep(_retry_after_s(response))
        raise AssertionError("unreachable")

    async def _send(
        self, method: str, path: str, query: Mapping[str, str], body: Json | None, kind: str, timeout_s: float
    ) -> "RESTResponse":
        import aiohttp  # noqa: PLC0415 - loaded by those who use Kubernetes only

        assert self._api is not None, "the client was entered"
        headers: dict[str, str] = {"Accept": JSON, "Content-Type": kind, "User-Agent": "flytelike-propeller"}
        await self._api.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        asked = urlencode({key: value for key, value in query.items() if value})
        url = f"{self._api.configuration.host}{path}{f'?{asked}' if asked else ''}"
        timeout = aiohttp.ClientTimeout(total=timeout_s, connect=self._settings.timeout_s)
        return await self._api.rest_client.request(method, url, headers, body, _request_timeout=timeout)


def address(kind: ResourceKind, namespace: str = "", name: str = "", subresource: str = "") -> str:
    """Return the path of objects, of one object, or of a part of it."""
    top = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    parts = [top, *(["namespaces", namespace] if namespace else []), kind.plural, name, subresource]
    return "/".join(part for part in parts if part)


async def _api_client(settings: ClientSettings) -> "ApiClient":
    from kubernetes.aio import config  # noqa: PLC0415 - half a second, paid by those who use Kubernetes only
    from kubernetes.aio.client import Configuration  # noqa: PLC0415
    from kubernetes.aio.client.api_client import ApiClient  # noqa: PLC0415

    configuration = Configuration()
    try:
        if not settings.kubeconfig and "KUBERNETES_SERVICE_HOST" in os.environ:
            config.load_incluster_config(client_configuration=configuration)
        else:
            await config.load_kube_config(
                config_file=settings.kubeconfig or None,
                context=settings.context or None,
                client_configuration=configuration,
                persist_config=False,
            )
    except config.ConfigException as error:
        raise Unavailable(0, "NotConfigured", f"there is no cluster to connect to: {error}") from error
    configuration.retries = None
    # Python 3.13 asks more of certificates than kubectl does: those of many clusters name no key of their authority.
    configuration.disable_strict_ssl_verification = True
    return ApiClient(configuration)


def _no_answer() -> tuple[type[BaseException], ...]:
    """Return what is raised when connections fail."""
    import aiohttp  # noqa: PLC0415 - loaded by those who use Kubernetes only

    return (aiohttp.ClientError, TimeoutError, OSError)


@asynccontextmanager
async def _streamed(response: "RESTResponse") -> "AsyncIterator[aiohttp.ClientResponse]":
    """Hold an answer open. What is not read to its end is cut off: nobody waits for a farewell of TLS."""
    async with response.response as answer:
        try:
            yield answer
        finally:
            transport = answer.connection.transport if answer.connection is not None else None
            if transport is not None:
                transport.abort()


async def _lines(answer: "aiohttp.ClientResponse") -> AsyncIterator[bytes]:
    """Yield an answer's lines. The library's own reader refuses those that are longer than its buffer."""
    rest = b""
    async for data in answer.content.iter_any():
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            yield line
        if len(rest) > EVENT_BYTES_MAX:
            raise Unavailable(0, "", f"an event of a watch is larger than {EVENT_BYTES_MAX} bytes")


def _event(line: bytes) -> WatchEvent:
    document = json.loads(line)
    if document["type"] == "ERROR":
        status = document["object"]
        raise error_of(status.get("code", 500), status.get("reason", ""), status.get("message", "the watch failed"))
    return WatchEvent(Change(document["type"]), document["object"])


def _error(status: int, data: bytes) -> KubernetesError:
    try:
        told = json.loads(data)
        return error_of(status, told.get("reason", ""), told.get("message") or f"HTTP {status}")
    except (ValueError, AttributeError):
        return error_of(status, "", data.decode(errors="replace")[:500] or f"HTTP {status}")


def _retry_after_s(response: "RESTResponse") -> float:
    try:
        return min(float(response.getheader("Retry-After", "1")), 30.0)
    except ValueError:
        return 1.0
