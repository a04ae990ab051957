"""A real platform whose quota is full tells in which order those go on who wait for it."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.cli import Outcome, flytelike, query, up

pytestmark = pytest.mark.timeout(120)

FLOWS = '''
from flytelike import Resources, task, workflow


@task
def hold(gate: str) -> int:
    """Run until somebody opens the gate for writing."""
    with open(gate) as opened:
        return len(opened.read())


@task(requests=Resources(cpu="500m"))
def note(word: str) -> str:
    return word


@workflow
def held(gate: str) -> int:
    return hold(gate=gate)


@workflow
def noted(word: str) -> str:
    return note(word=word)
'''


def test_the_queue_of_a_team_stands_in_the_order_in_which_it_goes_on(tmp_path: Path) -> None:
    (tmp_path / "flows.py").write_text(FLOWS, encoding="utf-8")
    data, gate = tmp_path / "data", tmp_path / "gate"
    os.mkfifo(gate)

    def run(*words: str) -> Outcome:
        done = flytelike(data, *words, cwd=tmp_path)
        assert done.code == 0, done.stderr
        return done

    def queue(*words: str) -> dict:
        return run("quota", "queue", *words, "--json").document

    def launch(name: str, workflow: str, *words: str) -> None:
        run("execute", "flows.py", workflow, "--no-wait", "--execution-name", name, *words)

    with up(data):
        run("team", "create", "ml")
        run("project", "set", "flytesnacks", "--team", "ml")
        run("quota", "set", "flytesnacks/development", "--limit", "attempts=1")
        launch("holds", "held", "--gate", str(gate))
        assert eventually(lambda: run("get", "execution", "holds").stdout, lambda told: "running" in told.lower())
        for number, (name, urgency) in enumerate((("first", 0), ("second", 0), ("urgent", 10)), 1):
            launch(name, "noted", "--word", name, "--priority", str(urgency))
            eventually(lambda: queue("team:ml"), lambda told, known=number: told["waiting"] == known)
        found = queue("team:ml")
        told = [(it["execution"].split("/")[-1], it["node"], it["place"], it["of"]) for it in found["entries"]]
        assert told == [("urgent", "n0", 1, 3), ("first", "n0", 2, 3), ("second", "n0", 3, 3)]
        first = found["entries"][0]
        assert (first["priority"], first["asks"]["cpu"], found["unnamed"]) == (10, 500, 0)
        (short,) = first["shortfalls"]
        assert (short["place"], short["resource"], short["used"], short["limit"]) == (
            "flytesnacks/development",
            "attempts",
            1,
            1,
        )
        assert [it["execution"] for it in queue()["entries"]] == [it["execution"] for it in found["entries"]]
        words = run("quota", "queue", "flytesnacks").stdout.splitlines()
        assert words[1].startswith("1 of 3  flytesnacks/development/urgent  n0 (attempt 0)")
        assert "flytesnacks/development: 1 of 1 attempts in use" in words[1]

        run("quota", "set", "team:ml", "--limit", "executions=3")
        run("quota", "set", "team:ml", "--limit", "executions=none")
        assert [it["place"] for it in run("quota", "list", "--json").document if it["limits"]] == [
            "flytesnacks/development"
        ]
        threading.Thread(target=gate.write_text, args=("open",), daemon=True).start()
        eventually(lambda: queue("team:ml"), lambda told: told["waiting"] == 0)
        for name in ("first", "second", "urgent"):
            run("watch", name)
    assert query(data, "SELECT team, project FROM quotas WHERE team = :name", "ml") == []


def eventually(look: Callable[[], object], true: Callable[..., bool]) -> dict:
    """Look again until it is so: each look is a command, which takes its time."""
    found = look()
    for _ in range(60):
        if true(found):
            return found  # type: ignore[return-value]
        found = look()
    raise AssertionError(found)
