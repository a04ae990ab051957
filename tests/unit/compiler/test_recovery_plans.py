"""What becomes of each node when an execution goes on in other code or with other inputs."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from flytelike.compiler.compile import Compiled
from flytelike.compiler.compile import compile as compiled_of
from flytelike.compiler.recovery import plan_recovery
from flytelike.controlplane.choosing import Choice
from flytelike.controlplane.partial_run import plan_partial_run
from flytelike.model.closure import WorkflowClosure
from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.earlier import Earlier, EarlierNode
from flytelike.model.graph import BranchTarget, inner_nodes
from flytelike.model.ids import ROOT, Digest, ExecutionId, NodeId, NodePath
from flytelike.model.phases import NodePhase
from flytelike.model.recovery import Action, PlannedNode
from flytelike.model.reuse import ReuseSource, Way
from flytelike.sdk.entities import templates
from flytelike.sdk.modules import load
from flytelike.sdk.settings import Settings

OLD = ExecutionId("p", "d", "old")
BASE = """
from flytelike import task, workflow

LIMIT = 3

@task
def load(rows: int) -> list[int]:
    return list(range(rows))

@task
def clean(xs: list[int]) -> list[int]:
    return xs[:LIMIT]

@task
def train(xs: list[int], rate: float) -> float:
    return rate * sum(xs)

@task
def report(score: float) -> str:
    return helper(score)

def helper(score: float) -> str:
    return str(score)

@workflow
def prepare(rows: int) -> list[int]:
    return clean(xs=load(rows=rows))

@workflow
def pipe(rows: int, rate: float = 0.1) -> str:
    xs = prepare(rows=rows)
    return report(score=train(xs=xs, rate=rate))
