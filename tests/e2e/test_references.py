"""Workflows that call what was registered before."""

from collections.abc import Callable
from pathlib import Path

from tests.e2e.cli import Outcome

Run = Callable[..., Outcome]

BASE = """
from flytelike import LaunchPlan, task, workflow


@task
def double(x: int) -> int:
    return 2 * x


@workflow
def twice(x: int) -> int:
    return double(x=double(x=x))


plan = LaunchPlan.get_or_create(twice, name="twice_five", default_inputs={"x": 5})
"""

USES = """
from flytelike import reference_launch_plan, reference_task, reference_workflow, workflow

PLACE = {"project": "flytesnacks", "domain": "development", "version": "v1"}


@reference_task(name="base.double", **PLACE)
def double(x: int) -> int: ...


@reference_workflow(name="base.twice", **PLACE)
def twice(x: int) -> int: ...


@reference_launch_plan(name="twice_five", **PLACE)
def planned(x: int = 5) -> int: ...


@workflow
def uses(x: int) -> tuple[int, int, int]:
    return double(x=x), twice(x=x), planned()
"""


def test_tasks_workflows_and_launch_plans_can_be_called_by_reference(run: Run, project: Path) -> None:
    (project / "base.py").write_text(BASE)
    (project / "uses.py").write_text(USES)
    assert run("register", "base.py", "--version", "v1").code == 0
    done = run("execute", "uses.py", "uses", "--x", "3", "--json")
    assert done.document["outputs"] == {"o0": 6, "o1": 12, "o2": 20}, done.stderr


def test_what_is_not_registered_is_named_where_it_is_called(run: Run, project: Path) -> None:
    (project / "uses.py").write_text(USES)
    refused = run("execute", "uses.py", "uses", "--x", "3")
    assert refused.code == 2
    for code in ("task-not-found", "workflow-not-found", "launch-plan-not-found"):
        assert code in refused.stderr
    assert "return double(x=x), twice(x=x), planned()" in refused.stderr


def test_a_reference_that_declares_other_types_than_were_registered_is_refused(run: Run, project: Path) -> None:
    (project / "base.py").write_text(BASE)
    (project / "uses.py").write_text(
        USES.replace("def double(x: int) -> int", "def double(x: int) -> str").replace(
            "tuple[int, int, int]", "tuple[str, int, int]"
        )
    )
    assert run("register", "base.py", "--version", "v1").code == 0
    refused = run("execute", "uses.py", "uses", "--x", "3")
    assert refused.code == 2
    assert "mismatching-types" in refused.stderr
    assert "expected `str`" in refused.stderr
