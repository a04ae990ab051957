"""Cached results by one key each, as Flyte's CacheService has them, over the catalog that tasks use.

A key that is the digest of a task's key means that task's result, and its turn is the one that nodes take. Under
any other key clients keep results of their own; they lie beside those of tasks, and no task ever takes them.
"""

import hashlib
import json
import re

from flytelike.codec.data_uris import data_uris
from flytelike.codec.ids import identifier_to_proto
from flytelike.codec.literals import fill_timestamp, literal_map_from_proto
from flytelike.codec.parse import parse, serialise
from flytelike.controlplane.catalog import EVICTED, Catalog
from flytelike.controlplane.database import Database
from flytelike.controlplane.datasets import exists, made_by, result_of_task
from flytelike.controlplane.errors import Status, invalid, not_found, refusal
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.repository.catalog import EntryRow, find_entries
from flytelike.controlplane.repository.datasets import about_artifact, describe_artifact
from flytelike.controlplane.settings import Settings
from flytelike.model.caching import CacheEntry, CacheKey, CacheSource, Claim, Reserved
from flytelike.model.ids import ExecutionId, Identifier, NodePath, ResourceKind
from flytelike.storage import Store
from flytelike_idl.cacheservice import cacheservice_pb2 as pb
from flytelike_idl.core import literals_pb2

OF_CLIENTS = "cacheservice"
"""Stands in a client's key where a task's interface would."""
DATA_LOST = "data_lost"
_DIGEST = re.compile("[0-9a-f]{64}")


class KeptResults:
    """The use cases of results by key."""

    def __init__(self, database: Database, catalog: Catalog, store: Store, settings: Settings, clock: Clock) -> None:
        """Keep results in `catalog`, which lies in `database`; data that they name lie in `store`."""
        self._database = database
        self._catalog = catalog
        self._store = store
        self._settings = settings
        self._clock = clock

    async def get(self, key: str) -> pb.CachedOutput:
        """Return the result of a key; raises Refusal NOT_FOUND, also when data that it names is gone."""
        row = await self._found(key)
        if row is None:
            raise not_found("artifact", f"under the key {key}")
        if row.digest == key:
            return _of_task(row)
        about = await self._database.read(lambda connection: about_artifact(connection, row.digest))
        out = pb.CachedOutput.FromString(about)
        if not out.output_uri:
            out.output_literals.CopyFrom(parse(literals_pb2.LiteralMap, row.outputs))
        return out

    async def put(self, key: str, output: pb.CachedOutput, *, overwrite: bool) -> None:
        """Keep a client's result.

        Raises:
            Refusal: ALREADY_EXISTS unless it may be replaced; FAILED_PRECONDITION for a task's; RESOURCE_EXHAUSTED
                when it is too large; INVALID_ARGUMENT for outputs that do not lie on this platform.
        """
        known = await self._found(key)
        if known is not None and not overwrite:
            raise exists("artifact", f"a result under the key {key}")
        if known is not None and known.digest == key:
            raise result_of_task(key)
        body = serialise(output.output_literals)
        if len(body) > self._settings.limits.inline_bytes:
            raise refusal(Status.RESOURCE_EXHAUSTED, "artifact-too-large", f"the result has {len(body)} bytes")
        there = await self._store.measure_async(uris) if (uris := self._named(output)) else {}
        if output.output_uri and output.output_uri not in there:
            raise not_found("data", f"at {output.output_uri}")
        now_ns, of = self._clock.now_ns(), key_of(key)
        about = pb.CachedOutput(metadata=output.metadata)
        if output.output_uri:
            about.output_uri = output.output_uri
        fill_timestamp(now_ns if known is None else known.created_at, about.metadata.created_at)
        fill_timestamp(now_ns, about.metadata.last_updated_at)
        size = len(body) + sum(there.values())
        entry = CacheEntry(of, source_of(output.metadata), body, output.output_uri, tuple(there), size, 0, now_ns)
        await self._catalog.put(entry)
        await self._database.write(lambda connection: describe_artifact(connection, of.digest, serialise(about), {}))

    async def delete(self, key: str) -> None:
        """Forget the result of a key, a task's too; raises Refusal NOT_FOUND."""
        row = await self._found(key)
        if row is None:
            raise not_found("artifact", f"under the key {key}")
        await self._catalog.drop([row.digest], EVICTED)

    async def reserve(self, key: str, owner: str, lease_ns: int) -> Reserved:
        """Take the turn to compute the result of a key, or keep it; return who has it."""
        digest = turn_of(key)
        return (await self._catalog.reserve([Claim(digest, owner)], lease_ns))[digest]

    async def release(self, key: str, owner: str) -> None:
        """Give the turn back; of who does not have it, nothing changes."""
        await self._catalog.release([Claim(turn_of(key), owner)])

    async def _found(self, key: str) -> EntryRow | None:
        """Return the row of a key whose data is all there; a task's comes first."""
        now_ns, own = self._clock.now_ns(), key_of(key).digest
        digests = [key, own] if _DIGEST.fullmatch(key) else [own]
        found = await self._database.read(lambda connection: find_entries(connection, digests, now_ns))
        for row in (found[digest] for digest in digests if digest in found):
            uris = [*row.entry().uris, *([row.outputs_uri] if row.outputs_uri and not row.outputs else [])]
            there = await self._store.measure_async(uris) if uris else {}
            if all(uri in there for uri in uris):
                return row
            await self._catalog.drop([row.digest], DATA_LOST)
        return None

    def _named(self, output: pb.CachedOutput) -> list[str]:
        """Return what of this platform a result names; raises Refusal INVALID_ARGUMENT for foreign outputs."""
        if output.output_uri:
            if not self._is_ours(output.output_uri):
                told = f"{output.output_uri} does not lie in the store of this platform"
                raise invalid("outside-of-store", told)
            return [output.output_uri]
        return [uri for uri in data_uris(literal_map_from_proto(output.output_literals)) if self._is_ours(uri)]

    def _is_ours(self, uri: str) -> bool:
        below = (f"{self._settings.base}/", f"{self._settings.raw_prefix}/")
        return uri.startswith(below) and ".." not in uri.split("/")


