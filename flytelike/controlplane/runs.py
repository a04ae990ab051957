"""An execution as its page shows it: parts of it, however large it is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from flytelike.codec.parse import parse
from flytelike.controlplane.database import Database
from flytelike.controlplane.drawing import Drawing, draw
from flytelike.controlplane.errors import invalid, not_found
from flytelike.controlplane.executions import found
from flytelike.controlplane.finding import Finding
from flytelike.controlplane.graphs import Graphs
from flytelike.controlplane.repository import executions as repository
from flytelike.controlplane.repository import node_pages, overviews
from flytelike.controlplane.repository.elements import CHUNK, RECOVERED
from flytelike.controlplane.repository.node_pages import NodePage
from flytelike.controlplane.repository.rows import AttemptRow, ExecutionRow, GateRow, NodeRow
from flytelike.controlplane.repository.signals import waiting_gates
from flytelike.model.caching import CacheStatus
from flytelike.model.ids import Digest, ExecutionId, Identifier, NodeExecutionId, NodePath
from flytelike.model.phases import WorkflowPhase
from flytelike.storage import Store
from flytelike_idl.core import compiler_pb2, identifier_pb2, workflow_pb2

DERIVED_MAX = 20
ATTEMPTS_MAX = 100
DEPTH_MAX = 32
"""How deep graphs may lie in each other to be shown."""
FROM_CACHE, FROM_EARLIER = 16, 32
"""What is added to the byte of an element's phase where its result was not computed."""


@dataclass(frozen=True, slots=True)
class Run:
    """An execution with what its page begins with."""

    row: ExecutionRow
    nodes: list[tuple[int, int]]
    derived: list[str]
    failed_path: str
    waiting: list[GateRow]


