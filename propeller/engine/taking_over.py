"""Taking a node's results over from an earlier execution: the documents are copied, the data never.

A node is only spared its run if that gives the same as running it: its inputs, bound now, are the values they
were then (files of equal content are equal wherever they lie), and what it gave is still there.
"""

from flytelike.codec.data_uris import data_uris
from flytelike.codec.faults import MalformedError
from flytelike.codec.literals import literal_from_proto, literal_map_from_proto
from flytelike.codec.parse import parse, serialise
from flytelike.codec.value_digest import value_digest
from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.reuse import ReusedNode, ReuseSource, Way
from flytelike_idl.core import literals_pb2 as pb
from propeller.core.events import GraphTaken, NothingTaken, TakenOver
from propeller.core.plan import BranchWork, TaskWork, UnsupportedPlan, scope_of
from propeller.core.taking_over import ATTEMPT
from propeller.engine import places
from propeller.engine.binding import BindingFailed
from propeller.engine.program import Programs
from propeller.engine.reuse import listed
from propeller.engine.run import Arrival, Kept, Run
from propeller.engine.settings import EngineSettings
from propeller.engine.values import Values
from propeller.ports import Blobs, Clock


class TakingOver:
    """Finds out whether a node's earlier results serve, and puts them where its own would be."""

    def __init__(
        self, values: Values, blobs: Blobs, clock: Clock, settings: EngineSettings, programs: Programs
    ) -> None:
        """Read and write through `values` and `blobs`; graphs of dynamic nodes are among `programs`."""
        self._values = values
        self._blobs = blobs
        self._clock = clock
        self._settings = settings
        self._programs = programs

    async def take_over(self, run: Run, path: NodePath) -> Arrival:
        """Return the event to tell: that the results were taken over, or why there is nothing to take."""
        try:
            reused, source = _listed(run, path)
            await self._store_inputs(run, path, reused, source)
            if reused.way is Way.KEEP_GRAPH:
                return Arrival(await self._keep_graph(run, path, source))
            kept = await self._take_outputs(run, path, source)
        except _Nothing as why:
            return Arrival(NothingTaken(path, self._clock.now_ns(), str(why)))
        if source.child:
            run.children.setdefault(path, {})[ATTEMPT] = _child(source)
        note = f"taken from {source.execution.name}"
        return Arrival(TakenOver(path, self._clock.now_ns(), note), kept)

    async def _store_inputs(self, run: Run, path: NodePath, reused: ReusedNode, source: ReuseSource) -> None:
        old = await self._old_inputs(source)
        if reused.way is not Way.TAKE:
            new = await self._new_inputs(run, path)
            differing = difference(old, new)
            if differing:
                raise _Nothing(f"runs, since its inputs changed: {', '.join(differing)}")
            old = new
        await self._keep(run, places.inputs_name(path), serialise(old))

    async def _keep(self, run: Run, name: str, document: bytes) -> None:
        folder = places.folder(self._settings.metadata_prefix, run.id)
        if len(document) <= self._settings.inline_outputs_bytes_max:
            await self._blobs.pack(folder, {name: document})
        else:
            await self._blobs.write(f"{folder}/{name}", document)

    async def _old_inputs(self, source: ReuseSource) -> pb.LiteralMap:
        if not source.inputs_uri:
            return pb.LiteralMap()
        return await self._document(source.inputs_uri, "inputs")

    async def _new_inputs(self, run: Run, path: NodePath) -> pb.LiteralMap:
        try:
            return await self._values.inputs(run, path)
        except BindingFailed as error:
            raise _Nothing(f"runs, since its inputs cannot be told: {error}") from error

    async def _keep_graph(self, run: Run, path: NodePath, source: ReuseSource) -> GraphTaken:
        scope = scope_of(path, ATTEMPT)
        if not isinstance(run.state.plan.place(path).node.work, TaskWork):
            raise _Nothing("runs, since it is no dynamic node")
        try:
            graph = await self._programs.graph(source.graph)
        except (KeyError, UnsupportedPlan) as error:
            raise _Nothing(f"runs, since the graph it gave cannot be run any more: {error}") from error
        run.program.graft(scope, graph)
        run.grafts.setdefault(scope, source.graph)
        note = f"its graph is that of {source.execution.name}"
        return GraphTaken(path, self._clock.now_ns(), source.graph, note)

    async def _take_outputs(self, run: Run, path: NodePath, source: ReuseSource) -> Kept | None:
        declared = run.program.interface(path).outputs
        if not run.program.gives(path):
            return None
        if source.output_uri:
            outputs = await self._document(source.output_uri, "outputs")
        elif isinstance(run.state.plan.place(path).node.work, BranchWork):
            outputs = pb.LiteralMap()  # The case that it took had none.
        else:
            raise _Nothing(f"runs, since {source.execution.name} kept no outputs of it")
        missing = [f"`{name}`" for name in declared if name not in outputs.literals]
        if missing:
            raise _Nothing(f"runs, since {source.execution.name} has no {', '.join(missing)} of it")
        await self._check_data(outputs)
        data = serialise(outputs)
        await self._keep(run, places.outputs_name(path, ATTEMPT), data)
        self._values.keep(run, path, outputs, len(data))
        if len(data) <= self._settings.inline_outputs_bytes_max:
            return Kept(path, ATTEMPT, data)
        await self._blobs.sync(places.outputs_uri(self._settings.metadata_prefix, run.id, path, ATTEMPT))
        return None

    async def _check_data(self, outputs: pb.LiteralMap) -> None:
        """Make sure that the files and tables are there that outputs name."""
        try:
            uris = data_uris(literal_map_from_proto(outputs))
        except DiagnosticError as error:
            raise _Nothing(f"runs, since its outputs cannot be read: {error}") from error
        there = await self._blobs.sizes(uris) if uris else {}
        gone = [uri for uri in uris if uri not in there]
        if gone:
            raise _Nothing(f"runs, since what it gave is gone from {gone[0]}")

    async def _document(self, uri: str, what: str) -> pb.LiteralMap:
        try:
            return parse(pb.LiteralMap, await self._blobs.read(uri))
        except KeyError:
            raise _Nothing(f"runs, since its {what} are gone from {uri}") from None
        except MalformedError as error:
            raise _Nothing(f"runs, since its {what} at {uri} cannot be read: {error}") from error


