"""What `flytelike diff` tells of two versions of the same files."""

from pathlib import Path

import pytest

from flytelike.cli.diff import from_files
from flytelike.compiler.changes import Change, changes
from flytelike.model.image import PLATFORM_IMAGE

OLD = """
from flytelike import LaunchPlan, task, workflow


@task(cache=True, cache_version="1", retries=1)
def count(words: list[str]) -> int:
    return len(words)


@task
def half(n: int) -> float:
    return n / 2


@workflow
def hello(words: list[str], loud: bool = False) -> float:
    return half(n=count(words=words))


nightly = LaunchPlan.create("nightly", hello, fixed_inputs={"loud": True})
"""


def told(old: str, new: str, folder: Path) -> list[Change]:
    found = []
    for name, text in (("old", old), ("new", new)):
        (folder / name).mkdir()
        (folder / name / "hello.py").write_text(text)
        found.append(from_files(folder / name, "p", "d", PLATFORM_IMAGE))
    # Any edit is another code; what else changed is the subject here.
    return [change for change in changes(*found) if not change.text.startswith("code ")]


def test_a_version_does_not_differ_from_itself(tmp_path: Path) -> None:
    assert not told(OLD, OLD, tmp_path)


def test_formatting_and_lines_that_move_are_no_change(tmp_path: Path) -> None:
    assert not told(OLD, '"""A docstring."""\n\n\n' + OLD.replace("words=words", "words=(words)"), tmp_path)


CASES = [
    ("loud: bool = False", "loud: bool", "input `loud` has to be given now", True),
    ("loud: bool = False", "loud: bool = True", "input `loud` has another default", False),
    (
        "loud: bool = False",
        "loud: bool = False, times: int = 1",
        "input `times: int` is new and may be left out",
        False,
    ),
    ("loud: bool = False", "loud: bool = False, *, times: int", "input `times: int` is new and has to be given", True),
    ("words: list[str], loud", "words: list[str | int], loud", "", False),
    ("def half(n: int)", "def half(n: float)", "input `n`: `int` → `float`", True),
    ('cache_version="1"', 'cache_version="2"', "cache on (version 1) → on (version 2)", False),
    ("retries=1", "retries=3", "retries 1 → 3", False),
    ('"loud": True', '"loud": False', "`loud` is fixed to another value", False),
    ("half(n=count(words=words))", "half(n=count(words=[]))", "input `words` comes from []", False),
    ('LaunchPlan.create("nightly"', 'LaunchPlan.create("weekly"', "is gone", True),
    ('LaunchPlan.create("nightly"', 'LaunchPlan.create("weekly"', "is new", False),
]


@pytest.mark.parametrize(("old", "new", "text", "breaking"), CASES, ids=[text or new for _, new, text, _ in CASES])
def test_a_change_is_told_with_whether_it_breaks_callers(
    old: str, new: str, text: str, breaking: bool, tmp_path: Path
) -> None:
    edited = OLD.replace(old, new)
    assert edited != OLD
    found = [change for change in told(OLD, edited, tmp_path) if text in change.text]
    assert found
    assert any(change.breaking for change in found) == breaking


def test_a_call_put_between_others_is_one_change(tmp_path: Path) -> None:
    edited = OLD.replace("return half(", "count(words=[])\n    return half(")
    found = [change.text for change in told(OLD, edited, tmp_path)]
    assert found == ["calls task `hello.count` as `n0`"]
