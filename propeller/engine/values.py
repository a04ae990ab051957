"""The inputs and outputs of nodes: kept in memory while there is room, else read back."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from flytelike.codec.elements import element_inputs
from flytelike.codec.faults import MalformedError
from flytelike.codec.parse import parse, serialise
from flytelike.model.graph import ArrayTarget, Binding, LaunchPlanTarget, Node
from flytelike.model.ids import ROOT, START_NODE, WORKFLOW_INPUTS, ExecutionId, NodeId, NodePath
from flytelike.model.interface import Variable
from flytelike_idl.core import literals_pb2 as pb
from propeller.core.node_state import LeftOut, NodeState, Succeeded
from propeller.core.plan import ArrayWork, BranchWork, Plan, SubWorkflowWork, parent_of, path_in, split
from propeller.engine import places
from propeller.engine.binding import BindingFailed, NotLoaded, bind, needed
from propeller.engine.failing import error_type, fill_error
from propeller.engine.run import Run
from propeller.engine.settings import EngineSettings
from propeller.ports import Blobs, StateStore

LOADED_MAX = 100
"""How many offloaded values the bindings of one node may lead into."""


class Values:
    """Gives values of all executions."""

    def __init__(self, store: StateStore, blobs: Blobs, settings: EngineSettings) -> None:
        """Start empty."""
        self._store = store
        self._blobs = blobs
        self._settings = settings
        self._cache = _Cache(settings.cache_bytes_max)

    async def inputs(self, run: Run, path: NodePath) -> pb.LiteralMap:
        """Return a node's inputs, bound; the execution's own for ROOT. Raises `BindingFailed`."""
        key = f"{path}/inputs"
        found = self._cache.get(run.id, key)
        if found is not None:
            return found
        if path == ROOT:
            bound = await self._own_inputs(run)
        elif (array := self._array_of(run, path)) is not None:
            shared, index = array
            bound = element_inputs(await self.inputs(run, parent_of(split(path)[0])), shared, index)
        else:
            bound = await self._bound_node(run, path)
            work = run.state.plan.place(path).node.work
            if isinstance(work, ArrayWork):
                bound = await self._loaded(bound)
            elif not isinstance(work, SubWorkflowWork):
                return bound  # Nobody asks again.
        self._cache.put(run.id, key, bound, bound.ByteSize())
        return bound

    @staticmethod
    def _array_of(run: Run, path: NodePath) -> tuple[Sequence[str], int] | None:
        """Return the shared inputs of the array whose element a path is, and the element's index."""
        scope, index = split(path)
        if not scope or not run.state.plan.workflow_in(scope).of_elements:
            return None
        target = run.program.node(parent_of(scope)).target
        return (target.bound_inputs, int(index)) if isinstance(target, ArrayTarget) else None

    async def _loaded(self, inputs: pb.LiteralMap) -> pb.LiteralMap:
        """Return inputs with those that lie in the object store read from there, so that elements can be told apart."""
        for literal in inputs.literals.values():
            inner = literal
            while inner.WhichOneof("value") == "scalar" and inner.scalar.WhichOneof("value") == "union":
                inner = inner.scalar.union.value
            if inner.WhichOneof("value") == "offloaded_metadata":
                inner.CopyFrom(parse(pb.Literal, await self._read(inner.offloaded_metadata.uri)))
        return inputs

    async def store_inputs(self, run: Run, path: NodePath) -> tuple[pb.LiteralMap, str]:
        """Bind and store a node's inputs; return them and where they lie. Raises `BindingFailed`."""
        inputs = await self.inputs(run, path)
        uri = places.inputs_uri(self._settings.metadata_prefix, run.id, path)
        await self._blobs.write(uri, serialise(inputs))
        return inputs, uri

    async def results(self, run: Run, scope: NodePath) -> pb.LiteralMap:
        """Return the outputs of a scope's workflow, bound, without those of nodes left out. Raises `BindingFailed`."""
        workflow = run.program.workflow(scope)
        bindings, declared = workflow.outputs, workflow.interface.outputs
        if run.reuse:
            bindings = tuple(it for it in bindings if not _left_out(run, scope, it))
            declared = {it.var: declared[it.var] for it in bindings if it.var in declared}
        return await self._bound(run, scope, bindings, declared)

    async def outputs(self, run: Run, path: NodePath, attempt: int) -> pb.LiteralMap:
        """Return the outputs of a node that succeeded; a branch's are those of its case. Raises `BindingFailed`."""
        path, attempt = giver(run.state.plan, run.state.get, path, attempt)
        found = self._cache.get(run.id, path)
        if found is not None:
            return found
        data = await self._store.output(run.id, path)
        if data is None:
            data = await self._read(places.outputs_uri(self._settings.metadata_prefix, run.id, path, attempt))
        return self.keep(run, path, parse(pb.LiteralMap, data), len(data))

    def keep(self, run: Run, path: NodePath, outputs: pb.LiteralMap, size_bytes: int) -> pb.LiteralMap:
        """Remember the outputs of a node, under its aliases too."""
        if path != ROOT:
            for alias in run.program.node(path).aliases:
                if alias.var in outputs.literals:
                    outputs.literals[alias.alias].CopyFrom(outputs.literals[alias.var])
        self._cache.put(run.id, path, outputs, size_bytes)
        return outputs

    def forget(self, execution: ExecutionId) -> None:
        """Drop what is kept of an execution."""
        self._cache.drop(execution)

    async def _own_inputs(self, run: Run) -> pb.LiteralMap:
        if not run.request.inputs_uri:
            return pb.LiteralMap()
        try:
            return parse(pb.LiteralMap, await self._read(run.request.inputs_uri))
        except MalformedError as error:
            raise BindingFailed(f"the execution's inputs cannot be read: {error}") from error

    async def _bound_node(self, run: Run, path: NodePath) -> pb.LiteralMap:
        """Bind a node's inputs; a failure node is given the failure too."""
        scope, _ = split(path)
        declared = run.program.interface(path).inputs
        node = run.program.node(path)
        bindings = node.bindings
        if _launches(node):
            # What is left out is the launch plan's to fill in: its defaults, and what it has fixed.
            given = {binding.var for binding in bindings}
            declared = {name: variable for name, variable in declared.items() if name in given}
        if not run.state.plan.place(path).node.aside:
            return await self._bound(run, scope, bindings, declared)
        errors = {name: found for name, found in declared.items() if error_type(found) is not None}
        others = {name: found for name, found in declared.items() if name not in errors}
        mine = [binding for binding in bindings if binding.var not in errors]
        bound = await self._bound(run, scope, mine, others)
        for name, found in errors.items():
            fill_error(run.state, scope, found, bound.literals[name])
        return bound

    async def _bound(
        self, run: Run, scope: NodePath, bindings: Sequence[Binding], declared: Mapping[str, Variable]
    ) -> pb.LiteralMap:
        sources = {node_id: await self._source(run, scope, node_id) for node_id in sorted(needed(bindings))}
        loaded: dict[str, pb.Literal] = {}
        while True:
            try:
                return bind(bindings, declared, sources, loaded)
            except NotLoaded as missing:
                if len(loaded) == LOADED_MAX:
                    raise BindingFailed(f"more than {LOADED_MAX} offloaded values are needed") from None
                loaded[missing.uri] = parse(pb.Literal, await self._read(missing.uri))

    async def _source(self, run: Run, scope: NodePath, node_id: NodeId) -> pb.LiteralMap:
        """Return the map that promises of a node in a scope take their values from."""
        if node_id in {WORKFLOW_INPUTS, START_NODE}:
            return await self.inputs(run, parent_of(scope) if scope else ROOT)
        path = path_in(scope, node_id)
        state = run.state.get(path)
        if not isinstance(state, Succeeded):
            raise BindingFailed(f"node `{node_id}` has not succeeded")
        return await self.outputs(run, path, state.attempt)

    async def _read(self, uri: str) -> bytes:
        try:
            return await self._blobs.read(uri)
        except KeyError:
            raise BindingFailed(f"there is nothing at {uri}") from None


