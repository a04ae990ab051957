"""Fixtures of the control plane's tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.settings import Settings
from tests.unit.controlplane.builders import FakeLauncher, Running, served, settings_for, started


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio."""
    return "asyncio"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of the test's own, of each kind in turn."""
    return f"sqlite:///{tmp_path}/t.db" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a control plane on a folder of the test's own."""
    return settings_for(tmp_path)


@pytest.fixture
def launcher() -> FakeLauncher:
    """What the control plane tells to start."""
    return FakeLauncher()


@pytest.fixture
async def plane(settings: Settings, launcher: FakeLauncher) -> AsyncIterator[ControlPlane]:
    """A control plane without servers."""
    async with started(settings, launcher=launcher) as plane:
        yield plane


@pytest.fixture
async def running(settings: Settings) -> AsyncIterator[Running]:
    """A control plane that answers on loopback."""
    async with served(settings) as running:
        yield running