"""
ALL_DONE = {"n0": "SUCCEEDED", "n0.0.n0": "SUCCEEDED", "n0.0.n1": "SUCCEEDED", "n1": "SUCCEEDED", "n2": "SUCCEEDED"}


def closure(folder: Path, text: str) -> WorkflowClosure:
    """Compile the workflow `pipe` of a program."""
    file = folder / "flow.py"
    file.write_text(dedent(text))
    loaded = load([file])
    try:
        found = templates([loaded.named("pipe")], Settings("p", "d", "v", loaded.root, ""))
        compiled = compiled_of(found.entities)
    finally:
        loaded.forget()
    assert isinstance(compiled, Compiled), compiled
    return next(of for identifier, of in compiled.workflows.items() if identifier.name == "flow.pipe")


def earlier(phases: Mapping[str, str]) -> Earlier:
    """Return what an execution left, from the phases of its nodes by path."""
    nodes: dict[NodePath, dict[NodeId, EarlierNode]] = {}
    scopes: dict[NodePath, NodePath] = {}
    for path, phase in phases.items():
        scope, _, node = path.rpartition(".")
        source = ReuseSource(OLD, "raw", NodePath(path), 0, f"{path}/i", f"{path}/o")
        nodes.setdefault(NodePath(scope), {})[NodeId(node)] = EarlierNode(NodePhase[phase], source)
        if scope:
            scopes[NodePath(scope.rpartition(".")[0])] = NodePath(scope)
    return Earlier(OLD, nodes, scopes)


def told(nodes: tuple[PlannedNode, ...]) -> dict[str, str]:
    """Return action and reason by path; by the earlier path for nodes that are gone."""
    return {node.path or f"was {node.earlier}": f"{node.action.value} {node.reason.value}" for node in nodes}


def planned(folder: Path, old: str, new: str, phases: Mapping[str, str] = ALL_DONE, **inputs: bool) -> dict[str, str]:
    plan = plan_recovery(closure(folder, old), closure(folder, new), earlier(phases), frozenset(inputs))
    return told(plan.nodes)


def test_nothing_changed_and_all_succeeded(tmp_path: Path) -> None:
    assert set(planned(tmp_path, BASE, BASE).values()) == {"reuse unchanged"}


CHANGES = {
    "a task": ("rate * sum(xs)", "rate * len(xs)", {"n0": "reuse unchanged", "n1": "run code", "n2": "run upstream"}),
    "a function that a task calls": (
        "return str(score)",
        "return repr(score)",
        {"n0": "reuse unchanged", "n1": "reuse unchanged", "n2": "run code"},
    ),
    "a constant, in a sub-workflow": (
        "LIMIT = 3",
        "LIMIT = 4",
        {
            "n0": "partly inside",
            "n0.0.n0": "reuse unchanged",
            "n0.0.n1": "run code",
            "n1": "run upstream",
            "n2": "run upstream",
        },
    ),
    "a type": (
        "def report(score: float) -> str",
        "def report(score: float | None) -> str",
        {"n0": "reuse unchanged", "n1": "reuse unchanged", "n2": "run interface"},
    ),
    "a policy": (
        "@task\ndef train",
        "@task(retries=3)\ndef train",
        dict.fromkeys(("n0", "n1", "n2"), "reuse unchanged"),
    ),
    "a comment and a docstring": (
        "    return rate * sum(xs)",
        '    """Train."""\n    # well\n    return rate * sum(xs)',
        dict.fromkeys(("n0", "n1", "n2"), "reuse unchanged"),
    ),
    "what is bound": (
        "train(xs=xs, rate=rate)",
        "train(xs=xs, rate=0.5)",
        {"n0": "reuse unchanged", "n1": "run binding", "n2": "run upstream"},
    ),
    "a call put before all others": (
        "    xs = prepare(rows=rows)",
        "    load(rows=1)\n    xs = prepare(rows=rows)",
        {"n0": "new not-there", **dict.fromkeys(("n1", "n2", "n3"), "reuse unchanged")},
    ),
    "a call put between": (
        "    xs = prepare(rows=rows)",
        "    xs = clean(xs=prepare(rows=rows))",
        {"n0": "reuse unchanged", "n1": "new not-there", "n2": "run binding", "n3": "run upstream"},
    ),
    "a node's name": (
        "report(score=train(xs=xs, rate=rate))",
        'report(score=train(xs=xs, rate=rate).with_overrides(node_name="fit"))',
        {"n0": "reuse unchanged", "fit": "reuse unchanged", "n2": "reuse unchanged"},
    ),
    "a call that is gone": (
        "report(score=train(xs=xs, rate=rate))",
        "report(score=1.0)",
        {"n0": "reuse unchanged", "n1": "run binding", "was n1": "gone not-there"},
    ),
    "a call put in the middle": (
        "prepare(rows=rows)\n    return report",
        "prepare(rows=rows)\n    load(rows=rows)\n    return report",
        {"n0": "reuse unchanged", "n1": "new not-there", "n2": "reuse unchanged", "n3": "reuse unchanged"},
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_change_makes_run(tmp_path: Path, change: str) -> None:
    before, after, expected = CHANGES[change]
    assert before in BASE
    assert planned(tmp_path, BASE, BASE.replace(before, after)) == expected


def test_calls_of_one_task_are_told_apart_by_what_they_are_given(tmp_path: Path) -> None:
    """Swapped and moved on by another one, each is still found."""
    text = "from flytelike import task, workflow\n\n@task\ndef f(x: int) -> int:\n    return x\n\n@workflow\n"
    text += "def pipe():\n    a = f(x=1)\n    b = f(x=2)\n    f(x=a)\n    f(x=b)\n"
    new = text.replace("    a = f(x=1)\n    b = f(x=2)\n", "    f(x=0)\n    b = f(x=2)\n    a = f(x=1)\n")
    phases = {f"n{number}": "SUCCEEDED" for number in range(4)}
    plan = plan_recovery(closure(tmp_path, text), closure(tmp_path, new), earlier(phases))
    assert {node.path: node.earlier for node in plan.nodes} == {
        "n0": "",
        "n1": "n1",
        "n2": "n0",
        "n3": "n2",
        "n4": "n3",
    }


def test_an_input_that_changed_makes_run_what_is_given_it(tmp_path: Path) -> None:
    assert planned(tmp_path, BASE, BASE, rate=True) == {
        "n0": "reuse unchanged",
        "n1": "run input",
        "n2": "run upstream",
    }
    assert planned(tmp_path, BASE, BASE, rows=True)["n0"] == "run input"


@pytest.mark.parametrize("phase", ["FAILED", "ABORTED", "SKIPPED", "TIMED_OUT", "RUNNING"])
def test_what_did_not_succeed_is_never_reused(tmp_path: Path, phase: str) -> None:
    phases = {"n0": "RECOVERED", "n1": phase}
    assert planned(tmp_path, BASE, BASE, phases) == {
        "n0": "reuse unchanged",
        "n1": "run not-done",
        "n2": "run not-done",
    }


def test_a_sub_workflow_that_failed_goes_on_inside(tmp_path: Path) -> None:
    phases = {"n0": "FAILED", "n0.1.n0": "SUCCEEDED", "n0.1.n1": "FAILED"}
    plan = plan_recovery(closure(tmp_path, BASE), closure(tmp_path, BASE), earlier(phases))
    assert told(plan.nodes)["n0.0.n0"] == "reuse unchanged"
    taken = plan.reuse[NodePath("n0.0.n0")]
    assert taken.source is not None
    assert (taken.way, taken.source.path) == (Way.TAKE_IF_INPUTS_EQUAL, "n0.1.n0")
    assert plan.reuse[NodePath("n0.0.n1")].way is Way.CONTINUE, "its checkpoint is of use"


def test_changed_functions_are_named(tmp_path: Path) -> None:
    new = BASE.replace("return str(score)", "return repr(score)")
    plan = plan_recovery(closure(tmp_path, BASE), closure(tmp_path, new), earlier(ALL_DONE))
    assert plan.nodes[-1].detail == "its code changed: `flow.helper`"


# --- chosen nodes -----------------------------------------------------------------------


def chosen(folder: Path, old: str, new: str, choice: Choice, phases: Mapping[str, str] = ALL_DONE) -> dict[str, str]:
    return told(plan_partial_run(closure(folder, old), closure(folder, new), earlier(phases), choice).nodes)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Choice(only=("train",)), "reuse needed, run chosen, left out not-chosen"),
        (Choice(since=("n1",)), "reuse needed, run chosen, run chosen"),
        (Choice(until=("train",)), "run chosen, run chosen, left out not-chosen"),
        (Choice(since=("n1",), until=("n1",)), "reuse needed, run chosen, left out not-chosen"),
        (Choice(only=("report",)), "left out not-chosen, reuse needed, run chosen"),
        (Choice(only=("prepare",)), "run chosen, left out not-chosen, left out not-chosen"),
    ],
)
def test_what_is_chosen_runs(tmp_path: Path, choice: Choice, expected: str) -> None:
    assert ", ".join(chosen(tmp_path, BASE, BASE, choice).values()) == expected


def test_outputs_of_the_workflow_are_missing_when_their_node_is_left_out(tmp_path: Path) -> None:
    both = closure(tmp_path, BASE)
    plan = plan_partial_run(both, both, earlier(ALL_DONE), Choice(only=("train",)))
    assert plan.missing_outputs == ("o0",)
    assert plan_partial_run(both, both, earlier(ALL_DONE), Choice(since=("train",))).missing_outputs == ()


OTHER_TYPE = BASE.replace("-> float:\n    return rate", "-> str:\n    return rate").replace(
    "score: float", "score: str"
)
REFUSED = {
    "unknown-node": (Choice(only=("trian",)), BASE, ALL_DONE),
    "ambiguous-node": (
        Choice(only=("load",)),
        BASE.replace("    xs = p", "    load(rows=1)\n    load(rows=2)\n    xs = p"),
        ALL_DONE,
    ),
    "conflicting-choice": (Choice(only=("n1",), since=("n1",)), BASE, ALL_DONE),
    "nothing-chosen": (Choice(since=("n2",), until=("n1",)), BASE, ALL_DONE),
    "no-earlier-result": (Choice(only=("report",)), BASE, {"n0": "SUCCEEDED", "n1": "FAILED"}),
    "earlier-result-does-not-fit": (Choice(only=("report",)), OTHER_TYPE, ALL_DONE),
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_cannot_be_chosen_is_refused(tmp_path: Path, code: str) -> None:
    choice, new, phases = REFUSED[code]
    with pytest.raises(DiagnosticError) as refused:
        chosen(tmp_path, BASE, new, choice, phases)
    assert [found.code for found in refused.value.diagnostics] == [code]


MAPPED = """
from flytelike import conditional, map_task, task, workflow

