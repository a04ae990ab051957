"""`map_task` as people write it, run by `flytelike execute` on the embedded platform."""

from pathlib import Path

import pytest

from tests.e2e.cli import Outcome, flytelike

SOURCE = """
from datetime import timedelta
from functools import partial
from flytelike import Backoff, FlyteRecoverableException, LaunchPlan, RetryStrategy
from flytelike import current_context, map_task, task, workflow

@task
def scale(value: int, factor: int) -> int:
    return value * factor

@task(cache=True)
def half(value: int) -> int:
    if value % 2:
        raise ValueError(f"{value} is odd")
    return value // 2

@task(retries=RetryStrategy(count=2, backoff=Backoff(base=timedelta(milliseconds=50))))
def third_time(value: int) -> int:
    attempt = int(current_context().attempt)
    if attempt < value:
        raise FlyteRecoverableException("not yet")
    return attempt

@workflow
def pair(value: int, factor: int = 2) -> int:
    return scale(value=half(value=value), factor=factor)

plan = LaunchPlan.get_or_create(pair, name="flow.plan", default_inputs={"factor": 5})

@workflow
def listed(values: list[int]) -> list[int]:
    return map_task(scale)(value=values, factor=values)

@workflow
def bound(values: list[int], factor: int = 10) -> list[int]:
    return map_task(partial(scale, factor=factor), concurrency=2)(value=values)

@workflow
def partly(values: list[int]) -> list[int | None]:
    return map_task(half, min_success_ratio=0.5)(value=values)

@workflow
def strict(values: list[int]) -> list[int]:
    return map_task(half)(value=values)

@workflow
def nested(values: list[list[int]]) -> list[list[int]]:
    return map_task(map_task(half))(value=values)

@workflow
def planned(values: list[int]) -> list[int]:
    return map_task(plan)(value=values)

@workflow
def inner(values: list[int]) -> list[int]:
    return map_task(pair)(value=values)

@workflow
def retried(values: list[int]) -> list[int]:
    return map_task(third_time)(value=values)
"""


class Project:
    """A folder with the workflows above, and the platform's data."""

    def __init__(self, root: Path) -> None:
        self.root, self.data = root, root / "data"
        (root / "flow.py").write_text(SOURCE)

    def execute(self, workflow: str, values: str) -> Outcome:
        return flytelike(self.data, "execute", "flow.py", workflow, "--values", values, "--json", cwd=self.root)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("map_task"))


@pytest.mark.parametrize(
    ("workflow", "values", "expected"),
    [
        ("listed", "[1, 2, 3]", [1, 4, 9]),
        ("listed", "[]", []),
        ("bound", "[1, 2, 3]", [10, 20, 30]),
        ("partly", "[2, 3, 4]", [1, None, 2]),
        ("nested", "[[2, 4], [], [6]]", [[1, 2], [], [3]]),
        ("planned", "[2, 4]", [5, 10]),
        ("inner", "[2, 4]", [2, 4]),
        ("retried", "[0, 1, 2]", [0, 1, 2]),
    ],
)
def test_a_map_gives_lists(project: Project, workflow: str, values: str, expected: object) -> None:
    done = project.execute(workflow, values)
    assert done.code == 0, done.stderr
    assert done.document["outputs"]["o0"] == expected


def test_a_map_that_needs_all_fails_with_the_elements_failure(project: Project) -> None:
    done = project.execute("strict", "[2, 3]")
    assert done.code != 0
    assert "The first failure: element 1: " in done.stderr
    assert "3 is odd" in done.stderr
