"""Maps over cached tasks as people meet them: run again, run with more items, ask why."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cli import flytelike, up

SOURCE = """
from functools import partial
from flytelike import map_task, task, workflow

@task(cache=True)
def times(x: int, by: int) -> int:
    return x * by

@task(cache=True, cache_serialize=True, cache_version="1")
def slow(x: int) -> int:
    return x + 1

@workflow
def inner(x: int) -> int:
    return times(x=x, by=7)

@workflow
def many(xs: list[int], by: int = 2) -> list[int]:
    return map_task(partial(times, by=by))(x=xs)

@workflow
def equal(xs: list[int]) -> list[int]:
    return map_task(slow)(x=xs)

@workflow
def one(x: int, by: int = 2) -> int:
    return times(x=x, by=by)
"""


class Mapping:
    """A project whose map is executed."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder, self.data = folder, data
        (folder / "maps.py").write_text(SOURCE)

    def executed(self, name: str, items: list[int], *more: str, workflow: str = "many") -> dict:
        """Execute; return the map's node."""
        words = ("--xs", str(items), "--execution-name", name, *more)
        done = flytelike(self.data, "execute", "maps.py", workflow, *words, cwd=self.folder)
        assert done.code == 0, done.stderr
        return flytelike(self.data, "get", "execution", name, "--json").document["nodes"][0]

    def statuses(self, name: str) -> list[str]:
        listed = flytelike(self.data, "get", "execution", name, "n0", "--elements", "--json")
        return [element["cache"] for element in listed.document]


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping]:
    root = tmp_path_factory.mktemp("map_caching")
    with up(root / "data"):
        yield Mapping(root, root / "data")


def test_known_items_do_not_run_again_whatever_their_place(maps: Mapping) -> None:
    assert maps.executed("first", [1, 2, 3])["elements"] == "3 of 3"
    assert maps.executed("again", [1, 2, 3])["elements"] == "3 of 3, 3 cached"
    assert maps.executed("more", [9, 3, 1, 8])["elements"] == "4 of 4, 2 cached"
    assert maps.statuses("more") == ["populated", "hit", "hit", "populated"]
    assert maps.executed("other", [1, 2, 3], "--by", "3")["elements"] == "3 of 3"


def test_no_cache_and_overwrite_are_honoured(maps: Mapping) -> None:
    maps.executed("filled", [41, 42])
    assert maps.executed("off", [41, 42], "--no-cache")["elements"] == "2 of 2"
    assert maps.statuses("off") == ["disabled"] * 2
    maps.executed("anew", [41, 42], "--overwrite-cache")
    assert maps.statuses("anew") == ["populated"] * 2


def test_equal_items_run_once_where_the_task_serializes(maps: Mapping) -> None:
    maps.executed("equal", [5, 5, 5, 6], workflow="equal")
    assert sorted(maps.statuses("equal")) == ["hit", "hit", "populated", "populated"]


def test_a_map_is_explained_by_counts_and_counted_in_statistics(maps: Mapping) -> None:
    maps.executed("told1", [71, 72])
    maps.executed("told2", [71, 72, 73])
    told = flytelike(maps.data, "explain", "cache", "told2", "n0")
    assert "2 of its elements: hit" in told.stdout
    assert "1 of its elements: miss; the result was computed and is cached now" in told.stdout
    assert flytelike(maps.data, "explain", "cache", "told2", "n0", "--json").document["elements"] == {
        "hit": 2,
        "populated": 1,
    }
    assert "times" in flytelike(maps.data, "cache", "stats").stdout


def test_a_node_takes_what_an_element_gave(maps: Mapping) -> None:
    maps.executed("elements", [101])
    done = flytelike(maps.data, "execute", "maps.py", "one", "--x", "101", "--execution-name", "node", cwd=maps.folder)
    assert done.code == 0, done.stderr
    assert flytelike(maps.data, "get", "execution", "node", "--json").document["nodes"][0]["cached"]