@task
def load(rows: int) -> list[int]:
    return list(range(rows))

@task
def score(x: int) -> int:
    return x

@task
def mute(x: int) -> None:
    print(x)

@workflow
def inner(rows: int) -> list[int]:
    return map_task(score)(x=load(rows=rows))

@workflow
def pipe(rows: int) -> list[int]:
    scored = map_task(score)(x=load(rows=rows))
    map_task(mute)(x=scored)
    return conditional("c").if_(rows > 5).then(inner(rows=rows)).else_().then(load(rows=rows))
"""


def left_by_a_map(**elements: tuple[int, int]) -> Earlier:
    """Return what an execution left whose maps failed, with how many elements succeeded of how many."""
    found = earlier({"n0": "SUCCEEDED", **dict.fromkeys(elements, "FAILED")})
    nodes = {
        node: replace(one, elements=elements[node]) if node in elements else one
        for node, one in found.nodes[NodePath("")].items()
    }
    return replace(found, nodes={NodePath(""): nodes})


def test_a_map_that_failed_goes_on_with_its_elements(tmp_path: Path) -> None:
    of = closure(tmp_path, MAPPED)
    plan = plan_recovery(of, of, left_by_a_map(n1=(812, 1000)))
    [array] = [node for node in plan.nodes if node.path == "n1"]
    assert (array.action, array.detail) == (Action.PARTLY, "812 of 1,000 elements reused")
    assert plan.reuse[NodePath("n1")].way is Way.CONTINUE


PARTS = """
from flytelike import map_task, task, workflow

