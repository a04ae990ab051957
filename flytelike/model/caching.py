"""Caching: what a cached result is known by, where it came from, and what is told about it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from flytelike.model.ids import ExecutionId, NodePath

_ENCODER = json.JSONEncoder(separators=(",", ":"))


class CacheStatus(IntEnum):
    """What the catalog had to say about a node; values are Flyte's `CatalogCacheStatus`."""

    DISABLED = 0
    MISS = 1
    HIT = 2
    POPULATED = 3
    LOOKUP_FAILURE = 4
    PUT_FAILURE = 5
    SKIPPED = 6
    EVICTED = 7


class CacheUse(IntEnum):
    """What an execution does with results that are kept already."""

    USE = 0
    OVERWRITE = 1
    """Compute anew, and keep the new results."""
    OFF = 2
    """Neither look for results nor keep them."""


@dataclass(frozen=True, slots=True)
class CacheKey:
    """What makes two pieces of work equal, part by part, so that it can be told which part differs.

    `interface` is the digest of the types of inputs and outputs, `version` what the author gave or
    the digest of the task's code, `environment` the image where the version is derived from the
    code (empty otherwise), `inputs` the digests of the inputs that count, sorted by name.
    """

    project: str
    domain: str
    task: str
    interface: str
    version: str
    environment: str
    inputs: tuple[tuple[str, str], ...]

    @property
    def digest(self) -> str:
        """The SHA-256 over all parts."""
        parts = [self.project, self.domain, self.task, self.interface, self.version, self.environment, self.inputs]
        return hashlib.sha256(_ENCODER.encode(parts).encode()).hexdigest()


def derived_version(code: Mapping[str, str]) -> str:
    """Return the cache version that stands for what a task's code is made of, `TaskTemplate.code`."""
    whole = "\n".join(f"{name} {digest}" for name, digest in sorted(code.items()))
    return f"code-{hashlib.sha256(whole.encode()).hexdigest()[:32]}"


@dataclass(frozen=True, slots=True)
class CacheSource:
    """The attempt that computed a cached result, and the version its task had."""

    execution: ExecutionId
    path: NodePath
    attempt: int
    task_version: str


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A result that is kept.

    `outputs` is the serialised `core.LiteralMap` where it is small, else it lies at `outputs_uri`
    alone. `uris` are the files, folders and tables that the outputs name; `size_bytes` is theirs
    and the document's together. `duration_ns` is how long the attempt took. `expires_ns` is 0 for never.
    """

    key: CacheKey
    source: CacheSource
    outputs: bytes
    outputs_uri: str
    uris: tuple[str, ...] = ()
    size_bytes: int = 0
    duration_ns: int = 0
    created_ns: int = 0
    expires_ns: int = 0


@dataclass(frozen=True, slots=True)
class CacheNote:
    """What is told about a node and the cache. `why`, in snake case, tells what the status does not."""

    status: CacheStatus
    key: CacheKey | None = None
    source: CacheSource | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody's wish to be the only one who does some work. `digest` is the work's key's, `holder` who it is."""

    digest: str
    holder: str


@dataclass(frozen=True, slots=True)
class Reserved:
    """Who does the work, until when unless it is renewed, in nanoseconds since 1970."""

    holder: str
    until_ns: int


@dataclass(frozen=True, slots=True)
class CatalogUse:
    """That a result was looked for: found or not, and the time that was saved. `digest` is the key's."""

    key: CacheKey
    digest: str
    hit: bool
    saved_ns: int = 0
