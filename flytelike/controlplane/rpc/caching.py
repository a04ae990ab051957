"""CachingService: looking into the cache of results, and taking things out of it."""

from flytelike.codec.literals import fill_duration, fill_timestamp, timestamp_to_ns
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.cache_explanation import Explanation, Result
from flytelike.controlplane.errors import invalid
from flytelike.controlplane.messages import node_id
from flytelike.controlplane.repository.catalog_queries import Selection, Statistics
from flytelike.controlplane.rpc.requests import node_of
from flytelike.model.caching import CacheKey, CacheSource
from flytelike_idl.core import identifier_pb2
from flytelike_idl.service import caching_pb2 as pb

PAGE = 100


class CachingServicer:
    """The RPCs of caching."""

    def __init__(self, plane: ControlPlane) -> None:
        """Answer with the use cases of `plane`."""
        self._cache = plane.cache
        self._rows_max = plane.settings.limits.list_rows

    async def explain_cache(self, request: pb.ExplainCacheRequest) -> pb.ExplainCacheResponse:
        """Tell why a node's result came from the cache or did not."""
        return _explanation(await self._cache.explain(node_of(request.id)))

    async def list_cache_entries(self, request: pb.ListCacheEntriesRequest) -> pb.ListCacheEntriesResponse:
        """Return a page of results."""
        limit = min(request.limit or PAGE, self._rows_max)
        if request.token and not (request.token.isdecimal() and len(request.token) < 10):
            raise invalid("invalid-token", f"{request.token[:40]!r} is no token of a page")
        offset = int(request.token or 0)
        rows = await self._cache.entries(selection_of(request.selection), limit + 1, offset)
        token = str(offset + limit) if len(rows) > limit else ""
        return pb.ListCacheEntriesResponse(entries=[_entry(Result.of(row)) for row in rows[:limit]], token=token)

    async def get_cache_statistics(self, request: pb.GetCacheStatisticsRequest) -> pb.GetCacheStatisticsResponse:
        """Return how the cache served each task."""
        found = await self._cache.statistics(selection_of(request.selection))
        return pb.GetCacheStatisticsResponse(tasks=[_statistics(one) for one in found])

    async def evict_cache(self, request: pb.EvictCacheRequest) -> pb.EvictCacheResponse:
        """Take results out."""
        keep = request.keep_bytes if request.HasField("keep_bytes") else 0
        entries, size = await self._cache.evict(selection_of(request.selection), keep, dry_run=request.dry_run)
        return pb.EvictCacheResponse(entries=entries, size_bytes=size)


def selection_of(message: pb.CacheSelection) -> Selection:
    """Return which results a request means."""
    before_ns = timestamp_to_ns(message.used_before) if message.HasField("used_before") else 0
    return Selection(message.project, message.domain, message.task, before_ns, message.larger_than_bytes)


def _explanation(told: Explanation) -> pb.ExplainCacheResponse:
    out = pb.ExplainCacheResponse(why=told.why)
    out.status = int(told.status)  # type: ignore[assignment] # the values are the same
    if told.key is not None:
        out.key.CopyFrom(_key(told.key))
    if told.nearest is not None:
        out.nearest.CopyFrom(_entry(told.nearest))
    for one in told.differences:
        out.differences.add(part=one.part, name=one.name, before=one.before, now=one.now)
    return out


def _key(key: CacheKey) -> pb.CacheKey:
    return pb.CacheKey(
        project=key.project,
        domain=key.domain,
        task=key.task,
        interface=key.interface,
        version=key.version,
        environment=key.environment,
        inputs=dict(key.inputs),
        digest=key.digest,
    )


def _entry(one: Result) -> pb.CacheEntry:
    out = pb.CacheEntry(key=_key(one.key), size_bytes=one.size_bytes, hits=one.hits, gone=one.gone)
    _fill_source(one.key, one.source, out.source)
    fill_duration(one.duration_ns, out.duration)
    for at_ns, field in (
        (one.created_ns, out.created_at),
        (one.used_ns, out.used_at),
        (one.expires_ns, out.expires_at),
        (one.gone_ns, out.gone_at),
    ):
        if at_ns:
            fill_timestamp(at_ns, field)
    if one.replaced_by is not None:
        _fill_source(one.key, one.replaced_by, out.replaced_by)
    return out


def _fill_source(key: CacheKey, source: CacheSource, out: identifier_pb2.TaskExecutionIdentifier) -> None:
    out.node_execution_id.CopyFrom(node_id(source.execution, source.path))
    out.retry_attempt = source.attempt
    out.task_id.CopyFrom(
        identifier_pb2.Identifier(
            resource_type=identifier_pb2.TASK,
            project=key.project,
            domain=key.domain,
            name=key.task,
            version=source.task_version,
        )
    )


def _statistics(one: Statistics) -> pb.CacheStatistics:
    out = pb.CacheStatistics(
        project=one.project,
        domain=one.domain,
        task=one.task,
        hits=one.hits,
        misses=one.misses,
        entries=one.entries,
        size_bytes=one.size_bytes,
    )
    fill_duration(one.saved_ns, out.saved)
    return out
