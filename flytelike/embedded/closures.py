"""The engine's compiled closures: registered ones from the object store, graphs by the control plane."""

from collections import OrderedDict

from flytelike.codec.closures import closure_from_proto
from flytelike.codec.faults import MalformedError
from flytelike.codec.parse import parse
from flytelike.compiler.render import render_text
from flytelike.controlplane.app import ControlPlane
from flytelike.model.closure import WorkflowClosure
from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.failure import Failure, Fault
from flytelike.model.graph import TaskTemplate
from flytelike.model.ids import Digest, ExecutionId
from flytelike.model.trouble import PASSING
from flytelike.storage import NotFound, Store
from flytelike_idl.core import compiler_pb2
from propeller.ports import GraphRefused

CLOSURES_KEPT = 64

BUILD_FAILED = "DynamicWorkflowBuildFailed"
"""Flyte's code for a dynamic task whose nodes cannot be run."""


class ClosuresOfPlane:
    """Compiled closures; recent ones are kept."""

    def __init__(self, plane: ControlPlane, store: Store) -> None:
        """Read through `store`, compile through `plane`."""
        self._plane = plane
        self._store = store
        self._kept: OrderedDict[str, WorkflowClosure] = OrderedDict()

    async def get(self, uri: str, digest: Digest) -> WorkflowClosure:
        """Return a closure; raises KeyError when there is none."""
        found = self._kept.get(digest)
        if found is not None:
            self._kept.move_to_end(digest)
            return found
        try:
            return self._remember(digest, await self._store.get_async(uri))
        except NotFound:
            raise KeyError(f"there is no closure at {uri}") from None

    async def compile(self, execution: ExecutionId, task: TaskTemplate, futures_uri: str) -> Digest:
        """Compile what a dynamic task gave; raises GraphRefused."""
        try:
            settings = await self._plane.attributes.of_execution(execution)
            return await self._plane.graphs.compile(task, futures_uri, settings)
        except DiagnosticError as error:
            if any(found.code in PASSING for found in error.diagnostics):
                raise  # The machine's trouble: it is tried again.
            told = "\n\n".join(render_text(found, lambda _: None, color=False) for found in error.diagnostics)
            raise GraphRefused(Failure(BUILD_FAILED, told, Fault.USER, retryable=False)) from error
        except MalformedError as error:
            why = f"what `{task.id.name}` gives to run cannot be read: {error}"
            raise GraphRefused(Failure(BUILD_FAILED, why, Fault.USER, retryable=False)) from error

    async def graph(self, digest: Digest) -> WorkflowClosure:
        """Return the closure of a graph; raises KeyError when there is none."""
        try:
            return self._kept.get(digest) or self._remember(digest, await self._plane.graphs.closure(digest))
        except NotFound:
            raise KeyError(f"the graph {digest} is gone") from None

    def _remember(self, digest: Digest, data: bytes) -> WorkflowClosure:
        found = closure_from_proto(parse(compiler_pb2.CompiledWorkflowClosure, data))
        self._kept[digest] = found
        if len(self._kept) > CLOSURES_KEPT:
            self._kept.popitem(last=False)
        return found
