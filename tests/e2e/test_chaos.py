"""kill -9 of the whole platform at random moments: an execution still ends right, with nothing done twice.

Each task appends its own name to a file once it has done its work; the platform's own history
tells which attempts were recorded. `CHAOS_MOMENTS` sets how many times the platform is killed.
"""

import os
import random
import sqlite3
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.cli import flytelike, start

MOMENTS = int(os.environ.get("CHAOS_MOMENTS", "6"))
NODES = 300

SOURCE = """
import os
from flytelike import task, workflow

@task
def add(total: int, number: int, log: str) -> int:
    with open(log, "a") as file:
        file.write(f"{number}\\n")
    return total + number

@task
def join(left: int, right: int) -> int:
    return left + right

@workflow
def many(log: str) -> int:
    chains = []
    for chain in range(10):
        total = 0
        for step in range(29):
            total = add(total=total, number=chain * 29 + step, log=log)
        chains.append(total)
    while len(chains) > 1:
        chains = [join(left=chains[0], right=chains[1]), *chains[2:]]
    return join(left=chains[0], right=0)
"""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_kill_9_costs_time_and_never_a_result(data: Path, tmp_path: Path) -> None:
    (tmp_path / "many.py").write_text(SOURCE)
    drawn = random.Random(20130101)
    kills = 0
    with ExitStack() as ends:
        while kills < MOMENTS:
            kills += one_execution(data, tmp_path, drawn, MOMENTS - kills, f"chaos{kills}", ends)


def one_execution(data: Path, folder: Path, drawn: random.Random, kills_max: int, name: str, ends: ExitStack) -> int:
    """Execute the 300 nodes while the platform is killed again and again; return how often it was."""
    log = folder / f"{name}.txt"
    platform = start(data)
    ends.callback(lambda: platform.process.poll() is None and platform.kill())
    words = ["--log", str(log), "--no-wait", "--server", platform.grpc, "--execution-name", name]
    begun = flytelike(data, "execute", str(folder / "many.py"), "many", *words)
    assert begun.code == 0, begun.stderr
    kills = 0
    settled: dict[str, int] = {}
    while kills < kills_max and not done(data, name):
        time.sleep(drawn.uniform(0.01, 0.4))  # the moment itself is what is drawn
        platform.kill()
        kills += 1
        recorded = succeeded(data, name)
        runs = Counter(log.read_text().split()) if log.exists() else Counter()
        for node in recorded:
            settled.setdefault(node, runs[node.removeprefix("n")])
        platform = start(data)
        assert recorded <= succeeded(data, name), "a recorded success was forgotten"
    watched = flytelike(data, "watch", name, "--server", platform.grpc, timeout_s=300)
    platform.kill()
    assert watched.code == 0, watched.stderr
    assert watched.stdout == f"o0 = {sum(range(290))}\n"
    rows = attempts(data, name)
    assert len(rows) == len(set(rows)) == NODES, "an attempt was recorded twice, or not at all"
    runs = Counter(log.read_text().split())
    assert set(runs) == {str(number) for number in range(290)}
    again = {node for node, times in settled.items() if runs[node.removeprefix("n")] != times}
    assert again == set(), "a recorded success was run again"
    return kills


def query(data: Path, sql: str, name: str) -> list[tuple[object, ...]]:
    """Read the control plane's database of a platform that may be down."""
    with sqlite3.connect(f"file:{data}/controlplane.db?mode=ro", uri=True) as connection:
        rows = connection.execute(sql, {"name": name}).fetchall()
    connection.close()
    return rows


def succeeded(data: Path, name: str) -> set[str]:
    """Return the nodes whose success is recorded."""
    sql = "select n.path from node_executions n join executions e on e.id = n.execution where e.name = :name"
    return {str(row[0]) for row in query(data, f"{sql} and n.phase = 3", name)}


def attempts(data: Path, name: str) -> list[tuple[object, ...]]:
    """Return the recorded attempts."""
    sql = "select t.path, t.attempt from task_executions t join executions e on e.id = t.execution where e.name = :name"
    return query(data, sql, name)


def done(data: Path, name: str) -> bool:
    """Tell whether the execution has ended."""
    return bool(query(data, "select 1 from executions where name = :name and phase = 4", name))
