"""What an execution takes over from earlier ones, as the document between control plane and propeller."""

from flytelike.codec.faults import MalformedError
from flytelike.codec.ids import execution_id_from_proto, execution_id_to_proto
from flytelike.model.ids import Digest, ExecutionId, NodePath
from flytelike.model.reuse import ReusedNode, ReuseList, ReuseSource, Way
from flytelike_idl.propeller import reuse_pb2 as pb


def reuse_list_to_proto(nodes: ReuseList) -> pb.ReuseList:
    """Return the document of a list."""
    out = pb.ReuseList()
    sources: dict[tuple[ExecutionId, str], int] = {}
    for path, node in nodes.items():
        message = out.nodes.add(path=path, way=node.way.value)
        source = node.source
        if source is None:
            continue
        key = (source.execution, source.raw_output_prefix)
        if key not in sources:
            sources[key] = len(sources)
            out.sources.add(id=execution_id_to_proto(source.execution), raw_output_prefix=source.raw_output_prefix)
        message.source = sources[key]
        message.source_path = source.path
        message.attempt = source.attempt
        message.inputs_uri = source.inputs_uri
        message.output_uri = source.output_uri
        message.child = source.child
        message.graph = source.graph
    return out


def reuse_list_from_proto(message: pb.ReuseList) -> ReuseList:
    """Return the list of a document. Raises `MalformedError`."""
    sources = [(execution_id_from_proto(source.id), source.raw_output_prefix) for source in message.sources]
    return {NodePath(node.path): _node(node, sources) for node in message.nodes}


def _node(node: pb.ReusedNode, sources: list[tuple[ExecutionId, str]]) -> ReusedNode:
    if node.way not in _WAYS:
        raise MalformedError(f"reuse list: node {node.path!r} is to be dealt with in way {node.way}")
    way = Way(node.way)
    if way is Way.LEAVE_OUT:
        return ReusedNode(way)
    if node.source >= len(sources):
        raise MalformedError(f"reuse list: node {node.path!r} names source {node.source} of {len(sources)}")
    execution, raw = sources[node.source]
    path = NodePath(node.source_path)
    if way is Way.KEEP_GRAPH and not node.graph:
        raise MalformedError(f"reuse list: node {node.path!r} is to keep a graph, and names none")
    graph = Digest(node.graph)
    source = ReuseSource(execution, raw, path, node.attempt, node.inputs_uri, node.output_uri, node.child, graph)
    return ReusedNode(way, source)


_WAYS = frozenset(way.value for way in Way)
