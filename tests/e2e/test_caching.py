"""Caching as people meet it: run again, change something, ask why, evict."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cli import Outcome, flytelike, up

SOURCE = '''
from pathlib import Path
from flytelike import task, workflow
from flytelike.types.file import FlyteFile

RATE = 2

def scaled(x: int) -> int:
    """Scale."""
    return x * RATE

@task(cache=True)
def work(x: int) -> int:
    return scaled(x)

@task(cache=True)
def lines(text: FlyteFile) -> int:
    return len(Path(text).read_text().splitlines())

@task(cache=True)
def write(x: int) -> FlyteFile:
    Path("out.txt").write_text("line\\\\n" * x)
    return FlyteFile("out.txt")

@workflow
def numbers(x: int = 3) -> int:
    return work(x=x)

@workflow
def files(x: int = 3) -> FlyteFile:
    return write(x=x)
'''


class Project:
    """A project in a folder, with a platform that runs."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder, self.data, self.file = folder, data, folder / "flow.py"
        self.file.write_text(SOURCE.replace("\\\\n", "\\n"))

    def run(self, *words: str) -> Outcome:
        done = flytelike(self.data, *words, cwd=self.folder)
        assert done.code == 0, done.stderr
        return done

    def execute(self, name: str, workflow: str = "numbers", *more: str) -> bool:
        """Execute and tell whether the result came from the cache."""
        self.run("execute", "flow.py", workflow, "--execution-name", name, *more)
        document = self.run("get", "execution", name, "--json").document
        return bool(document["nodes"][0]["cached"])

    def edit(self, old: str, new: str) -> None:
        text = self.file.read_text()
        assert old in text
        self.file.write_text(text.replace(old, new))

    def why(self, name: str) -> str:
        return self.run("explain", "cache", name, "n0").stdout


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    data = tmp_path / "data"
    with up(data):
        yield Project(tmp_path, data)


def test_results_are_found_until_code_or_inputs_change(project: Project) -> None:
    assert not project.execute("first")
    assert "no result of this task had been cached before" in project.why("first")
    project.edit('"""Scale."""', '"""Scale it."""  # and no more')
    assert project.execute("again")
    assert project.why("again").startswith("again/n0: hit\n  taken from first/n0")
    project.edit("RATE = 2", "RATE = 5")
    assert not project.execute("changed")
    assert "code: `flow.RATE` has changed" in project.why("changed")
    assert not project.execute("other", "numbers", "--x", "4")
    assert "input `x` was sha256:" in project.why("other")


def test_flags_and_eviction(project: Project) -> None:
    project.execute("first")
    assert project.execute("taken")
    assert not project.execute("anew", "numbers", "--overwrite-cache")
    assert "--overwrite-cache" in project.why("anew")
    assert "instead of the result of first/n0" in project.why("anew")
    assert re.search(r"taken from first/n0 of .* UTC, overwritten at .* UTC by anew/n0\n", project.why("taken"))
    assert not project.execute("off", "numbers", "--no-cache")
    assert "--no-cache" in project.why("off")
    [row] = project.run("cache", "list", "--json").document
    assert row["key"]["task"] == "flow.work"
    assert "would evict 1 result" in project.run("cache", "evict", "--all", "--dry-run").stdout
    assert project.execute("hit")
    [stats] = project.run("cache", "stats", "--json").document
    assert (stats["hits"], stats["misses"]) == ("2", "2")
    assert "evicted 1 result" in project.run("cache", "evict", "--task", "flow.work").stdout
    assert not project.execute("evicted")
    assert "has been evicted" in project.why("evicted")
    assert re.search(
        r"of anew/n0 of .* UTC, evicted at .* UTC, then computed anew by evicted/n0\n", project.why("evicted")
    )


def test_code_that_changed_under_the_authors_version_is_told(project: Project) -> None:
    project.edit("@task(cache=True)\ndef work", '@task(cache=True, cache_version="1")\ndef work')
    project.execute("first")
    project.edit("RATE = 2", "RATE = 5")
    assert project.execute("again"), "the author's version says alone when results are equal"
    assert "code: `flow.RATE` has changed since, under the same cache version" in project.why("again")


def test_a_result_goes_with_its_data(project: Project) -> None:
    assert not project.execute("first", "files")
    assert project.execute("again", "files")
    document = project.run("get", "execution", "first", "--json").document
    Path(json.loads(json.dumps(document["outputs"]["o0"]))).unlink()
    assert not project.execute("lost", "files")
    assert "data that it names is gone" in project.why("lost")


def test_files_count_by_content_wherever_they_lie(project: Project) -> None:
    for number, name in enumerate(["a.txt", "b.txt"]):
        (project.folder / name).write_text("one\ntwo\n")
        done = project.run("execute", "flow.py", "lines", "--text", name, "--execution-name", f"e{number}")
        assert done.stdout == "o0 = 2\n"
    nodes = project.run("get", "execution", "e1", "--json").document["nodes"]
    assert nodes[0]["cached"]
    (project.folder / "b.txt").write_text("three\n")
    done = project.run("execute", "flow.py", "lines", "--text", "b.txt")
    assert done.stdout == "o0 = 1\n"
