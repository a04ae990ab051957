"""Cached results as propeller and control plane tell each other."""

from flytelike.codec.faults import each, inside, known, required
from flytelike.codec.ids import node_execution_id_from_proto, node_execution_id_to_proto
from flytelike.model.caching import CacheEntry, CacheKey, CacheNote, CacheSource, CacheStatus, CatalogUse, Claim
from flytelike.model.ids import NodeExecutionId
from flytelike_idl.service import propeller_pb2 as pb

_STATUSES = {int(status): status for status in CacheStatus}


def key_to_proto(key: CacheKey) -> pb.ResultKey:
    """Return the message of a key."""
    return pb.ResultKey(
        project=key.project,
        domain=key.domain,
        task=key.task,
        interface=key.interface,
        version=key.version,
        environment=key.environment,
        inputs=[pb.ResultInput(name=name, digest=digest) for name, digest in key.inputs],
    )


def key_from_proto(message: pb.ResultKey) -> CacheKey:
    """Return a key."""
    return CacheKey(
        message.project,
        message.domain,
        message.task,
        message.interface,
        message.version,
        message.environment,
        tuple((item.name, item.digest) for item in message.inputs),
    )


def source_to_proto(source: CacheSource) -> pb.ResultSource:
    """Return the message of who computed a result."""
    node = node_execution_id_to_proto(NodeExecutionId(source.execution, source.path))
    return pb.ResultSource(node=node, attempt=source.attempt, task_version=source.task_version)


def source_from_proto(message: pb.ResultSource) -> CacheSource:
    """Return who computed a result."""
    required(message, "node")
    node = inside("node", node_execution_id_from_proto, message.node)
    return CacheSource(node.execution, node.path, message.attempt, message.task_version)


def entry_to_proto(entry: CacheEntry) -> pb.CachedResult:
    """Return the message of a result."""
    return pb.CachedResult(
        key=key_to_proto(entry.key),
        source=source_to_proto(entry.source),
        outputs=entry.outputs,
        outputs_uri=entry.outputs_uri,
        uris=entry.uris,
        size_bytes=entry.size_bytes,
        duration_ns=entry.duration_ns,
        created_ns=entry.created_ns,
        expires_ns=entry.expires_ns,
    )


def entry_from_proto(message: pb.CachedResult) -> CacheEntry:
    """Return a result."""
    required(message, "key")
    required(message, "source")
    return CacheEntry(
        key_from_proto(message.key),
        inside("source", source_from_proto, message.source),
        message.outputs,
        message.outputs_uri,
        tuple(message.uris),
        message.size_bytes,
        message.duration_ns,
        message.created_ns,
        message.expires_ns,
    )


def note_to_proto(note: CacheNote) -> pb.CacheNote:
    """Return the message of what is told about a node and the cache."""
    return pb.CacheNote(
        status=int(note.status),  # type: ignore[arg-type]  # the stub wants its own enum
        key=None if note.key is None else key_to_proto(note.key),
        source=None if note.source is None else source_to_proto(note.source),
        why=note.why,
    )


def note_from_proto(message: pb.CacheNote) -> CacheNote:
    """Return what is told about a node and the cache."""
    return CacheNote(
        known(_STATUSES, message.status, "cache status"),
        key_from_proto(message.key) if message.HasField("key") else None,
        inside("source", source_from_proto, message.source) if message.HasField("source") else None,
        message.why,
    )


def claim_to_proto(claim: Claim) -> pb.WorkClaim:
    """Return the message of a wish for work."""
    return pb.WorkClaim(digest=claim.digest, holder=claim.holder)


def claims_from_proto(request: pb.ReserveWorkRequest | pb.ReleaseWorkRequest) -> tuple[Claim, ...]:
    """Return who wants or has what."""
    return tuple(Claim(message.digest, message.holder) for message in request.claims)


def use_to_proto(use: CatalogUse) -> pb.ResultUse:
    """Return the message of a use; the digest follows from the key."""
    return pb.ResultUse(key=key_to_proto(use.key), hit=use.hit, saved_ns=use.saved_ns)


def use_from_proto(message: pb.ResultUse) -> CatalogUse:
    """Return a use."""
    key = key_from_proto(message.key)
    return CatalogUse(key, key.digest, message.hit, message.saved_ns)


def entries_from_proto(request: pb.KeepResultsRequest | pb.LookUpResultsResponse) -> tuple[CacheEntry, ...]:
    """Return results."""
    return each("results", entry_from_proto, request.results)
