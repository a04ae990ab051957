"""Workflows whose values flow, and what each value must be by the sketches alone.

Every node gives `o`, a number that depends on its name and on all its inputs, so that a value
which comes from the wrong place, or an old one, is seen in the end.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from flytelike.model.closure import CompiledWorkflow, WorkflowClosure
from flytelike.model.failure import Failure
from flytelike.model.gate import Approval, Signal, Sleep
from flytelike.model.graph import (
    ArrayTarget,
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

Value: TypeAlias = "int | None | Sequence[Value]"

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
    if node is sketch.cleanup and not node.array:
        inputs["err"] = Variable(ERROR)
    return TypedInterface(inputs, GIVES if _has_output(scenario, sketch, node) else {})


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
    if isinstance(node.target, ArrayTarget):
        return _array(scenario, graph, sketch, node, node.target)
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
        return replace(node, bindings=(Binding("i", first),))
    own = (Binding("i", first),) if sketch.gives else ()
    lists = [BoundPromise(Promise(NodeId(other), "o")) for other in _lists(scenario, graph, sketch)]
    if sources or lists or graph.name != "main":
        return replace(node, bindings=(Binding("x", BoundCollection((*promised, *lists, _OWN))), *own))
    return replace(node, bindings=(Binding("x", BoundCollection((BoundScalar(Primitive(ROOT_INPUT)),))), *own))


def _array(scenario: Scenario, graph: GraphSketch, sketch: NodeSketch, node: Node, target: ArrayTarget) -> Node:
    """Return an array whose elements are given what such a node is, and a number of their own."""
    assert sketch.array
    promised = [BoundPromise(Promise(NodeId(other), "o")) for other in _sources(scenario, graph, sketch)]
    lists = [BoundPromise(Promise(NodeId(other), "o")) for other in _lists(scenario, graph, sketch)]
    first = promised[0] if promised else _OWN
    items = [BoundScalar(Primitive(item_of(index))) for index in range(sketch.array.length)]
    if sketch.workflow:
        bindings = (Binding("i", BoundCollection((first, *items[1:]) if items else ())),)
    else:
        given = BoundCollection(tuple(BoundCollection((*promised, *lists, _OWN, item)) for item in items))
        bindings = (Binding("x", given), *((Binding("i", first),) if sketch.gives else ()))
    target = replace(target, original_interface=True, bound_inputs=("i",) if sketch.gives else ())
    return replace(node, target=target, bindings=bindings)


def item_of(index: int) -> int:
    """Return the number that an element is given: two of them the same, so that some do equal work."""
    return index // 2


def _result(scenario: Scenario, graph: GraphSketch) -> BoundPromise:
    last = _last(scenario, graph)
    return _OWN if last is None else BoundPromise(Promise(NodeId(last.id), "o"))


def _sources(scenario: Scenario, graph: GraphSketch, node: NodeSketch) -> list[str]:
    """Return the nodes whose numbers a node takes: those above it that give one."""
    by_id = {other.id: other for other in graph.nodes}
    return [other for other in node.after if _gives(scenario, graph, by_id[other])]


def _lists(scenario: Scenario, graph: GraphSketch, node: NodeSketch) -> list[str]:
    """Return the arrays whose lists a node takes: those above it that give one without gaps."""
    above = [other for other in graph.nodes if other.id in node.after and other.array]
    whole = [other for other in above if other.array and other.array.success is None]
    return [other.id for other in whole if _has_output(scenario, graph, other)]


def _last(scenario: Scenario, graph: GraphSketch) -> NodeSketch | None:
    return next((node for node in reversed(graph.tops) if _gives(scenario, graph, node)), None)


def _gives(scenario: Scenario, graph: GraphSketch, node: NodeSketch) -> bool:
    """Tell whether a node gives a number. Arrays give lists."""
    return node.array is None and _has_output(scenario, graph, node)


def _has_output(scenario: Scenario, graph: GraphSketch, node: NodeSketch) -> bool:
    """Tell whether a node has an output; an array has one if its elements do."""
    if node.cases:
        return all(_gives(scenario, graph, case) for case in graph.nodes if case.branch == node.id)
    if node.sleep_ns is not None:
        return False
    inner = node.workflow or node.gives
    return not inner or scenario.inner[inner].outputs


# --- the model ------------------------------------------------------------------------------


class Spot(NamedTuple):
    """Where a place leads: the graph, the node there (for an element what its array repeats), what lies around it."""

    graph: GraphSketch
    node: NodeSketch
    above: str
    element: int | None = None


def spot(scenario: Scenario, place: str) -> Spot:
    """Follow a place from the primary graph."""
    graph, above = scenario.primary, ""
    parts = place.split(".")
    while True:
        name, parts = parts[0], parts[1:]
        node = next(node for node in graph.every if node.id == name)
        here, element = f"{above}{name}", None
        if node.array and parts:
            element, parts = int(parts[0]), parts[1:]
            here, node = f"{here}.{element}", replace(node, array=None)
        if not parts:
            return Spot(graph, node, above, element)
        graph, above = scenario.inner[node.workflow or node.gives], f"{here}."


def whose(scenario: Scenario, place: str) -> str:
    """Return what gives the value at a place: cached tasks are the same wherever they stand."""
    graph, node, _, _ = spot(scenario, place)
    return f"{graph.name}:{node.id}" if node.task.cache.enabled else place


def computed(place: str, given: Sequence[Value]) -> int:
    """Return what a task or child gives at a place (its path without attempts) for its inputs."""
    return zlib.crc32(f"{place}{list(given)}".encode())


def place_of(path: NodePath) -> str:
    """Return a path without the attempts in it: a retried sub-workflow computes the same."""
    return ".".join(path.split(".")[::2])


class Expected:
    """What values must be, from the sketches alone."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._known: dict[str, Value] = {}

    def inputs(self, path: NodePath) -> list[Value]:
        """Return what a task or launch-plan node is given as `x`; of an array a list of that for each element."""
        return self._inputs(place_of(path))

    def output(self, path: NodePath) -> Value:
        """Return what a node gives; the execution's own result for an empty path; of an array all it may give."""
        return self._output(place_of(path)) if path else self._result(self._scenario.primary, "")

    def given(self, path: NodePath) -> dict[str, Value]:
        """Return all that a node of any kind is given, by name; but for the error."""
        place = place_of(path)
        graph, node, _, _ = spot(self._scenario, place)
        if node.cases:
            return {"v": self._first(place)}
        if node.is_gate:
            asks = node.signal and isinstance(gate_of(graph, node), Approval)
            return {"o": self._first(place)} if asks else {}
        if node.workflow:
            elements = range(node.array.length) if node.array else ()
            each = [self._own(f"{place}.{index}.") for index in elements]
            return {"i": each if node.array else self._own(f"{place}.")}
        own: dict[str, Value] = {"i": self._first(place)} if node.gives else {}
        return {"x": self.inputs(path), **own}

    def gives(self, path: NodePath) -> bool:
        """Tell whether a node has an output."""
        graph, node, _, _ = spot(self._scenario, place_of(path))
        return _has_output(self._scenario, graph, node)

    def taken(self, path: NodePath) -> NodeId | Failure:
        """Return which case a branch must take, or why it must fail."""
        found = self._taken(place_of(path))
        return found if isinstance(found, Failure) else NodeId(found)

    def gate(self, path: NodePath) -> Approval | Signal | None:
        """Return what a gate waits for, if it is a signal."""
        graph, node, _, _ = spot(self._scenario, place_of(path))
        return gate_of(graph, node) if node.signal else None

    def _inputs(self, place: str) -> list[Value]:
        graph, node, above, element = spot(self._scenario, place)
        if node.array:
            return [self._inputs(f"{place}.{index}") for index in range(node.array.length)]
        numbers_above: list[Value] = [
            self._output(f"{above}{other}") for other in _sources(self._scenario, graph, node)
        ]
        lists = [self._output(f"{above}{other}") for other in _lists(self._scenario, graph, node)]
        item = [] if element is None else [item_of(element)]
        return [*numbers_above, *lists, self._own(above), *item]

    def _output(self, place: str) -> Value:
        if place not in self._known:
            self._known[place] = self._output_anew(place)
        return self._known[place]

    def _output_anew(self, place: str) -> Value:
        graph, node, above, _ = spot(self._scenario, place)
        if node.array:
            return [self._output(f"{place}.{index}") for index in range(node.array.length)]
        if node.cases:
            case = self._taken(place)
            lost = computed(f"{place} fails", [])  # Nobody is ever given it.
            return lost if isinstance(case, Failure) else self._output(f"{above}{case}")
        if node.signal:
            gate = gate_of(graph, node)
            asked = isinstance(gate, Approval)
            return self._first(place) if asked else given_value(gate.signal_id)
        if inner := node.workflow or node.gives:
            return self._result(self._scenario.inner[inner], f"{place}.")
        return computed(whose(self._scenario, place), self._inputs(place))

    def _result(self, graph: GraphSketch, above: str) -> Value:
        last = _last(self._scenario, graph)
        return self._own(above) if last is None else self._output(f"{above}{last.id}")

    def _taken(self, place: str) -> str | Failure:
        graph, node, _, _ = spot(self._scenario, place)
        return taken(graph, node, self._first(place))

    def _first(self, place: str) -> int:
        """Return what branches and gates take: the first value from above, or the workflow's own."""
        graph, node, above, element = spot(self._scenario, place)
        if element and node.workflow:
            return item_of(element)
        sources = _sources(self._scenario, graph, node)
        found = self._output(f"{above}{sources[0]}") if sources else self._own(above)
        assert isinstance(found, int)
        return found

    def _own(self, above: str) -> int:
        """Return the input `i` of the workflow whose nodes' places begin with `above`."""
        if not above:
            return ROOT_INPUT
        return self._first(above.rstrip("."))


