"""Fixtures of the end-to-end tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.cli import Outcome, flytelike

HELLO = '''
"""A greeting."""

from flytelike import task, workflow


@task
def greet(name: str, times: int = 1) -> str:
    """Greet somebody.

    Args:
        name: whom.
        times: how often.
    """
    print(f"greeting {name}")
    return ", ".join([f"hello {name}"] * times)


@task
def shout(text: str) -> str:
    return text.upper()


@workflow
def hello(name: str, times: int = 1) -> str:
    """Greet loudly.

    Args:
        name: whom to greet.
        times: how often.
    """
    return shout(text=greet(name=name, times=times))
'''


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder of the test's own."""
    return tmp_path / "data"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with `hello.py` in it."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "hello.py").write_text(HELLO)
    return folder


@pytest.fixture
def run(data: Path, project: Path) -> Callable[..., Outcome]:
    """Run `flytelike words...` in the project's folder."""

    def runner(*words: str) -> Outcome:
        return flytelike(data, *words, cwd=project)

    return runner
