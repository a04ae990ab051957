"""Workflows whose values flow, and what each value must be by the sketches alone.

Every node gives `o`, a number that depends on its name and on all its inputs, so that a value
which comes from the wrong place, or an old one, is seen in the end.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from flytelike.model.closure import CompiledWorkflow, WorkflowClosure
from flytelike.model.failure import Failure
from flytelike.model.gate import Approval, Signal, Sleep
from flytelike.model.graph import (
    Binding,
    BoundCollection,
    BoundPromise,
    BoundScalar,
    BranchTarget,
    GateTarget,
    Node,
    Promise,
    SubWorkflowTarget,
)
from flytelike.model.ids import WORKFLOW_INPUTS, NodeId, NodePath, ResourceKind
from flytelike.model.interface import TypedInterface, Variable
from flytelike.model.literals import Primitive
from flytelike.model.types import INTEGER, NONE, CollectionType, LiteralType, SimpleKind, SimpleType, UnionType
from flytelike_idl.core import literals_pb2 as pb
from tests.simulation.engine.choices import SEVEN, branch_target, gate_of, given_value, taken
from tests.simulation.graphs import Scenario
from tests.unit.propeller_core.builders import GraphSketch, NodeSketch, closure_of, named

INTS = LiteralType(CollectionType(INTEGER))
GIVES = {"o": Variable(INTEGER)}
ERROR = LiteralType(UnionType((LiteralType(SimpleType(SimpleKind.ERROR)), NONE)))
ROOT_INPUT = SEVEN
"""What the execution itself is given as `i`."""

_OWN = BoundPromise(Promise(WORKFLOW_INPUTS, "i"))


def valued_closure(scenario: Scenario, given: str = "") -> WorkflowClosure:
    """Return the closure of the sketches, with interfaces and bindings; or of the graph that a dynamic task gave."""
    start = scenario.inner[given] if given else scenario.primary
    plain = closure_of(start, *scenario.inner.values())
    sketches = {sketch.name: sketch for sketch in (scenario.primary, *scenario.inner.values())}
    workflows = {id_: _valued(scenario, sketches[id_.name], flow) for id_, flow in plain.sub_workflows.items()}
    tasks = {id_: replace(task, interface=_interface(scenario, id_.name)) for id_, task in plain.tasks.items()}
    primary = _valued(scenario, start, plain.primary)
    plans = {named(ResourceKind.LAUNCH_PLAN, "lp"): TypedInterface({"x": Variable(INTS)}, GIVES)}
    return WorkflowClosure(primary, workflows, tasks, plans)


def _interface(scenario: Scenario, task: str) -> TypedInterface:
    """Return what a task takes and gives; its name is that of its graph and node."""
    graph, _, name = task.partition(".")
    sketch = scenario.primary if graph == "main" else scenario.inner[graph]
    node = next(node for node in sketch.every if node.id == name)
    inputs = {"x": Variable(INTS), **({"i": Variable(INTEGER)} if node.gives else {})}
    if node is sketch.cleanup:
        inputs["err"] = Variable(ERROR)
    return TypedInterface(inputs, GIVES if _gives(scenario, sketch, node) else {})


def _valued(scenario: Scenario, sketch: GraphSketch, flow: CompiledWorkflow) -> CompiledWorkflow:
    nodes = tuple(_node(scenario, sketch, node) for node in flow.template.nodes)
    last = flow.template.failure_node
    cleanup = None if last is None else _node(scenario, sketch, last)
    outputs = (Binding("o", _result(scenario, sketch)),) if sketch.outputs else ()
    interface = TypedInterface({"i": Variable(INTEGER)}, GIVES if sketch.outputs else {})
    return replace(
        flow, template=replace(flow.template, interface=interface, nodes=nodes, outputs=outputs, failure_node=cleanup)
    )


def _node(scenario: Scenario, graph: GraphSketch, node: Node) -> Node:
    sketch = next(other for other in graph.every if other.id == node.id)
    sources = _sources(scenario, graph, sketch)
    promised = [BoundPromise(Promise(NodeId(other), "o")) for other in sources]
    first = promised[0] if promised else _OWN
    match node.target:
        case BranchTarget(cases=cases):
            inside = [_node(scenario, graph, case.then) for case in cases if case.then is not None]
            return replace(node, target=branch_target(graph, sketch, inside), bindings=(Binding("v", first),))
        case GateTarget(gate=Sleep()):
            return node
        case GateTarget():
            gate = gate_of(graph, sketch)
            asks = (Binding("o", first),) if isinstance(gate, Approval) else ()
            return replace(node, target=GateTarget(gate), bindings=asks)
        case _:
            pass
    if isinstance(node.target, SubWorkflowTarget):
        return replace(node, bindings=(Binding("i", promised[0] if promised else _OWN),))
    own = (Binding("i", promised[0] if promised else _OWN),) if sketch.gives else ()
    if sources or graph.name != "main":
        return replace(node, bindings=(Binding("x", BoundCollection((*promised, _OWN))), *own))
    return replace(node, bindings=(Binding("x", BoundCollection((BoundScalar(Primitive(ROOT_INPUT)),))), *own))


def _result(scenario: Scenario, graph: GraphSketch) -> BoundPromise:
    last = _last(scenario, graph)
    return _OWN if last is None else BoundPromise(Promise(NodeId(last.id), "o"))


def _sources(scenario: Scenario, graph: GraphSketch, node: NodeSketch) -> list[str]:
    """Return the nodes whose values a node takes: those above it that give any."""
    by_id = {other.id: other for other in graph.nodes}
    return [other for other in node.after if _gives(scenario, graph, by_id[other])]


def _last(scenario: Scenario, graph: GraphSketch) -> NodeSketch | None:
    return next((node for node in reversed(graph.tops) if _gives(scenario, graph, node)), None)


def _gives(scenario: Scenario, graph: GraphSketch, node: NodeSketch) -> bool:
    if node.cases:
        return all(_gives(scenario, graph, case) for case in graph.nodes if case.branch == node.id)
    if node.sleep_ns is not None:
        return False
    inner = node.workflow or node.gives
    return not inner or scenario.inner[inner].outputs


# --- the model ------------------------------------------------------------------------------


def whose(scenario: Scenario, place: str) -> str:
    """Return what gives the value at a place: cached tasks are the same wherever they stand."""
    graph, *parts = scenario.primary, *place.split(".")
    for part in parts[:-1]:
        holder = next(node for node in graph.every if node.id == part)
        graph = scenario.inner[holder.workflow or holder.gives]
    node = next(node for node in graph.every if node.id == parts[-1])
    return f"{graph.name}:{node.id}" if node.task.cache.enabled else place


def computed(place: str, given: Sequence[int]) -> int:
    """Return what a task or child gives at a place (its path without attempts) for its inputs."""
    return zlib.crc32(f"{place}{list(given)}".encode())


def place_of(path: NodePath) -> str:
    """Return a path without the attempts in it: a retried sub-workflow computes the same."""
    return ".".join(path.split(".")[::2])


class Expected:
    """What values must be, from the sketches alone."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._known: dict[str, int] = {}

    def inputs(self, path: NodePath) -> list[int]:
        """Return what a task or launch-plan node is given as `x`."""
        graph, node, above = self._at(place_of(path))
        sources = [self._output(f"{above}{other}") for other in _sources(self._scenario, graph, node)]
        return [*sources, self._own(above)]

    def output(self, path: NodePath) -> int:
        """Return what a node gives; the execution's own result for an empty path."""
        return self._output(place_of(path)) if path else self._result(self._scenario.primary, "")

    def given(self, path: NodePath) -> dict[str, int | list[int]]:
        """Return all that a node of any kind is given, by name; but for the error."""
        place = place_of(path)
        graph, node, _ = self._at(place)
        if node.cases:
            return {"v": self._first(place)}
        if node.is_gate:
            asks = node.signal and isinstance(gate_of(graph, node), Approval)
            return {"o": self._first(place)} if asks else {}
        own: dict[str, int | list[int]] = {"i": self._own(f"{place}.")} if node.workflow or node.gives else {}
        return own if node.workflow else {"x": self.inputs(path), **own}

    def gives(self, path: NodePath) -> bool:
        """Tell whether a node has an output."""
        graph, node, _ = self._at(place_of(path))
        return _gives(self._scenario, graph, node)

    def taken(self, path: NodePath) -> NodeId | Failure:
        """Return which case a branch must take, or why it must fail."""
        found = self._taken(place_of(path))
        return found if isinstance(found, Failure) else NodeId(found)

    def gate(self, path: NodePath) -> Approval | Signal | None:
        """Return what a gate waits for, if it is a signal."""
        graph, node, _ = self._at(place_of(path))
        return gate_of(graph, node) if node.signal else None

    def _output(self, place: str) -> int:
        if place not in self._known:
            graph, node, above = self._at(place)
            if node.cases:
                case = self._taken(place)
                lost = computed(f"{place} fails", [])  # Nobody is ever given it.
                self._known[place] = lost if isinstance(case, Failure) else self._output(f"{above}{case}")
            elif node.signal:
                gate = gate_of(graph, node)
                asked = isinstance(gate, Approval)
                self._known[place] = self._first(place) if asked else given_value(gate.signal_id)
            elif inner := node.workflow or node.gives:
                self._known[place] = self._result(self._scenario.inner[inner], f"{place}.")
            else:
                given = self.inputs(NodePath(place.replace(".", ".0.")))
                self._known[place] = computed(whose(self._scenario, place), given)
        return self._known[place]

    def _result(self, graph: GraphSketch, above: str) -> int:
        last = _last(self._scenario, graph)
        return self._own(above) if last is None else self._output(f"{above}{last.id}")

    def _taken(self, place: str) -> str | Failure:
        graph, node, _ = self._at(place)
        return taken(graph, node, self._first(place))

    def _first(self, place: str) -> int:
        """Return what branches and gates take: the first value from above, or the workflow's own."""
        graph, node, above = self._at(place)
        sources = _sources(self._scenario, graph, node)
        return self._output(f"{above}{sources[0]}") if sources else self._own(above)

    def _own(self, above: str) -> int:
        """Return the input `i` of the workflow whose nodes' places begin with `above`."""
        if not above:
            return ROOT_INPUT
        return self._first(above.rstrip("."))

    def _at(self, place: str) -> tuple[GraphSketch, NodeSketch, str]:
        *outer, name = place.split(".")
        graph = self._scenario.primary
        for part in outer:
            holder = next(node for node in graph.every if node.id == part)
            graph = self._scenario.inner[holder.workflow or holder.gives]
        found = next(node for node in graph.every if node.id == name)
        return graph, found, "".join(f"{part}." for part in outer)


