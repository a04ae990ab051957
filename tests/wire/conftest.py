"""Fixtures of the wire tests."""

import os
from pathlib import Path

import pytest

from tests.wire.recording import Record, environment_folder, recorded, session


@pytest.fixture(scope="session")
def stock() -> Path:
    """The environment that stock flytekit is installed in."""
    return environment_folder()


@pytest.fixture(scope="session")
def record(stock: Path, tmp_path_factory: pytest.TempPathFactory) -> Record:
    """What stock programs did in one session with our platform."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    return recorded(shared / "wire", "session", lambda folder: session(stock, folder))