def key_of(key: str) -> CacheKey:
    """Return the catalog's key of a client's result: of a kind that no task's is, and of no project."""
    return CacheKey("", "", "", OF_CLIENTS, "", "", (("key", key),))


def turn_of(key: str) -> str:
    """Return what a turn is kept under."""
    return key if _DIGEST.fullmatch(key) else hashlib.sha256(json.dumps([OF_CLIENTS, key]).encode()).hexdigest()


def source_of(metadata: pb.Metadata) -> CacheSource:
    """Return who computed a client's result, as far as it says."""
    told, values = metadata.source_identifier, metadata.key_map.values
    execution = ExecutionId(told.project, told.domain, values.get("exec-name", ""))
    return CacheSource(execution, NodePath(values.get("exec-node", "")), 0, told.version)


def _of_task(row: EntryRow) -> pb.CachedOutput:
    """Return what a task computed."""
    out, key = pb.CachedOutput(), row.entry().key
    if row.outputs or not row.outputs_uri:
        out.output_literals.CopyFrom(parse(literals_pb2.LiteralMap, row.outputs))
    else:
        out.output_uri = row.outputs_uri
    source = row.entry().source
    task = Identifier(ResourceKind.TASK, key.project, key.domain, key.task, source.task_version)
    out.metadata.source_identifier.CopyFrom(identifier_to_proto(task))
    out.metadata.key_map.values.update(made_by(source))
    fill_timestamp(row.created_at, out.metadata.created_at)
    fill_timestamp(row.created_at, out.metadata.last_updated_at)
    return out
