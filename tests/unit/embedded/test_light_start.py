"""Coming up loads nothing that an embedded platform does not use."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("heavy", ["sqlalchemy.dialects.postgresql", "alembic", "obstore", "pyarrow", "kubernetes"])
def test_the_platform_does_not_load(heavy: str) -> None:
    loaded = [sys.executable, "-c", "import sys, flytelike.embedded.platform; print(*sys.modules)"]
    names = subprocess.run(loaded, check=True, capture_output=True, text=True).stdout.split()
    assert "sqlalchemy" in names
    assert heavy not in names
