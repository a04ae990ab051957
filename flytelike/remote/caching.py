"""The cache of results: why, what, and taking things out."""

from dataclasses import dataclass

from flytelike.codec.ids import execution_id_to_proto
from flytelike.codec.literals import fill_timestamp
from flytelike.model.ids import ExecutionId
from flytelike.remote.client import Client
from flytelike_idl.core import identifier_pb2
from flytelike_idl.service import caching_pb2 as pb


@dataclass(frozen=True, slots=True)
class Which:
    """Which results are meant; what is empty does not narrow."""

    project: str = ""
    domain: str = ""
    task: str = ""
    used_before_ns: int = 0
    larger_than_bytes: int = 0

    def message(self) -> pb.CacheSelection:
        """Return the message."""
        out = pb.CacheSelection(
            project=self.project, domain=self.domain, task=self.task, larger_than_bytes=self.larger_than_bytes
        )
        if self.used_before_ns:
            fill_timestamp(self.used_before_ns, out.used_before)
        return out


async def explain(client: Client, execution: ExecutionId, node: str) -> pb.ExplainCacheResponse:
    """Return why a node's result came from the cache or did not."""
    name = identifier_pb2.NodeExecutionIdentifier(node_id=node, execution_id=execution_id_to_proto(execution))
    return await client.call(client.caching.ExplainCache(pb.ExplainCacheRequest(id=name)))


async def entries(client: Client, which: Which, limit: int) -> list[pb.CacheEntry]:
    """Return the newest results."""
    request = pb.ListCacheEntriesRequest(selection=which.message(), limit=limit)
    return list((await client.call(client.caching.ListCacheEntries(request))).entries)


async def statistics(client: Client, which: Which) -> list[pb.CacheStatistics]:
    """Return how the cache served each task."""
    request = pb.GetCacheStatisticsRequest(selection=which.message())
    return list((await client.call(client.caching.GetCacheStatistics(request))).tasks)


async def evict(client: Client, which: Which, *, keep_bytes: int, dry_run: bool) -> pb.EvictCacheResponse:
    """Take results out, those unused for longest first, until `keep_bytes` are left; 0 takes out all."""
    request = pb.EvictCacheRequest(selection=which.message(), dry_run=dry_run)
    if keep_bytes:
        request.keep_bytes = keep_bytes
    return await client.call(client.caching.EvictCache(request))
