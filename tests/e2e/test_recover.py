"""Going on where an execution stopped: only what has to runs, and what runs is told in advance."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from flytelike.storage.packs import PACK
from tests.e2e.cli import Outcome

Run = Callable[..., Outcome]

PIPE = """
from pathlib import Path

from flytelike import LaunchPlan, conditional, dynamic, map_task, task, workflow

RAN = Path(__RAN__)


def note(name: str) -> None:
    with RAN.open("a") as file:
        file.write(f"{name} ")


@task
def load(rows: int) -> list[int]:
    note("load")
    return list(range(rows))


@task
def clean(xs: list[int]) -> list[int]:
    note("clean")
    return [x for x in xs if x % 2]


@task
def train(xs: list[int]) -> float:
    note("train")
    return sum(xs) / 0


@task
def report(score: float) -> str:
    note("report")
    return f"score {score}"


@workflow
def prepare(rows: int) -> list[int]:
    return clean(xs=load(rows=rows))


@workflow
def fit(xs: list[int]) -> float:
    return train(xs=clean(xs=xs))


planned = LaunchPlan.get_or_create(fit, name="planned_fit")


@workflow
def pipe(rows: int = 10) -> str:
    return report(score=train(xs=prepare(rows=rows)))


@workflow
def deep(rows: int = 10) -> str:
    return report(score=fit(xs=prepare(rows=rows)))


@task
def score(x: int) -> int:
    note(f"score{x}")
    return 100 // (x - 3)


@task
def total(xs: list[int]) -> str:
    return f"total {sum(xs)}"


@workflow
def mapped(rows: int = 6) -> str:
    return total(xs=map_task(score)(x=load(rows=rows)))


@task
def prep(x: int) -> int:
    note(f"prep{x}")
    return x


@workflow
def part(x: int) -> int:
    return score(x=prep(x=x))


planned_part = LaunchPlan.get_or_create(part, name="planned_part")


@workflow
def mapped_parts(rows: int = 5) -> str:
    return total(xs=map_task(part, concurrency=1)(x=load(rows=rows)))


@workflow
def mapped_plans(rows: int = 5) -> str:
    return total(xs=map_task(planned_part, concurrency=1)(x=load(rows=rows)))


@workflow
def chosen(rows: int = 10) -> str:
    xs = load(rows=rows)
    fitted = conditional("big").if_(rows > 5).then(fit(xs=xs)).else_().then(train(xs=xs))
    return report(score=fitted)


@dynamic
def fitting(xs: list[int]) -> float:
    note("fitting")
    return train(xs=clean(xs=xs))


@dynamic
def spread(rows: int) -> float:
    note("spread")
    return fitting(xs=load(rows=rows))


@workflow
def at_run_time(rows: int = 10) -> str:
    return report(score=spread(rows=rows))


@workflow
def apart(rows: int = 10) -> str:
    return report(score=planned(xs=prepare(rows=rows)))
