"""Dynamic tasks on the platform: graphs of their own, their faults, their retries, a crash in the middle."""

import time
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.cli import flytelike, query, start

FLOWS = """
import os
from flytelike import FlyteRecoverableException, LaunchPlan, dynamic, task, workflow


@task
def double(n: int) -> int:
    return 2 * n


@task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@task
def word(n: int) -> str:
    return str(n)


@workflow
def twice(n: int) -> int:
    return double(n=double(n=n))


plan = LaunchPlan.get_or_create(twice, name="twice_of_three", default_inputs={"n": 3})


@dynamic
def spread(n: int) -> int:
    if n == 0:
        return -1
    return total(numbers=[double(n=i) if i % 2 else twice(n=i) for i in range(n)])


@dynamic
def nested(n: int) -> int:
    parts = [spread(n=n), plan()]
    if n:
        parts.append(nested(n=n - 1))
    return total(numbers=parts)


@workflow
def main(n: int = 2) -> int:
    return nested(n=n)


@dynamic
def mistaken(n: int) -> int:
    return double(n=word(n=n))


@task
def flaky(log: str) -> int:
    with open(log, "a") as file:
        file.write("x\\n")
    if len(open(log).readlines()) < 3:
        raise FlyteRecoverableException("not yet")
    return 7


@dynamic(retries=3)
def again(log: str) -> int:
    with open(f"{log}.body", "a") as file:
        file.write("x\\n")
    return flaky(log=log)


@task
def note(number: int, log: str) -> int:
    with open(log, "a") as file:
        file.write(f"{number}\\n")
    return number


@dynamic
def chain(log: str, length: int) -> int:
    number = 0
    for step in range(length):
        number = note(number=step, log=log) if step == 0 else after(before=number, number=step, log=log)
    return number


@task
def after(before: int, number: int, log: str) -> int:
    return before + note.function(number, log)
"""


@pytest.fixture
def flows(tmp_path: Path) -> str:
    file = tmp_path / "flows.py"
    file.write_text(FLOWS)
    return str(file)


def test_graphs_of_all_kinds_of_nodes_run_nested(data: Path, flows: str) -> None:
    """`main(2)`: spread(2) + 12 + (spread(1) + 12 + (spread(0) + 12)), where spread(0) makes no call."""
    done = flytelike(data, "execute", flows, "main", "--json", "--execution-name", "nested")
    assert done.code == 0, done.stderr
    assert done.document["outputs"] == {"o0": 2 + 12 + 0 + 12 - 1 + 12}
    rows = query(
        data,
        "select n.path, n.is_parent, n.graph != '' from node_executions n join executions e on e.id = n.execution "
        "where e.name = :name and n.path in ('n0', 'n0.0.dn0', 'n0.0.dn2.0.dn2.0.dn0')",
        "nested",
    )
    assert sorted(rows) == [("n0", 1, 1), ("n0.0.dn0", 1, 1), ("n0.0.dn2.0.dn2.0.dn0", 0, 0)]


def test_a_faulty_graph_is_told_as_when_it_is_checked(data: Path, flows: str) -> None:
    done = flytelike(data, "execute", flows, "mistaken", "--n", "4")
    assert done.code == 1
    for part in ("error[mismatching-types]", "flows.py:", "return double(n=word(n=n))", "^^^", "declared"):
        assert part in done.stderr


def test_a_graph_that_fails_runs_the_body_again(data: Path, flows: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    done = flytelike(data, "execute", flows, "again", "--log", str(log), "--json")
    assert done.code == 0, done.stderr
    assert done.document["outputs"] == {"o0": 7}
    assert len(Path(f"{log}.body").read_text().split()) == 3


@pytest.mark.slow
def test_kill_9_in_the_middle_of_a_graph_runs_nothing_twice_that_was_recorded(
    data: Path, flows: str, tmp_path: Path
) -> None:
    log, length = tmp_path / "log", 60
    platform = start(data)
    words = ["--log", str(log), "--length", str(length), "--no-wait", "--execution-name", "chained"]
    assert flytelike(data, "execute", flows, "chain", *words, "--server", platform.grpc).code == 0
    settled: dict[str, int] = {}
    for wanted in (3, 10, 20):
        while len(recorded(data)) < wanted:
            time.sleep(0.01)  # until so many nodes have ended
        platform.kill()
        runs = Counter(log.read_text().split())
        for path in recorded(data):
            settled.setdefault(path, runs[path.rpartition("dn")[2]])
        platform = start(data)
    watched = flytelike(data, "watch", "chained", "--server", platform.grpc)
    platform.kill()
    assert watched.stdout == f"o0 = {sum(range(length))}\n"
    runs = Counter(log.read_text().split())
    assert set(runs) == {str(number) for number in range(length)}
    assert {path for path, times in settled.items() if runs[path.rpartition("dn")[2]] != times} == set()


def recorded(data: Path) -> set[str]:
    """Return the nodes of the graph whose success is recorded."""
    sql = "select n.path from node_executions n join executions e on e.id = n.execution where e.name = :name"
    return {str(row[0]) for row in query(data, f"{sql} and n.phase = 3 and n.path like '%.dn%'", "chained")}
