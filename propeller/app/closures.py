"""Compiled closures from the object store, checked against the digest that names them."""

from collections import OrderedDict

from typing_extensions import override

from flytelike.codec.closures import closure_from_proto
from flytelike.codec.digest import digest_of
from flytelike.codec.faults import MalformedError
from flytelike.codec.parse import parse
from flytelike.model.closure import WorkflowClosure
from flytelike.model.failure import Failure, Fault
from flytelike.model.graph import TaskTemplate
from flytelike.model.ids import Digest, ExecutionId
from flytelike.storage import InvalidUri, NotFound, Store
from flytelike_idl.core import compiler_pb2
from propeller.ports import Closures, GraphRefused

CLOSURES_KEPT = 64


class StoredClosures(Closures):
    """Closures that lie in the object store; recent ones are kept.

    Graphs that tasks give at run time are compiled by the control plane: without one, they are refused.
    """

    def __init__(self, store: Store) -> None:
        """Read through `store`."""
        self._store = store
        self._kept: OrderedDict[Digest, WorkflowClosure] = OrderedDict()

    @override
    async def get(self, uri: str, digest: Digest) -> WorkflowClosure:
        """Return a closure. Raises KeyError when there is none, MalformedError when it is not the one that is meant."""
        found = self.kept(digest)
        if found is not None:
            return found
        try:
            message = parse(compiler_pb2.CompiledWorkflowClosure, await self._store.get_async(uri))
        except (NotFound, InvalidUri):
            raise KeyError(f"there is no closure at {uri}") from None
        if digest_of(message) != digest:
            raise MalformedError(f"what lies at {uri} is not the closure {digest}")
        return self.keep(digest, closure_from_proto(message))

    def kept(self, digest: Digest) -> WorkflowClosure | None:
        """Return a closure that was kept."""
        found = self._kept.get(digest)
        if found is not None:
            self._kept.move_to_end(digest)
        return found

    def keep(self, digest: Digest, closure: WorkflowClosure) -> WorkflowClosure:
        """Keep a closure instead of the one unused for longest; return it."""
        self._kept[digest] = closure
        if len(self._kept) > CLOSURES_KEPT:
            self._kept.popitem(last=False)
        return closure

    @override
    async def compile(self, execution: ExecutionId, task: TaskTemplate, futures_uri: str) -> Digest:
        """Raise GraphRefused: nobody here compiles."""
        del execution, futures_uri
        why = f"`{task.id.name}` gives nodes to run, and this operator has no control plane that compiles them"
        raise GraphRefused(Failure("DynamicWorkflowBuildFailed", why, Fault.SYSTEM, retryable=False))

    @override
    async def graph(self, digest: Digest) -> WorkflowClosure:
        """Raise KeyError: none was compiled here."""
        raise KeyError(f"the graph {digest} is not here")
