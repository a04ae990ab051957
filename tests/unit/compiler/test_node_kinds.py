"""Branches, gates, arrays and failure nodes: their edges, their ids, what they need, and where their faults are."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from flytelike.compiler import check
from flytelike.compiler.compile import Compilation, Nothing
from flytelike.compiler.graph import linked
from flytelike.compiler.nesting import all_nodes, renamed
from flytelike.model.diagnostic import Diagnostic
from flytelike.model.gate import Approval
from flytelike.model.graph import Entity, Node, WorkflowTemplate
from flytelike.model.ids import END_NODE, START_NODE
from flytelike.model.span import SourceSpan
from tests.spec.sent import array, bound, branch, call, case, compared, gate, identifier, task, workflow

SQUARE = task("square", "number: int", "o0: int")
SMALL = compared(".size", "less", 10)
SIZE = [bound(".size", ".size")]


def square(node: str, of: str = ".size") -> Node:
    return call(node, "task square", number=bound("number", of))


def branching(*inside: Node, node: str = "n1") -> Node:
    """A branch with a case for each node."""
    return branch(node, *(case(SMALL, inner) for inner in inside), given=SIZE, otherwise="too large")


def sized(*nodes: Node, **parts: object) -> WorkflowTemplate:
    return workflow("flow", *nodes, inputs="size: int", **parts)  # type: ignore[arg-type]


def codes(*entities: Entity) -> list[str]:
    return [found.code for found in check(entities, {})]


# --- edges ------------------------------------------------------------------------------


def test_nodes_inside_a_branch_know_what_they_wait_for_and_nothing_waits_for_them() -> None:
    edges = linked(renamed(sized(square("n0"), branching(square("n0", "n0.o0"), square("n1")))))
    assert edges.upstream == {
        START_NODE: (),
        "n0": (START_NODE,),
        "n1": (START_NODE,),
        "n1-n0": ("n0",),
        "n1-n1": (START_NODE,),
        END_NODE: ("n0", "n1"),
    }
    assert edges.downstream == {START_NODE: ("n0", "n1"), "n0": (END_NODE,), "n1": (END_NODE,), END_NODE: ()}


def test_a_failure_node_is_no_part_of_the_order() -> None:
    edges = linked(sized(square("n0"), failing=square("fn0")))
    assert edges.upstream["n0"] == edges.upstream["fn0"] == (START_NODE,)
    assert edges.downstream == {START_NODE: ("n0",), "n0": (END_NODE,), END_NODE: ()}


@pytest.mark.parametrize(
    "node",
    [
        branch("n1", case(SMALL, square("n0")), given=[bound(".size", "n0.o0")], otherwise="no"),
        gate("n1", Approval("ok"), [bound("o0", "n0.o0")]),
        array("n1", call("e", "task square"), [bound("number", "n0.o0")]),
    ],
    ids=["branch", "gate", "array"],
)
def test_a_node_of_each_kind_waits_for_what_it_is_bound_to(node: Node) -> None:
    edges = linked(renamed(sized(square("n0"), node)))
    assert edges.upstream["n1"] == ("n0",)
    assert edges.downstream["n0"] == ("n1",)


# --- ids --------------------------------------------------------------------------------


def test_nodes_inside_branches_get_ids_below_their_branch_at_any_depth() -> None:
    inner = branching(square("n0"), square("n1"), node="n1")
    found = renamed(sized(square("n0"), branching(square("n0"), inner), failing=branching(square("n0"), node="fn0")))
    ids = [node.id for node in all_nodes(found)]
    assert ids == ["n0", "n1", "n1-n0", "n1-n1", "n1-n1-n0", "n1-n1-n1", "fn0", "fn0-n0"]


def test_a_workflow_without_branches_stays_the_same_object() -> None:
    template = sized(square("n0"))
    assert renamed(template) is template


def test_an_id_that_gets_too_long_inside_its_branch_is_told() -> None:
    assert "invalid-node-id" in codes(SQUARE, sized(branching(square("n" * 62), node="n1")))


def test_the_second_of_two_nodes_is_not_held_to_what_the_first_calls() -> None:
    log = task("log", "text: str")
    twice = branching(square("n0"), call("n0", "task log", text="a"))
    assert codes(SQUARE, log, sized(twice)) == ["duplicate-node-id"]


def test_nodes_inside_a_failing_branch_take_nothing_from_nodes_that_may_not_have_run() -> None:
    found = codes(SQUARE, sized(square("n0"), failing=branching(square("n0", "n0.o0"), node="fn0")))
    assert found.count("failure-input-of-node") == 1


# --- needs ------------------------------------------------------------------------------


def closure_of(*entities: Entity) -> set[str]:
    """Return the names of all that the workflow `flow` needs to run."""
    work = Compilation(Nothing())
    for entity in entities:
        work.add(entity)
    work.diagnostics()
    closure = work.closure(identifier("workflow", "flow"))
    return {found.name for found in (*closure.tasks, *closure.sub_workflows, *closure.launch_plans)}


@pytest.mark.parametrize("place", ["branch", "array", "failure node"])
def test_a_closure_holds_what_inner_nodes_run(place: str) -> None:
    inner = call("n0", "workflow inner", number=bound("number", ".size"))
    templates = {
        "branch": sized(branching(branching(inner))),
        "array": sized(array("n0", inner, inner.bindings)),
        "failure node": sized(failing=inner),
    }
    below = workflow("inner", square("n0", ".number"), inputs="number: int")
    assert closure_of(SQUARE, below, templates[place]) == {"inner", "square"}


def test_a_workflow_that_contains_itself_inside_a_branch_is_told() -> None:
    assert "workflow-contains-itself" in codes(sized(branching(call("n0", "workflow flow"))))


# --- values -----------------------------------------------------------------------------


def approvals(order: Iterable[int]) -> list[Node]:
    """Approvals that each pass on what the one before approved; the first approves the input `size`."""
    sources = {0: ".size"}
    return [gate(f"g{i}", Approval("ok"), [bound("o0", sources.get(i, f"g{i - 1}.o0"))]) for i in order]


@pytest.mark.parametrize("backwards", [False, True])
def test_types_pass_through_a_long_chain_of_approvals_in_any_order(backwards: bool) -> None:
    order = range(2_000)
    takes_text = task("log", "text: str")
    log = call("n0", "task log", text=bound("text", "g1999.o0"))
    found = codes(takes_text, sized(*approvals(reversed(order) if backwards else order), log))
    assert found == ["mismatching-types"]


def test_approvals_that_wait_for_each_other_are_told_as_a_circle_only() -> None:
    nodes = [gate("n0", Approval("a"), [bound("o0", "n1.o0")]), gate("n1", Approval("b"), [bound("o0", "n0.o0")])]
    assert codes(sized(*nodes, square("n2", "n0.o0")), SQUARE).count("cyclic-nodes") == 1
    assert "unknown-output" not in codes(sized(*nodes, square("n2", "n0.o0")), SQUARE)


def test_what_a_node_inside_a_branch_takes_counts_as_used() -> None:
    assert "unused-output" not in codes(SQUARE, sized(square("n0"), branching(square("n0", "n0.o0"))))


# --- places -----------------------------------------------------------------------------


def told(code: str, *entities: Entity) -> Diagnostic:
    (found,) = (found for found in check(entities, {}) if found.code == code)
    return found


def lines(found: Diagnostic) -> list[int]:
    labels = (found.primary, *found.related)
    return [label.span.line for label in labels if label is not None and label.span is not None]


def at(node: Node, line: int) -> Node:
    return replace(node, span=SourceSpan("flow.py", line, 1, line, 9))


def test_cases_of_two_types_are_told_with_both_places() -> None:
    name = task("name", "", "o0: str")
    cases = branching(at(square("n0"), 3), at(call("n1", "task name"), 5))
    assert lines(told("mismatching-types", SQUARE, name, sized(cases))) == [5, 3]


def test_an_output_of_some_cases_is_told_with_the_places_of_all_cases() -> None:
    log = task("log", "")
    cases = branching(at(square("n0"), 3), at(call("n1", "task log"), 5))
    found = told("output-of-some-cases", SQUARE, log, sized(cases, at(square("n2", "n1.o0"), 7)))
    assert lines(found) == [7, 5, 3]
