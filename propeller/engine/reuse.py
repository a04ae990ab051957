"""The list of what an execution takes over from earlier ones, read as it comes into memory, and what counts of it."""

from collections.abc import Mapping
from hashlib import sha256

from flytelike.codec.faults import MalformedError
from flytelike.codec.parse import parse
from flytelike.codec.reuse import reuse_list_from_proto
from flytelike.model.ids import NodePath
from flytelike.model.launch import LaunchRequest
from flytelike.model.reuse import ReusedNode, ReuseList, Way
from flytelike_idl.propeller import reuse_pb2
from propeller.core.plan import parent_of, split
from propeller.core.reuse import Reuse
from propeller.engine.run import Run
from propeller.ports import Blobs

_OF_WAY = {
    Way.TAKE_IF_INPUTS_EQUAL: Reuse.TAKE,
    Way.TAKE: Reuse.TAKE,
    Way.KEEP_GRAPH: Reuse.TAKE,
    Way.LEAVE_OUT: Reuse.LEAVE,
}


async def reuse_of(request: LaunchRequest, blobs: Blobs) -> ReuseList:
    """Return what an execution takes over.

    Raises:
        KeyError: The document that its launch names is gone.
        MalformedError: It is not the one that the launch means.
        BlobsUnavailable: It cannot be read now.
    """
    if not request.reuse_uri:
        return {}
    try:
        data = await blobs.read(request.reuse_uri)
    except KeyError:
        raise KeyError(f"the list of what to take over is gone from {request.reuse_uri}") from None
    if f"sha256:{sha256(data).hexdigest()}" != request.reuse_digest:
        raise MalformedError(f"the list of what to take over at {request.reuse_uri} was changed")
    return reuse_list_from_proto(parse(reuse_pb2.ReuseList, data))


def for_core(nodes: ReuseList) -> Mapping[NodePath, Reuse]:
    """Return what the core is to know of a list."""
    return {path: _OF_WAY[node.way] for path, node in nodes.items() if node.way in _OF_WAY}


def listed(run: Run, path: NodePath) -> ReusedNode | None:
    """Return what is done with a node that is listed; None if it just runs.

    What is listed of nodes of a dynamic node's graph is about that graph: should its task run after all and give
    another one, the nodes there are others.
    """
    found = run.reuse.get(path)
    if found is None:
        return None
    scope, _ = split(path)
    while scope:
        owner = run.reuse.get(parent_of(scope))
        if owner is not None and owner.way is Way.KEEP_GRAPH and not _is_graph_of(run, scope, owner):
            return None
        scope, _ = split(parent_of(scope))
    return found


def _is_graph_of(run: Run, scope: NodePath, owner: ReusedNode) -> bool:
    return owner.source is not None and run.grafts.get(scope) == owner.source.graph