@dataclass(frozen=True, slots=True)
class Nodes:
    """Some nodes of an execution; `ran` tells by path when the first attempt of each began its work."""

    rows: list[NodeRow]
    ran: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Changed:
    """What changed of an execution: nodes behind a position, and all of them counted."""

    row: ExecutionRow
    nodes: Nodes
    counts: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A part of an execution as a graph; `states`: path and phase of nodes by their id in the graph."""

    drawing: Drawing
    states: dict[str, tuple[str, int]]


class Runs:
    """The use cases of looking at one execution."""

    def __init__(self, database: Database, store: Store, finding: Finding, graphs: Graphs) -> None:
        """Read rows from `database`, closures from `store`."""
        self._database = database
        self._store = store
        self._finding = finding
        self._graphs = graphs

    async def run(self, execution: ExecutionId) -> Run:
        """Return an execution; raises Refusal NOT_FOUND, as all methods here do."""

        def look(connection: Connection) -> Run:
            row = found(connection, execution)
            failed = row.phase in {WorkflowPhase.FAILED, WorkflowPhase.FAILING, WorkflowPhase.TIMED_OUT}
            reference = f"{row.project}/{row.domain}/{row.name}"
            return Run(
                row,
                node_pages.count_nodes(connection, row.id),
                overviews.derived_from(connection, (row.project, row.domain), reference, DERIVED_MAX),
                node_pages.first_failed(connection, row.id) if failed else "",
                [] if WorkflowPhase(row.phase).terminal else list(waiting_gates(connection, row.id)),
            )

        return await self._database.read(look)

    async def nodes(self, execution: ExecutionId, page: NodePage) -> tuple[Nodes, int]:
        """Return a page of nodes and how many there are."""

        def look(connection: Connection) -> tuple[Nodes, int]:
            rows, total = node_pages.page_of_nodes(connection, found(connection, execution).id, page)
            return Nodes(rows, node_pages.first_runs(connection, rows)), total

        return await self._database.read(look)

    async def node(self, node: NodeExecutionId) -> tuple[NodeRow, list[AttemptRow]]:
        """Return a node and its attempts."""

        def look(connection: Connection) -> tuple[NodeRow, list[AttemptRow]]:
            row = self._node(connection, found(connection, node.execution).id, node)
            return row, node_pages.first_attempts(connection, row.execution, row.path, ATTEMPTS_MAX)

        return await self._database.read(look)

    async def changed(self, execution: ExecutionId, since: int, limit: int) -> Changed:
        """Return what changed behind a position."""

        def look(connection: Connection) -> Changed:
            row = found(connection, execution)
            nodes = repository.changed_nodes(connection, row.id, since, limit) if row.sequence > since else []
            shown = Nodes(nodes, node_pages.first_runs(connection, nodes))
            return Changed(row, shown, node_pages.count_nodes(connection, row.id))

        return await self._database.read(look)

    async def element_states(self, node: NodeExecutionId, first: int, limit: int) -> tuple[int, bytes]:
        """Return how many elements an array has, and a byte for each of some of them."""

        def look(connection: Connection) -> tuple[int, bytes]:
            row = self._node(connection, found(connection, node.execution).id, node)
            if not row.is_array:
                raise invalid("not-an-array", f"{node.execution}/{node.path} is no array: it has no elements")
            last = min(first + limit, row.elements)
            out = bytearray(max(0, last - first))
            wanted = range(first // CHUNK, -(-last // CHUNK))
            for number, phases, origins in node_pages.element_bytes(connection, row.execution, row.path, wanted):
                _fill(out, number * CHUNK - first, phases, origins)
            return row.elements, bytes(out)

        return await self._database.read(look)

    async def graph(self, node: NodeExecutionId) -> Drawn:
        """Return the graph in a node of an execution, or with an empty path the execution's own."""
        row = await self._database.read(lambda connection: found(connection, node.execution))
        workflow = await self._workflow(row, node, DEPTH_MAX)
        drawing = draw(workflow)
        branches = [drawn.id for drawn in drawing.nodes if drawn.kind == "branch"]

        def look(connection: Connection) -> dict[str, tuple[str, int]]:
            states: dict[str, tuple[str, int]] = {}
            parents = [str(node.path)]
            while parents:
                rows = node_pages.count_by_parent(connection, row.id, parents)
                states.update({called: (path, phase) for _, path, called, phase in rows})
                parents = [path for _, path, called, _ in rows if called in branches]
            return states

        return Drawn(drawing, await self._database.read(look))

    async def version(self, workflow: Identifier, sub_workflow: str) -> Drawing:
        """Return the graph of a version of a workflow, or of a sub-workflow that it uses."""
        row = await self._finding.version(workflow)
        closure = parse(compiler_pb2.CompiledWorkflowClosure, await self._finding.closure(row))
        if not sub_workflow:
            return draw(closure.primary)
        for found_ in closure.sub_workflows:
            if found_.template.id.name == sub_workflow:
                return draw(found_)
        raise not_found("workflow", f"{sub_workflow} in {workflow}")

    async def _workflow(self, row: ExecutionRow, node: NodeExecutionId, depth: int) -> compiler_pb2.CompiledWorkflow:
        """Return what was compiled of the graph in a node."""
        if not node.path:
            return (await self._closure(row.closure_uri)).primary
        if not depth:
            raise not_found("graph", f"of {node.execution}/{node.path}", "it lies deeper than graphs may")
        inner = await self._row(row, node)
        if inner.graph:
            data = await self._graphs.closure(Digest(inner.graph))
            return parse(compiler_pb2.CompiledWorkflowClosure, data).primary
        around = await self._surrounding(row, inner, depth)
        target = _sub_workflow(around.template.nodes, inner.spec_node_id)
        for workflow in (await self._closure(row.closure_uri)).sub_workflows:
            if target is not None and workflow.template.id == target:
                return workflow
        raise not_found("graph", f"of {node.execution}/{node.path}", "only workflows and dynamic tasks have one")

    async def _surrounding(self, row: ExecutionRow, inner: NodeRow, depth: int) -> compiler_pb2.CompiledWorkflow:
        """Return the graph that a node lies in; branches are no graphs of their own."""
        parent = inner.parent
        execution = ExecutionId(row.project, row.domain, row.name)
        for _ in range(DEPTH_MAX):
            if not parent:
                break
            above = await self._row(row, NodeExecutionId(execution, NodePath(parent)))
            if above.graph or inner.path.startswith(f"{parent}."):
                break
            parent = above.parent
        return await self._workflow(row, NodeExecutionId(execution, NodePath(parent)), depth - 1)

    async def _row(self, row: ExecutionRow, node: NodeExecutionId) -> NodeRow:
        return await self._database.read(lambda connection: self._node(connection, row.id, node))

    async def _closure(self, uri: str) -> compiler_pb2.CompiledWorkflowClosure:
        return parse(compiler_pb2.CompiledWorkflowClosure, await self._store.get_async(uri))

    @staticmethod
    def _node(connection: Connection, execution: int, node: NodeExecutionId) -> NodeRow:
        row = repository.find_node(connection, execution, node.path)
        if row is None:
            raise not_found("node execution", f"{node.execution}/{node.path}")
        return row


def _sub_workflow(nodes: Iterable[workflow_pb2.Node], wanted: str) -> identifier_pb2.Identifier | None:
    """Return the sub-workflow that a node calls, in branches too; None when there is none."""
    for node in nodes:
        if node.id == wanted and node.WhichOneof("target") == "workflow_node":
            return node.workflow_node.sub_workflow_ref
        if node.WhichOneof("target") == "branch_node":
            block = node.branch_node.if_else
            inner = [block.case.then_node, *(case.then_node for case in block.other)]
            inner += [block.else_node] if block.HasField("else_node") else []
            target = _sub_workflow(inner, wanted)
            if target is not None:
                return target
    return None


def _fill(out: bytearray, place: int, phases: bytes, origins: bytes) -> None:
    """Write the states of a chunk that begins at `place`, which may lie before `out`."""
    for offset, phase in enumerate(phases):
        at = place + offset
        if 0 <= at < len(out):
            origin = origins[offset] if origins else 0
            more = FROM_EARLIER if origin == RECOVERED else FROM_CACHE if origin == CacheStatus.HIT else 0
            out[at] = phase + more