class _Nothing(Exception):
    """There is nothing to take over; the text says why, to people."""


def difference(old: pb.LiteralMap, new: pb.LiteralMap) -> list[str]:
    """Return the names of inputs that are not the same values, sorted."""
    if serialise(old) == serialise(new):
        return []
    names = sorted({*old.literals, *new.literals})
    return [f"`{name}`" for name in names if not _same(old, new, name)]


def _same(old: pb.LiteralMap, new: pb.LiteralMap, name: str) -> bool:
    if name not in old.literals or name not in new.literals:
        return False
    one, other = old.literals[name], new.literals[name]
    if one == other:
        return True
    try:
        return value_digest(literal_from_proto(one)) == value_digest(literal_from_proto(other))
    except DiagnosticError:
        return False


def _listed(run: Run, path: NodePath) -> tuple[ReusedNode, ReuseSource]:
    reused = listed(run, path)
    if reused is None or reused.source is None:
        raise _Nothing("runs, since its graph is another one now")
    return reused, reused.source


def _child(source: ReuseSource) -> ExecutionId:
    return ExecutionId(source.execution.project, source.execution.domain, source.child)


def checkpoints_of(run: Run, path: NodePath) -> str:
    """Return where an earlier execution left checkpoints for a node's first attempt; empty for none."""
    reused = listed(run, path)
    if reused is None or reused.source is None or reused.way is not Way.CONTINUE:
        return ""
    source = reused.source
    raw = places.raw_prefix(source.raw_output_prefix, source.execution, source.path, source.attempt)
    return places.checkpoints(raw)


def continued_child(run: Run, path: NodePath) -> ExecutionId | None:
    """Return the child execution on which the one of a launch-plan node goes on; None if it starts afresh."""
    reused = listed(run, path)
    if reused is None or reused.source is None or reused.way is not Way.CONTINUE or not reused.source.child:
        return None
    return _child(reused.source)