@task
def load(rows: int) -> list[int]:
    return list(range(rows))

@task
def prep(x: int) -> int:
    return x

@task
def score(x: int) -> int:
    return x

@workflow
def part(x: int) -> int:
    return score(x=prep(x=x))

@workflow
def pipe(rows: int) -> list[int]:
    return map_task(part)(x=load(rows=rows))
"""
DONE_IN_0, FAILED_IN_1 = {"n0": "SUCCEEDED", "n1": "SUCCEEDED"}, {"n0": "SUCCEEDED", "n1": "FAILED"}
CHECKPOINT = "0 elements reused, 1 go on inside"
"""What failed is unchanged, and finds its checkpoint."""
LEFT_BY_PARTS = {
    "n0": "SUCCEEDED",
    "n1": "FAILED",
    "n1.0.0": "SUCCEEDED",
    "n1.0.1": "FAILED",
    "n1.0.2": "ABORTED",
    **{f"n1.0.0.0.{node}": phase for node, phase in DONE_IN_0.items()},
    **{f"n1.0.1.0.{node}": phase for node, phase in FAILED_IN_1.items()},
}


@pytest.mark.parametrize(
    ("before", "after", "reused", "told"),
    [
        ("", "", {"n0", "n1.0.0", "n1.0.1.0.n0"}, "1 elements reused, 1 go on inside"),
        (
            "def score(x: int) -> int:\n    return x",
            "def score(x: int) -> int:\n    return x + 1",
            {"n0", "n1.0.0.0.n0", "n1.0.1.0.n0"},
            "0 elements reused, 2 go on inside",
        ),
        ("def prep(x: int) -> int:\n    return x", "def prep(x: int) -> int:\n    return -x", {"n0"}, CHECKPOINT),
        ("return list(range(rows))", "return list(range(2 * rows))", set(), CHECKPOINT),
    ],
    ids=["nothing changed", "what failed changed", "the first changed", "what gives the items changed"],
)
def test_elements_with_nodes_are_looked_into(
    tmp_path: Path, before: str, after: str, reused: set[str], told: str
) -> None:
    old, new = closure(tmp_path, PARTS), closure(tmp_path, PARTS.replace(before, after) if before else PARTS)
    plan = plan_recovery(old, new, earlier(LEFT_BY_PARTS))
    ways = {path for path, node in plan.reuse.items() if node.way is Way.TAKE_IF_INPUTS_EQUAL}
    assert ways == reused
    [array] = [node for node in plan.nodes if node.path == "n1"]
    assert (array.action, array.detail) == (Action.PARTLY, told)
    assert len(plan.nodes) == 2, "elements are told together"


@pytest.mark.parametrize(
    ("change", "succeeded"),
    [("return x", 812), ("return list(range(rows))", 812), ("", 0)],
    ids=["its code changed", "what is above it runs", "no element succeeded"],
)
def test_a_map_runs_whole_where_a_node_would(tmp_path: Path, change: str, succeeded: int) -> None:
    old = closure(tmp_path, MAPPED)
    new = closure(tmp_path, MAPPED.replace(change, f"{change} or 0") if change else MAPPED)
    plan = plan_recovery(old, new, left_by_a_map(n1=(succeeded, 1000)))
    assert told(plan.nodes)["n1"].startswith("run")
    assert NodePath("n1") not in plan.reuse


def test_of_elements_without_outputs_nothing_is_known(tmp_path: Path) -> None:
    of = closure(tmp_path, MAPPED)
    plan = plan_recovery(of, of, left_by_a_map(n1=(3, 3), n2=(2, 3)))
    assert told(plan.nodes)["n2"] == "run not-done"


def test_a_branch_goes_on_inside_of_the_case_that_it_took(tmp_path: Path) -> None:
    of = closure(tmp_path, MAPPED)
    [branch] = [node for node in of.primary.template.nodes if isinstance(node.target, BranchTarget)]
    taken, other = (f"{node.id}" for node in inner_nodes(branch))
    phases = {branch.id: "FAILED", taken: "FAILED", f"{taken}.0.n0": "SUCCEEDED", f"{taken}.0.n1": "FAILED"}
    plan = plan_recovery(of, of, earlier({**phases, other: "SKIPPED"}))
    assert told(plan.nodes)[branch.id] == "partly inside"
    assert told(plan.nodes)[f"{taken}.0.n0"] == "reuse unchanged"
    assert other not in {node.path for node in plan.nodes}
    whole = plan_recovery(of, of, earlier({**phases, other: "SKIPPED"}), frozenset({"rows"}))
    assert set(whole.reuse) == {branch.id}, "a checkpoint may serve, no result does"


DYNAMIC = BASE.replace("import task", "import dynamic, task").replace("@task\ndef train", "@dynamic\ndef train")
GIVEN = BASE.replace("pipe(rows: int, rate: float = 0.1) -> str", "pipe(rows: int) -> list[int]").replace(
    "    xs = prepare(rows=rows)\n    return report(score=train(xs=xs, rate=rate))", "    return prepare(rows=rows)"
)
"""What its task gave: a graph with a sub-workflow `n0`."""


def expanded(attempts: int = 1) -> Earlier:
    """Return what an execution left whose dynamic node `n1` gave a graph at its first attempt."""
    left = earlier({"n0": "SUCCEEDED", "n1": "FAILED", "n1.0.n0": "FAILED", "n1.0.n0.0.n0": "SUCCEEDED"})
    source = replace(left.nodes[ROOT][NodeId("n1")].source, graph=Digest("g"), attempt=attempts - 1)
    nodes = {**left.nodes[ROOT], NodeId("n1"): EarlierNode(NodePhase.FAILED, source)}
    return replace(left, nodes={**left.nodes, ROOT: nodes})


def test_a_dynamic_node_keeps_its_graph(tmp_path: Path) -> None:
    new, graphs = closure(tmp_path, DYNAMIC), {Digest("g"): closure(tmp_path, GIVEN)}
    plan = plan_recovery(new, new, expanded(), graphs=graphs)
    assert told(plan.nodes) == {
        "n0": "reuse unchanged",
        "n1": "partly inside",
        "n1.0.n0": "partly inside",
        "n1.0.n0.0.n0": "reuse unchanged",
        "n1.0.n0.0.n1": "run not-done",
        "n2": "run not-done",
    }
    assert {path: node.way for path, node in plan.reuse.items()} == {
        "n0": Way.TAKE_IF_INPUTS_EQUAL,
        "n1": Way.KEEP_GRAPH,
        "n1.0.n0.0.n0": Way.TAKE_IF_INPUTS_EQUAL,
    }


@pytest.mark.parametrize("why", ["its last attempt gave none", "its inputs changed", "its graph is gone"])
def test_a_dynamic_node_runs_whole(tmp_path: Path, why: str) -> None:
    new, graphs = closure(tmp_path, DYNAMIC), {Digest("g"): closure(tmp_path, GIVEN)}
    plan = plan_recovery(
        new,
        new,
        expanded(attempts=2 if why == "its last attempt gave none" else 1),
        frozenset({"rate"} if why == "its inputs changed" else ()),
        graphs={} if why == "its graph is gone" else graphs,
    )
    assert told(plan.nodes)["n1"] == "run not-done"
    assert not [path for path in plan.reuse if path.startswith("n1.")]
    assert all(node.way is not Way.KEEP_GRAPH for node in plan.reuse.values())
