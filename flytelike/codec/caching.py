"""Keys and sources of cached results as JSON: how the catalog's tables keep them."""

import json
from functools import lru_cache
from typing import Any

from flytelike.model.caching import CacheKey, CacheSource
from flytelike.model.ids import ExecutionId, NodePath

_ENCODER = json.JSONEncoder(separators=(",", ":"))


def key_to_json(key: CacheKey) -> str:
    """Return a key's text."""
    inputs = [list(item) for item in key.inputs]
    parts = [key.project, key.domain, key.task, key.interface, key.version, key.environment, inputs]
    return _ENCODER.encode(parts)


def key_from_json(text: str) -> CacheKey:
    """Return the key of a text that `key_to_json` wrote."""
    project, domain, task, interface, version, environment, inputs = json.loads(text)
    return CacheKey(project, domain, task, interface, version, environment, tuple((n, digest) for n, digest in inputs))


def source_to_json(source: CacheSource) -> str:
    """Return a source's text."""
    run = source.execution
    return _ENCODER.encode([run.project, run.domain, run.name, source.path, source.attempt, source.task_version])


def source_from_json(text: str) -> CacheSource:
    """Return the source of a text that `source_to_json` wrote."""
    found: list[Any] = json.loads(text)
    project, domain, name, path, attempt, version = found
    return CacheSource(_execution(project, domain, name), NodePath(path), attempt, version)


@lru_cache(maxsize=256)
def _execution(project: str, domain: str, name: str) -> ExecutionId:
    """Return an id, checked once: thousands of results in a row come from one execution."""
    return ExecutionId(project, domain, name)
