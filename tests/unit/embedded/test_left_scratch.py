"""What a killed platform left is gone once the next one runs, even if that one never needs a worker."""

import os
import tempfile
from pathlib import Path

import pytest

from flytelike.embedded.folder import DataFolder
from flytelike.embedded.platform import Platform, PlatformOptions
from propeller.executors.process import scratch


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_platform_sweeps_when_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    _, lock = scratch.make()
    os.close(lock)
    folder = DataFolder.at(tmp_path / "data")
    folder.prepare()
    async with Platform(folder, PlatformOptions(slots=1)):
        pass
    assert list((tmp_path / "tmp").iterdir()) == []