"""


@pytest.fixture
def ran(project: Path) -> Callable[[], str]:
    """Write `pipe.py`; return what tells the tasks that ran since it was last asked."""
    counted = project.parent / "ran.txt"
    (project / "pipe.py").write_text(PIPE.replace("__RAN__", repr(str(counted))))

    def told() -> str:
        text = counted.read_text() if counted.exists() else ""
        counted.unlink(missing_ok=True)
        return text.strip()

    return told


def mend(project: Path, before: str = "sum(xs) / 0", after: str = "sum(xs) / len(xs)") -> None:
    file = project / "pipe.py"
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


TABLE = """\
made from first
node   calls                          why
n0     prepare (workflow)   = reuse   succeeded, and nothing changed
n1     train                ↻ run     its code changed: `pipe.train`
n2     report               ↻ run     it did not run
3 nodes: 1 reuse, 2 run
"""


def test_only_what_was_mended_and_what_is_below_runs(run: Run, project: Path, ran: Callable[[], str]) -> None:
    assert run("execute", "pipe.py", "pipe", "--execution-name", "first").code == 1
    assert ran() == "load clean train"
    mend(project)
    dry = run("recover", "pipe.py", "pipe", "--from", "first", "--dry-run")
    lines = [line.strip() for line in dry.stdout.splitlines() if line.strip().strip("─")]
    assert "\n".join(lines) + "\n" == TABLE
    assert ran() == ""
    done = run("recover", "pipe.py", "pipe", "--from", "first", "--name", "second", "--json")
    assert done.document["outputs"] == {"o0": "score 5.0"}, done.stderr
    assert "= reuse" in done.stderr
    assert ran() == "train report"
    # A chain: from what was recovered, with another input for one of the nodes.
    again = run("recover", "second", "--rows", "4", "--json")
    assert again.document["outputs"] == {"o0": "score 2.0"}, again.stderr
    assert ran() == "load clean train report"
    whole = run("recover", "second", "--json")
    assert whole.document["outputs"] == {"o0": "score 5.0"}, whole.stderr
    assert ran() == ""


@pytest.mark.parametrize("workflow", ["deep", "apart"])
def test_what_is_nested_goes_on_inside(run: Run, project: Path, ran: Callable[[], str], workflow: str) -> None:
    assert run("execute", "pipe.py", workflow, "--execution-name", "first").code == 1
    assert ran() == "load clean clean train"
    mend(project)
    done = run("recover", "pipe.py", workflow, "--from", "first", "--json")
    assert done.document["outputs"] == {"o0": "score 5.0"}, done.stderr
    assert ran() == "train report"


def test_the_same_version_again_runs_what_failed(run: Run, ran: Callable[[], str]) -> None:
    run("execute", "pipe.py", "pipe", "--execution-name", "first")
    ran()
    assert run("recover", "first").code == 1
    assert ran() == "train"


def test_data_that_are_gone_are_made_again(run: Run, project: Path, data: Path, ran: Callable[[], str]) -> None:
    run("execute", "pipe.py", "pipe", "--execution-name", "first")
    ran()
    for file in data.rglob(f"*first*/{PACK}"):
        file.unlink()
    mend(project)
    done = run("recover", "pipe.py", "pipe", "--from", "first", "--json")
    assert done.document["outputs"] == {"o0": "score 5.0"}, done.stderr
    assert ran() == "load clean train report"


def test_chosen_nodes_run_with_what_others_gave(run: Run, project: Path, ran: Callable[[], str]) -> None:
    mend(project)
    run("execute", "pipe.py", "pipe", "--execution-name", "first")
    ran()
    part = run("execute", "pipe.py", "pipe", "--only", "train", "--json")
    assert part.document["outputs"] == {}, part.stderr
    assert "the output `o0` will be missing" in part.stderr
    assert ran() == "train"
    rest = run("execute", "pipe.py", "pipe", "--from", "n1", "--of", "first", "--json")
    assert rest.document["outputs"] == {"o0": "score 5.0"}, rest.stderr
    assert ran() == "train report"
    until = run("execute", "pipe.py", "pipe", "--until", "prepare", "--rows", "4")
    assert until.code == 0, until.stderr
    assert ran() == "load clean"


def test_rerun_replaces_single_inputs(run: Run, project: Path, ran: Callable[[], str]) -> None:
    mend(project)
    run("execute", "pipe.py", "pipe", "--execution-name", "first")
    ran()
    done = run("rerun", "first", "--input", "rows=4", "--env", "A=b", "--json")
    assert done.document["outputs"] == {"o0": "score 2.0"}, done.stderr
    assert ran() == "load clean train report"
    shown = json.loads(run("get", "execution", done.document["execution"], "--json").stdout)
    assert shown["inputs"] == {"rows": 4}


REFUSED = {
    "unknown-execution": ("recover", "nobody"),
    "wrong-input-value": ("recover", "first", "--rows", "many"),
    "unknown-node": ("execute", "pipe.py", "pipe", "--only", "nothing"),
    "no-earlier-result": ("execute", "pipe.py", "pipe", "--only", "report"),
    "unknown-input": ("rerun", "first", "--input", "row=1"),
}


def test_what_cannot_be_done_is_refused(run: Run, ran: Callable[[], str]) -> None:
    run("execute", "pipe.py", "pipe", "--execution-name", "first")
    ran()
    for code, words in REFUSED.items():
        done = run(*words)
        assert done.code != 0
        assert f"error[{code}]" in done.stderr, done.stderr
    assert ran() == ""


def test_a_map_runs_only_the_elements_that_had_not_succeeded(run: Run, project: Path, ran: Callable[[], str]) -> None:
    assert run("execute", "pipe.py", "mapped", "--execution-name", "holed").code == 1
    ran()
    listed = run("get", "execution", "holed", "n1", "--elements", "--json").document
    done = {element["index"] for element in listed if element["phase"] == "succeeded"}
    assert done, "two run at once, so one has ended before the third failed"
    dry = run("recover", "holed", "--dry-run")
    assert "≈ partly" in dry.stdout, dry.stdout + dry.stderr
    assert f"{len(done)} of 6 elements reused" in dry.stdout
    again = run("recover", "holed", "--name", "holed2")
    assert again.code == 1
    assert not set(ran().split()) & {f"score{x}" for x in done}
    assert f"{len(done)} reused" in run("get", "execution", "holed2").stdout
    # Changed code makes all of them run.
    mend(project, "100 // (x - 3)", "100 // (x + 1)")
    mended = run("recover", "pipe.py", "mapped", "--from", "holed2", "--json")
    assert mended.document["outputs"] == {"o0": "total 244"}, mended.stderr
    assert sorted(ran().split()) == [f"score{x}" for x in range(6)]


@pytest.mark.parametrize("workflow", ["mapped_parts", "mapped_plans"])
def test_a_map_goes_on_inside_of_elements_that_have_nodes(
    run: Run, project: Path, ran: Callable[[], str], workflow: str
) -> None:
    assert run("execute", "pipe.py", workflow, "--execution-name", "first").code == 1
    assert ran() == "load prep0 score0 prep1 score1 prep2 score2 prep3 score3"
    again = run("recover", "first", "--json")
    assert (again.code, ran()) == (1, "score3"), "the same version fails again, and runs nothing else before"
    planned = run("recover", "pipe.py", workflow, "--from", "first", "--dry-run")
    assert "3 of 5 elements reused" in planned.stdout, planned.stdout
    mend(project, "100 // (x - 3)", "100 // (x - 9)")
    mended = run("recover", "pipe.py", workflow, "--from", "first", "--json")
    assert mended.code == 0, mended.stderr
    assert ran() == "score0 score1 score2 score3 prep4 score4", "what did not change is reused inside of all"
    assert mended.document["outputs"] == {"o0": f"total {sum(100 // (x - 9) for x in range(5))}"}


def test_a_branch_goes_on_inside_of_its_case(run: Run, project: Path, ran: Callable[[], str]) -> None:
    assert run("execute", "pipe.py", "chosen", "--execution-name", "branched").code == 1
    assert ran() == "load clean train"
    again = run("recover", "branched", "--name", "branched2")
    assert again.code == 1
    assert ran() == "train"
    assert "partly" in again.stderr or "partly" in run("recover", "branched", "--dry-run").stdout


def test_a_dynamic_node_keeps_its_graph_and_runs_what_failed_in_it(
    run: Run, project: Path, ran: Callable[[], str]
) -> None:
    assert run("execute", "pipe.py", "at_run_time", "--execution-name", "graphs").code == 1
    assert ran() == "spread load fitting clean train"
    dry = run("recover", "graphs", "--dry-run")
    assert "6 nodes: 2 partly, 2 reuse, 2 run" in dry.stdout, dry.stdout + dry.stderr
    for execution, name in (("graphs", "graphs2"), ("graphs2", "graphs3")):
        assert run("recover", execution, "--name", name).code == 1
        assert ran() == "train"
    # With other inputs, and in changed code, another graph may come: the task that gives it runs.
    assert run("recover", "graphs", "--rows", "4").code == 1
    assert "spread" in ran()
    mend(project)
    done = run("recover", "pipe.py", "at_run_time", "--from", "graphs3", "--json")
    assert done.document["outputs"] == {"o0": "score 5.0"}, done.stderr
    assert "spread" in ran()