# --- on the wire ----------------------------------------------------------------------------


def literals(values: Mapping[str, Value]) -> bytes:
    """Return a serialised map of numbers and lists of them."""
    message = pb.LiteralMap()
    for name, value in values.items():
        _fill(message.literals[name], value)
    return message.SerializeToString(deterministic=True)


def _fill(literal: pb.Literal, value: Value) -> None:
    if isinstance(value, int):
        literal.scalar.primitive.integer = value
    elif value is None:
        literal.scalar.none_type.SetInParent()
    else:
        literal.collection.SetInParent()
        for item in value:
            _fill(literal.collection.literals.add(), item)


def numbers(data: bytes) -> dict[str, Value]:
    """Return what is in a serialised map: numbers, and lists of them; None where there is none."""
    found = {name: _value(literal) for name, literal in pb.LiteralMap.FromString(data).literals.items()}
    return {name: value for name, value in found.items() if value is not None}


def _value(literal: pb.Literal) -> Value:
    if literal.WhichOneof("value") == "collection":
        return [_value(item) for item in literal.collection.literals]
    match literal.scalar.WhichOneof("value"):
        case "primitive":
            return literal.scalar.primitive.integer
        case "union":
            return _value(literal.scalar.union.value)
        case _:
            return None


def told_error(data: bytes) -> tuple[str, str] | None:
    """Return the failed node and the message that a failure node is told in serialised inputs."""
    literal = pb.LiteralMap.FromString(data).literals["err"]
    error = literal.scalar.union.value.scalar.error
    return (error.failed_node_id, error.message) if error.ByteSize() else None
