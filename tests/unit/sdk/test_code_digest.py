"""The digest of a task's code changes with what the task does, and with nothing else."""

import os
from pathlib import Path

import pytest

from flytelike import task, workflow
from flytelike.codec.cache_key import work_key
from flytelike.model.caching import derived_version
from flytelike.model.diagnostic import DiagnosticError
from flytelike.sdk.code_digest import code_parts
from flytelike.sdk.entities import templates
from flytelike.sdk.settings import Settings
from flytelike.sdk.task import Task

MAIN = '''
from flytelike import task
import lib.tools
from lib import tools as t
from lib.tools import scaled
from lib.more import *

LIMIT = 5
OTHER = 6
TABLE = {}
TABLE["a"] = 1

class Base:
    rate = 1

class Model(Base):
    def fit(self):
        return TABLE

def wrapped(f):
    return f

@task(cache=True, retries=1)
@wrapped
def work(x: int) -> int:
    """What it does."""
    # how it does it
    return scaled(x) + LIMIT + lib.tools.DEEP + Model().fit()["a"] + starred()
'''
TOOLS = '''
"""Tools."""
from .deep import DEEP
FACTOR = 2
def scaled(v):
    return v * FACTOR
def unused():
    return 1
'''
FILES = {
    "main.py": MAIN,
    "lib/__init__.py": "",
    "lib/tools.py": TOOLS,
    "lib/deep.py": "DEEP = 1\n",
    "lib/more.py": "def starred():\n    return 1\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def version(root: Path) -> str:
    return derived_version(code_parts("main", "work", root))


def changed(root: Path, file: str, old: str, new: str) -> bool:
    """Tell whether an edit changes the digest."""
    before, path = version(root), root / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    # The source is read again for its time of change; make that differ whatever the file system's clock.
    os.utime(path, ns=(1, 1))
    return version(root) != before


def test_it_is_made_of_all_that_the_task_names(root: Path) -> None:
    assert set(code_parts("main", "work", root)) == {
        "main.work", "main.wrapped", "main.LIMIT", "main.TABLE", "main.Model", "main.Base",
        "lib.tools.scaled", "lib.tools.FACTOR", "lib.deep.DEEP", "lib.more.starred",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("main.py", "LIMIT = 5", "LIMIT = 7"),
        ("main.py", 'TABLE["a"] = 1', 'TABLE["a"] = 2'),
        ("main.py", "rate = 1", "rate = 2"),
        ("main.py", "    return f\n", "    return print or f\n"),
        ("main.py", "scaled(x) + LIMIT", "LIMIT + scaled(x)"),
        ("lib/tools.py", "FACTOR = 2", "FACTOR = 3"),
        ("lib/tools.py", "return v * FACTOR", "return FACTOR * v * 1"),
        ("lib/deep.py", "DEEP = 1", "DEEP = 2"),
        ("lib/more.py", "return 1", "return 2"),
        ("main.py", "def work(x: int)", "def work(x: int = 3)"),
        ("main.py", "def wrapped(f):", "def wrapped(f, more=1):"),
        ("lib/tools.py", "def scaled(v):", "def scaled(v, times=FACTOR):"),
        ("main.py", "@wrapped", "@(lambda f: wrapped(f))"),
    ],
)
def test_changed_code_is_another_version(root: Path, file: str, old: str, new: str) -> None:
    assert changed(root, file, old, new)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("main.py", "# how it does it", "# in some other way"),
        ("main.py", '"""What it does."""', '"""Something else."""'),
        ("main.py", "scaled(x) + LIMIT", "(scaled( x )\n        + LIMIT)"),
        ("main.py", "OTHER = 6", "OTHER = 7"),
        ("main.py", "retries=1", "retries=3"),
        ("lib/tools.py", '"""Tools."""', '"""More tools."""'),
        ("lib/tools.py", "def unused():\n    return 1", "def unused():\n    return 2"),
    ],
)
def test_comments_formatting_docstrings_and_other_code_do_not_count(root: Path, file: str, old: str, new: str) -> None:
    assert not changed(root, file, old, new)


def test_a_function_that_cannot_be_read_has_no_parts(root: Path) -> None:
    assert code_parts("main", "nobody", root) == {}
    assert code_parts("nowhere", "work", root) == {}


def made(times: int) -> Task[[int], int]:
    """Return a task whose result its text alone does not tell."""

    @task(cache=True)
    def inner(x: int) -> int:
        return x * times

    return inner


SETTINGS = Settings("p", "d", "v", Path(__file__).parent)


def test_a_closure_has_no_digest_its_results_belong_to_one_version_of_it() -> None:
    [template] = templates([made(2)], SETTINGS).tasks
    assert (template.code, template.metadata.cache.version) == ({}, "")
    assert work_key(template, template.metadata.cache).version == "task version v"


def test_two_closures_of_one_name_are_refused() -> None:
    one, other = made(2), made(3)

    @workflow
    def both(x: int = 1) -> int:
        return other(x=one(x=x))

    with pytest.raises(DiagnosticError) as told:
        templates([both], SETTINGS)
    assert [found.code for found in told.value.diagnostics] == ["duplicate-entity"]
