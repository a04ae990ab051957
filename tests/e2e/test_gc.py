"""Collecting with real files: what is referred to stays, the rest goes, and the platform goes on."""

import json
from pathlib import Path

import pytest

from tests.e2e.cli import Outcome, flytelike, up

FILES = """
from pathlib import Path

from flytelike import current_context, task, workflow
from flytelike.types.file import FlyteFile


@task
def write(text: str) -> FlyteFile:
    print("writing")
    path = Path(current_context().working_directory) / "out.txt"
    path.write_text(text)
    return FlyteFile(str(path))


@task
def read(file: FlyteFile) -> str:
    return Path(file).read_text()


@task
def same(file: FlyteFile) -> FlyteFile:
    return file


@workflow
def make(text: str) -> FlyteFile:
    return write(text=text)


@workflow
def use(file: FlyteFile) -> str:
    return read(file=same(file=file))
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "files.py").write_text(FILES)
    return tmp_path


def run(folder: Path, *words: str) -> Outcome:
    return flytelike(folder / "data", *words, cwd=folder)


def stored(folder: Path) -> list[str]:
    """Return the data files there are."""
    return sorted(path.name for path in (folder / "data/store/data").rglob("*") if path.is_file())


def test_what_a_later_execution_refers_to_stays_until_it_goes(files: Path) -> None:
    with up(files / "data"):
        made = run(files, "execute", "files.py", "make", "--text", "hello", "--json").document
        run(files, "execute", "files.py", "make", "--text", "nobody wants it")
        place = made["outputs"]["o0"]
        used = run(files, "execute", "files.py", "use", "--file", place, "--json").document
        would = run(files, "gc", "--older-than", "0s", "--workflow", "*make", "--dry-run", "--json").document
        assert (would["executions"], would["data"]["count"], would["kept"]["count"]) == (2, 1, 1)
        assert would["kept"]["examples"][0]["by"].endswith(used["execution"])
        assert len(stored(files)) == 2
        did = run(files, "gc", "--older-than", "0s", "--workflow", "*make", "--yes", "--json").document
        assert {**did, "dry_run": True, "database_bytes": 0} == would
        assert stored(files) == ["out.txt"]
        assert Path(place).read_text() == "hello"
        assert run(files, "get", "execution", made["execution"]).code == 2
        assert run(files, "rerun", made["execution"]).code == 2
        again = run(files, "rerun", used["execution"], "--json")
        assert again.document["outputs"] == {"o0": "hello"}
        run(files, "gc", "--older-than", "0s")
        assert stored(files) == []
        assert list((files / "data/logs").rglob("*.log")) == []
        # What is registered stays: its code runs without being sent again.
        assert run(files, "execute", "files.make", "--text", "anew").code == 0


def test_a_name_is_free_once_its_execution_is_deleted(files: Path) -> None:
    with up(files / "data"):
        for text in ("one", "two"):
            done = run(files, "execute", "files.py", "make", "--text", text, "--execution-name", "nightly", "--json")
            assert done.code == 0, done.stderr
            assert Path(done.document["outputs"]["o0"]).read_text() == text
            deleted = run(files, "delete", "execution", "nightly")
            assert deleted.stdout.startswith("deleted 1 execution with 1 node: ")
    assert stored(files) == []


CACHED = """
from pathlib import Path

from flytelike import current_context, task, workflow
from flytelike.types.file import FlyteFile


@task(cache=True)
def write(text: str) -> FlyteFile:
    path = Path(current_context().working_directory) / "out.txt"
    path.write_text(text)
    return FlyteFile(str(path))


@task(cache=True)
def large(size: int) -> str:
    return "x" * size


@workflow
def make(text: str, size: int) -> tuple[FlyteFile, str]:
    return write(text=text), large(size=size)
"""


def test_a_cached_result_hits_after_the_execution_that_computed_it_is_gone(tmp_path: Path) -> None:
    (tmp_path / "cached.py").write_text(CACHED)
    words = ["execute", "cached.py", "make", "--text", "kept", "--size", "100000", "--json"]
    with up(tmp_path / "data"):
        first = run(tmp_path, *words, "--execution-name", "first").document
        run(tmp_path, "execute", "cached.py", "make", "--text", "uncached", "--size", "1", "--no-cache")
        gone = run(tmp_path, "gc", "--older-than", "0s", "--json").document
        # The file of one result, the large document of the other, and the small documents beside it.
        assert (gone["executions"], gone["data"]["count"], gone["kept"]["count"]) == (2, 1, 3)
        assert all("the cached result" in kept["by"] for kept in gone["kept"]["examples"])
        second = run(tmp_path, *words)
        assert second.document["outputs"] == first["outputs"]
        place = Path(second.document["outputs"]["o0"])
        assert place.read_text() == "kept"
        assert second.stderr.count("cached") == 2, second.stderr
        # Where data of an execution stays, no other one writes.
        taken = run(tmp_path, *words, "--execution-name", "first")
        assert "error[execution-being-deleted]" in taken.stderr
        run(tmp_path, "gc", "--older-than", "0s")
        assert place.read_text() == "kept"


def test_rules_come_from_the_data_folder(files: Path) -> None:
    run(files, "execute", "files.py", "make", "--text", "x")
    assert run(files, "gc", "--policies").stdout.startswith("no rules: ")
    (files / "data/retention.yaml").write_text("executions: [{older_than: 0s}]\nengine_states: 3d\n")
    assert run(files, "gc", "--policies").stdout == "executions: older_than 0s\nevery: 21600s\nengine_states: 259200s\n"
    assert json.loads(run(files, "gc", "--json").stdout)["executions"] == 1
    (files / "data/retention.yaml").write_text("executions: [{older_than: soon}]")
    refused = run(files, "gc")
    assert refused.code == 2
    assert "error[invalid-retention]" in refused.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["gc"], "error[no-retention-rules]"),
        (["gc", "--older-than", "soon"], "no duration"),
        (["gc", "--state", "failed"], "how old?"),
        (["gc", "--older-than", "1d", "--label", "customer"], "KEY=VALUE"),
        (["gc", "--older-than", "1d", "--project", "nope"], "error[unknown-project]"),
        (["gc", "--older-than", "1d", "--domain", "nope"], "error[unknown-domain]"),
        (["gc", "--older-than", "1d", "--state", "lost"], "is not one of"),
        (["delete", "execution", "nope"], "error[unknown-execution]"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, words: list[str], told: str) -> None:
    refused = flytelike(tmp_path / "data", *words)
    assert refused.code == 2
    assert told in refused.stderr
