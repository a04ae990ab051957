"""What changed in branches, gates, arrays and failure nodes between two versions of a workflow."""

import pytest

from flytelike.compiler.graph_changes import graph_changes
from flytelike.model.gate import Approval, Sleep
from flytelike.model.graph import Node, WorkflowTemplate
from tests.spec.sent import array, bound, branch, call, case, compared, gate, workflow


def deciding(limit: int = 10, *, node: str = "n1", of: str = "n0", otherwise: str = "too large") -> Node:
    """A branch on an output of another node, which names its input after it as Flyte's SDK does."""
    name = f"{of}.o0"
    inside = call("n0", "task square", number=bound("number", name))
    return branch(node, case(compared(name, "less", limit), inside), given=[bound(name, name)], otherwise=otherwise)


def mapping(**settings: object) -> Node:
    given = [bound("number", ".numbers")]
    return array("n0", call("e", "task square", number=given[0]), given, **settings)


def flow(*nodes: Node, failing: Node | None = None) -> WorkflowTemplate:
    return workflow("flow", *nodes, inputs="size: int, numbers: list[int]", failing=failing)


LOAD = call("n0", "task load")
CASES = {
    "a condition": (
        flow(LOAD, deciding(10)),
        flow(LOAD, deciding(11)),
        ["`n1` (a branch): other conditions, or another failure when none holds"],
    ),
    "the failure of a branch": (
        flow(LOAD, deciding(otherwise="a")),
        flow(LOAD, deciding(otherwise="b")),
        ["`n1` (a branch): other conditions, or another failure when none holds"],
    ),
    "a call that makes the nodes count on": (
        flow(LOAD, deciding()),
        flow(call("n0", "task log"), call("n1", "task load"), deciding(node="n2", of="n1")),
        ["calls task `log` as `n0`"],
    ),
    "a node inside a branch": (
        flow(branch("n0", case(None, call("n0", "task load")))),
        flow(branch("n0", case(None, call("n0", "task log")))),
        ["in `n0`: does not call task `load` (was `n0`)", "in `n0`: calls task `log` as `n0`"],
    ),
    "what a gate waits for": (
        flow(gate("n0", Approval("ok"))),
        flow(gate("n0", Sleep(1))),
        ["`n0` (a gate): waits for something else"],
    ),
    "how an array runs": (
        flow(mapping(parallelism=2)),
        flow(mapping(parallelism=3)),
        ["`n0` (task `square` for each element): other concurrency, successes or shared inputs"],
    ),
    "a failure node": (
        flow(failing=call("fn0", "task clean")),
        flow(),
        ["when it fails: does not call task `clean` (was `fn0`)"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_changed_is_told_once(name: str) -> None:
    old, new, told = CASES[name]
    assert list(graph_changes(old, new)) == told


@pytest.mark.parametrize("name", CASES)
def test_a_version_does_not_differ_from_itself(name: str) -> None:
    for version in CASES[name][:2]:
        assert list(graph_changes(version, version)) == []
