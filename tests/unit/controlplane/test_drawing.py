"""Graphs as they are drawn: whole where they are small, folded where nobody could read them."""

import pytest

from flytelike.controlplane.drawing import DRAWN_MAX, FOLD_ABOVE, Drawing, condition_text, draw
from flytelike_idl.core import compiler_pb2, condition_pb2, workflow_pb2


def graph(*nodes: tuple[str, str, list[str]]) -> compiler_pb2.CompiledWorkflow:
    """Return a workflow of nodes: id, task, and the nodes they come after."""
    out = compiler_pb2.CompiledWorkflow()
    for name, task, above in nodes:
        node = out.template.nodes.add(id=name)
        node.task_node.reference_id.name = task
        out.connections.upstream[name].ids.extend(above or ["start-node"])
    return out


def checked(drawing: Drawing) -> Drawing:
    """Check what holds of every drawing: no node twice, edges between them, each node behind those before it."""
    places = {node.id: place for place, node in enumerate(drawing.nodes)}
    assert len(places) == len(drawing.nodes)
    assert all(source in places and target in places for source, target in drawing.edges)
    assert sum(len(node.members) for node in drawing.nodes) == drawing.total
    return drawing


def in_order(drawing: Drawing) -> bool:
    places = {node.id: place for place, node in enumerate(drawing.nodes)}
    return all(places[source] < places[target] for source, target in drawing.edges)


def test_a_small_graph_is_drawn_as_it_is() -> None:
    drawing = checked(draw(graph(("n2", "c", ["n0", "n1"]), ("n0", "a", []), ("n1", "b", ["n0"]))))
    assert [node.id for node in drawing.nodes] == ["n0", "n1", "n2"]
    assert set(drawing.edges) == {("n0", "n1"), ("n0", "n2"), ("n1", "n2")}
    assert in_order(drawing)


def test_ten_thousand_calls_of_a_task_are_one_node() -> None:
    each = [(f"n{index}", "module.work", ["first"]) for index in range(10_000)]
    drawing = checked(draw(graph(("first", "load", []), *each, ("last", "join", [name for name, _, _ in each]))))
    assert [(node.name, len(node.members)) for node in drawing.nodes] == [("load", 1), ("work", 10_000), ("join", 1)]
    assert in_order(drawing)


def test_pairs_fold_as_pairs() -> None:
    pairs = [node for index in range(200) for node in ((f"a{index}", "a", []), (f"b{index}", "b", [f"a{index}"]))]
    drawing = checked(draw(graph(*pairs)))
    assert [(node.name, len(node.members)) for node in drawing.nodes] == [("a", 200), ("b", 200)]
    assert len(drawing.edges) == 1


@pytest.mark.parametrize("tasks", [1, 50, 10_000])
def test_a_long_chain_is_never_too_long_to_be_drawn(tasks: int) -> None:
    chain = [(f"n{index}", f"t{index % tasks}", [f"n{index - 1}"] if index else []) for index in range(10_000)]
    assert len(checked(draw(graph(*chain))).nodes) <= DRAWN_MAX


def test_graphs_that_fit_are_not_folded() -> None:
    alike = [(f"n{index}", "t", []) for index in range(FOLD_ABOVE)]
    assert len(checked(draw(graph(*alike))).nodes) == FOLD_ABOVE


def test_branches_show_their_cases() -> None:
    out = compiler_pb2.CompiledWorkflow()
    node = out.template.nodes.add(id="n0")
    node.metadata.name = "size"
    block = node.branch_node.if_else
    compared = block.case.condition.comparison
    compared.operator = condition_pb2.ComparisonExpression.GT
    compared.left_value.var = ".n"
    compared.right_value.primitive.integer = 3
    block.case.then_node.id = "n0-n0"
    block.case.then_node.workflow_node.sub_workflow_ref.name = "flows.ship"
    block.else_node.id = "n0-n1"
    block.else_node.task_node.reference_id.name = "report"
    drawing = checked(draw(out))
    assert [(it.id, it.kind, it.branch, it.condition, it.nested) for it in drawing.nodes] == [
        ("n0", "branch", "", "", False),
        ("n0-n0", "workflow", "n0", "n > 3", True),
        ("n0-n1", "task", "n0", "else", False),
    ]
    assert set(drawing.edges) == {("n0", "n0-n0"), ("n0", "n0-n1")}


def test_joined_conditions_are_told_in_words() -> None:
    condition = condition_pb2.BooleanExpression()
    for side in (condition.conjunction.left_expression, condition.conjunction.right_expression):
        side.comparison.left_value.var = ".x"
        side.comparison.right_value.primitive.string_value = "a"
    condition.conjunction.operator = condition_pb2.ConjunctionExpression.OR
    assert condition_text(condition) == "(x == 'a' or x == 'a')"


def test_a_graph_nested_deeper_than_anybody_writes_is_still_drawn() -> None:
    out = compiler_pb2.CompiledWorkflow()
    node: workflow_pb2.Node = out.template.nodes.add(id="n0")
    for depth in range(60):
        case = node.branch_node.if_else.case
        case.then_node.id = f"n0-{depth}"
        node = case.then_node
    assert len(checked(draw(out)).nodes) < 60
