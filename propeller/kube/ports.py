"""Kubernetes' objects as the rooms above need them. Real client and fakes pass one contract suite."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, Protocol, TypeAlias

Json: TypeAlias = dict[str, Any]
"""An object as the API server sends it."""


class ResourceKind(NamedTuple):
    """A kind of objects, as addresses spell it. The group of the first kinds is empty."""

    group: str
    version: str
    plural: str


PODS = ResourceKind("", "v1", "pods")
EVENTS = ResourceKind("", "v1", "events")
POD_TEMPLATES = ResourceKind("", "v1", "podtemplates")
NAMESPACES = ResourceKind("", "v1", "namespaces")
"""They lie in no namespace: theirs is empty."""
TOKEN_REVIEWS = ResourceKind("authentication.k8s.io", "v1", "tokenreviews")
"""What is created is a question, answered at once and not kept; they lie in no namespace."""
FLYTE_WORKFLOWS = ResourceKind("flytelike.dev", "v1alpha1", "flyteworkflows")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of a kind: those of a namespace (all without one) with these labels and fields."""

    kind: ResourceKind
    namespace: str = ""
    labels: str = ""
    fields: str = ""


class Page(NamedTuple):
    """Some of the objects of a list. `more` asks for the next page; empty for none."""

    items: Sequence[Json]
    resource_version: str
    more: str


class Change(Enum):
    """What a watch tells."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"
    """Nothing changed up to the version of the object, which is no object but for that."""


class WatchEvent(NamedTuple):
    """One change of one object, in the order of the versions."""

    change: Change
    object: Json


class Objects(Protocol):
    """Kubernetes' objects. Every method raises `KubernetesError`."""

    async def get(self, kind: ResourceKind, namespace: str, name: str) -> Json:
        """Return an object."""

    async def page(self, selection: Selection, limit: int, more: str = "") -> Page:
        """Return at most `limit` objects, and how to go on. Raises `Expired` when `more` is too old."""

    async def create(self, kind: ResourceKind, namespace: str, document: Json) -> Json:
        """Create an object and return it. Fields that its schema does not know are refused."""

    async def replace(self, kind: ResourceKind, document: Json, subresource: str = "") -> Json:
        """Put a new document in the place of the one with its `resourceVersion`; else raises `ObjectChanged`."""

    async def merge(
        self, kind: ResourceKind, namespace: str, name: str, patch: Mapping[str, Any], subresource: str = ""
    ) -> Json:
        """Change the fields that are given (RFC 7386). With a `resourceVersion`, only the object of that version."""

    async def apply(self, kind: ResourceKind, namespace: str, document: Json, manager: str) -> Json:
        """Have the fields that a document gives be as it says, whoever else set them; the object is made if need be.

        What `manager` applied before and does not any more is taken away again (server-side apply). Nothing is written
        where all is so already.
        """

    async def delete(
        self, kind: ResourceKind, namespace: str, name: str, uid: str = "", grace_s: int | None = None
    ) -> None:
        """Delete an object (with a `uid`, only that very one), and what it owns in the background.

        `grace_s` is how long a pod may go on; without it, as long as the pod says.
        """

    def watch(self, selection: Selection, resource_version: str, timeout_s: int) -> AsyncGenerator[WatchEvent, None]:
        """Yield what changed since a version, until `timeout_s` is over. Raises `Expired` when that is too long ago."""


class PodLogs(Protocol):
    """What the containers of pods print."""

    def log(self, namespace: str, pod: str, container: str, *, follow: bool) -> AsyncGenerator[bytes, None]:
        """Yield all that a container printed; with `follow` also what it prints until it ends.

        Raises `KubernetesError`.
        """