# --- on the wire ----------------------------------------------------------------------------


def literals(values: Mapping[str, int | list[int]]) -> bytes:
    """Return a serialised map of numbers and lists of them."""
    message = pb.LiteralMap()
    for name, value in values.items():
        literal = message.literals[name]
        if isinstance(value, list):
            literal.collection.SetInParent()
            for item in value:
                literal.collection.literals.add().scalar.primitive.integer = item
        else:
            literal.scalar.primitive.integer = value
    return message.SerializeToString(deterministic=True)


def numbers(data: bytes) -> dict[str, object]:
    """Return what is in a serialised map: numbers, and lists of them."""
    found: dict[str, object] = {}
    for name, literal in pb.LiteralMap.FromString(data).literals.items():
        if literal.WhichOneof("value") == "collection":
            found[name] = [item.scalar.primitive.integer for item in literal.collection.literals]
        elif literal.scalar.WhichOneof("value") == "primitive":
            found[name] = literal.scalar.primitive.integer
    return found


def told_error(data: bytes) -> tuple[str, str] | None:
    """Return the failed node and the message that a failure node is told in serialised inputs."""
    literal = pb.LiteralMap.FromString(data).literals["err"]
    error = literal.scalar.union.value.scalar.error
    return (error.failed_node_id, error.message) if error.ByteSize() else None
