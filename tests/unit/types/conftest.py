"""Fixtures of the types' tests."""

from pathlib import Path

import pytest

from flytelike.storage import Store, StoreConfig
from flytelike.types import ValueContext


@pytest.fixture
def ctx(tmp_path: Path) -> ValueContext:
    """A context over a folder of the test's own."""
    return ValueContext(Store(StoreConfig()), f"file://{tmp_path}/raw", tmp_path / "local")
