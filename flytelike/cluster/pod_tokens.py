"""Tokens that Kubernetes makes for pods: who holds one is asked of the API server (TokenReview).

Such a token is bound to its pod and holds no longer than that. A pod's name is a function of its attempt, so that the
history is enough to tell which attempt calls; pods themselves need not be read.
"""

import asyncio
import base64
import json
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from typing_extensions import override

from flytelike.cluster.launching import answering
from flytelike.controlplane.access.ports import AttemptTokens, Bearer
from flytelike.model.ids import NodeExecutionId
from propeller.executors.pod.names import PROJECT_DOMAIN, attempt_in_name, namespace_in, pod_name
from propeller.executors.pod.settings import AUDIENCE
from propeller.kube.client import ClientSettings, KubernetesClient
from propeller.kube.ports import TOKEN_REVIEWS, Json, Objects
from propeller.ports import AttemptKey

__all__ = ["AUDIENCE", "PROJECT_DOMAIN", "PodTokenSettings", "PodTokens", "bearer_in", "pod_tokens"]

_LOG = logging.getLogger(__name__)

REVIEWED_S = 60.0
"""How long an answer of the API server counts: a pod that was deleted may be believed for so long."""
REFUSED_S = 10.0
"""How long a token that was refused is not asked about again."""
KNOWN_MAX = 10_000

REVIEWS_PER_SECOND = 50
"""How many tokens are asked about on the average, so that strangers with made-up ones hold up eager tasks alone."""

POD_NAME, POD_UID = "authentication.kubernetes.io/pod-name", "authentication.kubernetes.io/pod-uid"
"""What Kubernetes tells of the pod that a token is bound to."""
_ACCOUNT = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class PodTokenSettings:
    """Which tokens of pods are accepted.

    Attributes:
        audience: Whom they are meant for; none are accepted without one.
        namespace: Where an execution's pods live, with `{project}` and `{domain}` filled in: as operators have it.
    """

    audience: str = AUDIENCE
    namespace: str = PROJECT_DOMAIN


@dataclass(frozen=True, slots=True)
class _Answer:
    bearer: Bearer | None
    until: float


class PodTokens(AttemptTokens):
    """The tokens of pods that run attempts. Tokens are neither kept nor logged: answers are known by their digests."""

    def __init__(self, settings: PodTokenSettings, objects: Objects) -> None:
        """Have tokens reviewed through `objects`."""
        self._settings = settings
        self._objects = objects
        self._known: dict[bytes, _Answer] = {}
        self._asking: dict[bytes, asyncio.Task[_Answer]] = {}

    @override
    def claims(self, token: str) -> bool:
        told = _claims(token)
        audiences = told.get("aud")
        ours = [audiences] if isinstance(audiences, str) else audiences
        return (
            isinstance(ours, list) and self._settings.audience in ours and isinstance(told.get("kubernetes.io"), dict)
        )

    @override
    async def bearer(self, token: str) -> Bearer | None:
        key = sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._known.get(key)
        if known is None or time.monotonic() >= known.until:
            asking = self._asking.get(key)
            if asking is None:
                asking = self._asking[key] = asyncio.create_task(self._ask(key, token), name="pod-token")
                asking.add_done_callback(lambda _: self._asking.pop(key, None))
            known = await asyncio.shield(asking)
        return known.bearer

    @override
    def name_of(self, node: NodeExecutionId, attempt: int) -> str:
        key = AttemptKey(node.execution, node.path, attempt)
        return _named(namespace_in(self._settings.namespace, node.execution), pod_name(key))

    async def _ask(self, key: bytes, token: str) -> _Answer:
        """Ask the API server; raises Refusal UNAVAILABLE `cluster-unavailable`."""
        document = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "metadata": {},
            "spec": {"token": token, "audiences": [self._settings.audience]},
        }
        with answering():
            review = await self._objects.create(TOKEN_REVIEWS, "", document)
        bearer = bearer_in(review, self._settings.audience)
        if bearer is None:
            _LOG.info("a pod's token is not accepted: %s", (review.get("status") or {}).get("error") or "of no attempt")
        lasts_s = REFUSED_S if bearer is None else min(REVIEWED_S, max(0.0, _expires_s(token) - time.time()))
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        answer = self._known[key] = _Answer(bearer, time.monotonic() + lasts_s)
        return answer


def bearer_in(review: Json, audience: str) -> Bearer | None:
    """Return who holds a token by the API server's word; None unless it is a pod that could run an attempt."""
    status = review.get("status") or {}
    # A server that knows nothing of audiences answers without them, and has looked for its own.
    if status.get("authenticated") is not True or audience not in (status.get("audiences") or ()):
        return None
    user = status.get("user") or {}
    extra = user.get("extra") or {}
    name, uid = _only(extra.get(POD_NAME)), _only(extra.get(POD_UID))
    account = str(user.get("username", ""))
    if not account.startswith(_ACCOUNT) or not name or not uid:
        return None
    namespace = account.removeprefix(_ACCOUNT).partition(":")[0]
    attempt = attempt_in_name(name)
    return None if attempt is None else Bearer(_named(namespace, name), attempt, uid)


@asynccontextmanager
async def pod_tokens(settings: PodTokenSettings, client: ClientSettings) -> AsyncIterator[PodTokens | None]:
    """Yield what knows the tokens of pods, by a connection of its own; None where none are accepted."""
    if not settings.audience:
        yield None
        return
    limited = replace(client, calls_per_second=REVIEWS_PER_SECOND, burst=2 * REVIEWS_PER_SECOND)
    async with KubernetesClient(limited) as objects:
        yield PodTokens(settings, objects)


def _named(namespace: str, pod: str) -> str:
    return f"pod:{namespace}/{pod}"


def _only(values: object) -> str:
    return str(values[0]) if isinstance(values, list) and len(values) == 1 else ""


def _claims(token: str) -> Mapping[str, Any]:
    """Return what a JSON Web Token says of itself, nothing of it verified; nothing where it is none."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _expires_s(token: str) -> float:
    told = _claims(token).get("exp")
    return float(told) if isinstance(told, int | float) else 0.0
