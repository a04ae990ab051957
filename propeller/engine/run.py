"""One execution in memory: its plan, state, waiting events, and the values of its nodes."""

from collections import OrderedDict
from dataclasses import dataclass, field

from flytelike.codec.parse import parse
from flytelike.model.closure import WorkflowClosure
from flytelike.model.graph import Node, Promise, WorkflowTemplate
from flytelike.model.ids import ROOT, START_NODE, WORKFLOW_INPUTS, ExecutionId, NodeId, NodePath
from flytelike.model.launch import LaunchRequest
from flytelike_idl.core import literals_pb2 as pb
from propeller.core.events import Event
from propeller.core.node_state import Collecting, Expanded, Succeeded
from propeller.core.plan import Plan, SubWorkflowWork, parent_of, path_in, split
from propeller.core.state import ExecutionState
from propeller.engine import places
from propeller.engine.settings import EngineSettings
from propeller.engine.values import BindingFailed, bind
from propeller.ports import Blobs, StateStore


@dataclass(slots=True)
class Run:
    """What the engine knows of one execution while it goes on."""

    request: LaunchRequest
    closure: WorkflowClosure
    plan: Plan
    state: ExecutionState
    version: int
    sequence: int
    inbox: list[Event] = field(default_factory=list)
    outputs: dict[str, bytes] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    children: dict[NodePath, ExecutionId] = field(default_factory=dict)
    busy: bool = False
    failures: int = 0

    @property
    def id(self) -> ExecutionId:
        """Return the execution's id."""
        return self.request.id

    def workflow(self, scope: NodePath) -> WorkflowTemplate:
        """Return the template of the workflow whose nodes lie in a scope."""
        found = self.plan.workflow_in(scope)
        if scope == ROOT:
            return self.closure.primary.template
        return self.closure.sub_workflows[found.id].template


class Values:
    """Inputs and outputs of nodes: kept in memory while there is room, else read back."""

    def __init__(self, store: StateStore, blobs: Blobs, settings: EngineSettings) -> None:
        """Start empty."""
        self._store = store
        self._blobs = blobs
        self._settings = settings
        self._cache: OrderedDict[tuple[ExecutionId, str], pb.LiteralMap] = OrderedDict()
        self._nodes: dict[int, dict[NodeId, Node]] = {}

    def node(self, run: Run, path: NodePath) -> Node:
        """Return the template's node at a path."""
        scope, node_id = split(path)
        workflow = run.workflow(scope)
        known = self._nodes.get(id(workflow))
        if known is None:
            known = self._nodes[id(workflow)] = {node.id: node for node in workflow.nodes}
        return known[node_id]

    async def inputs(self, run: Run, path: NodePath) -> pb.LiteralMap:
        """Return a node's inputs, bound; the execution's own for ROOT. Raises BindingFailed."""
        key = f"{path}/inputs"
        cached = self._cached(run, key)
        if cached is not None:
            return cached
        if path == ROOT:
            bound = parse(pb.LiteralMap, await self._blobs.read(run.request.inputs_uri))
        else:
            scope, _ = split(path)
            bound = await bind(self.node(run, path).bindings, lambda promise: self.source(run, scope, promise))
        if path == ROOT or isinstance(run.plan.place(path).node.work, SubWorkflowWork):
            self._keep(run, key, bound)
        return bound

    async def results(self, run: Run, scope: NodePath) -> pb.LiteralMap:
        """Return the outputs of a scope's workflow, bound. Raises BindingFailed."""
        outputs = run.workflow(scope).outputs
        return await bind(outputs, lambda promise: self.source(run, scope, promise))

    async def source(self, run: Run, scope: NodePath, promise: Promise) -> pb.LiteralMap:
        """Return the map that a promise in a scope takes its value from."""
        if promise.node_id in {WORKFLOW_INPUTS, START_NODE}:
            return await self.inputs(run, parent_of(scope) if scope else ROOT)
        path = path_in(scope, promise.node_id)
        match run.state.get(path):
            case Succeeded(attempt):
                return await self.outputs(run, path, attempt)
            case Expanded() | Collecting() | _:
                raise BindingFailed(f"`{promise.node_id}` has not succeeded")

    async def outputs(self, run: Run, path: NodePath, attempt: int) -> pb.LiteralMap:
        """Return the outputs of a node that succeeded."""
        key = f"{path}/{attempt}"
        cached = self._cached(run, key)
        if cached is not None:
            return cached
        data = run.outputs.get(key) or await self._store.output(run.id, key)
        if data is None:
            uri = places.outputs_uri(self._settings.metadata_prefix, run.id, path, attempt)
            data = await self._blobs.read(uri)
        return self._keep(run, key, parse(pb.LiteralMap, data))

    def keep_outputs(self, run: Run, path: NodePath, attempt: int, outputs: pb.LiteralMap, data: bytes) -> None:
        """Remember a node's outputs, and put small ones into the next commit."""
        key = f"{path}/{attempt}"
        if len(data) <= self._settings.inline_outputs_bytes_max:
            run.outputs[key] = data
        self._keep(run, key, outputs)

    def forget(self, run: Run) -> None:
        """Drop what is kept of an execution."""
        for key in [key for key in self._cache if key[0] == run.id]:
            del self._cache[key]
        for workflow in (run.closure.primary, *run.closure.sub_workflows.values()):
            self._nodes.pop(id(workflow.template), None)

    def _cached(self, run: Run, key: str) -> pb.LiteralMap | None:
        found = self._cache.get((run.id, key))
        if found is not None:
            self._cache.move_to_end((run.id, key))
        return found

    def _keep(self, run: Run, key: str, value: pb.LiteralMap) -> pb.LiteralMap:
        self._cache[run.id, key] = value
        if len(self._cache) > self._settings.outputs_cached:
            self._cache.popitem(last=False)
        return value