def _launches(node: Node) -> bool:
    """Tell whether a node gives its inputs to a launch plan, or to one for each element."""
    target = node.target
    while isinstance(target, ArrayTarget):
        target = target.node.target
    return isinstance(target, LaunchPlanTarget)


def _left_out(run: Run, scope: NodePath, binding: Binding) -> bool:
    """Tell whether a value comes from a node that was left out on purpose."""
    nodes = needed([binding]) - {WORKFLOW_INPUTS, START_NODE}
    return any(isinstance(run.state.get(path_in(scope, node)), LeftOut) for node in nodes)


def giver(
    plan: Plan, get: Callable[[NodePath], NodeState | None], path: NodePath, attempt: int
) -> tuple[NodePath, int]:
    """Return whose outputs those of a node that succeeded are: a branch's are those of the case it took."""
    if path == ROOT:
        return path, attempt
    place = plan.place(path)
    while isinstance(place.node.work, BranchWork):
        for case in place.node.work.cases:
            ended = get(place.beside(case).path)
            if isinstance(ended, Succeeded):  # One case runs, all others are skipped.
                place, attempt = place.beside(case), ended.attempt
                break
        else:
            break
    return place.path, attempt


class _Cache:
    """The least recently used goes first once the values are too many bytes."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: OrderedDict[tuple[ExecutionId, str], tuple[pb.LiteralMap, int]] = OrderedDict()
        self._keys: dict[ExecutionId, set[str]] = {}

    def get(self, execution: ExecutionId, key: str) -> pb.LiteralMap | None:
        found = self._kept.get((execution, key))
        if found is None:
            return None
        self._kept.move_to_end((execution, key))
        return found[0]

    def put(self, execution: ExecutionId, key: str, value: pb.LiteralMap, size_bytes: int) -> None:
        self._remove(execution, key)
        # A message takes some hundred bytes in memory however little it says.
        size = 500 + 4 * size_bytes
        self._kept[execution, key] = (value, size)
        self._keys.setdefault(execution, set()).add(key)
        self._bytes += size
        while self._bytes > self._bytes_max and len(self._kept) > 1:
            self._remove(*next(iter(self._kept)))

    def drop(self, execution: ExecutionId) -> None:
        for key in list(self._keys.get(execution, ())):
            self._remove(execution, key)

    def _remove(self, execution: ExecutionId, key: str) -> None:
        found = self._kept.pop((execution, key), None)
        if found is not None:
            self._bytes -= found[1]
            keys = self._keys[execution]
            keys.discard(key)
            if not keys:
                del self._keys[execution]
