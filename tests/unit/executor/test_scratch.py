"""Scratch folders: nobody's is swept away while it lives, and those of the dead go with the next start."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from propeller.executors.process import scratch


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_swept_once_nobody_holds_it(temporary: Path) -> None:
    folder, lock = scratch.make()
    Path(folder, "1").mkdir()
    scratch.sweep()
    assert Path(folder, "1").exists()
    os.close(lock)
    scratch.sweep()
    assert list(temporary.iterdir()) == []


def test_a_new_folder_sweeps_those_of_the_dead(temporary: Path) -> None:
    dead, lock = scratch.make()
    os.close(lock)
    living, lock = scratch.make()
    assert [path.name for path in temporary.iterdir()] == [Path(living).name] != [Path(dead).name]
    os.close(lock)


def test_what_is_no_folder_of_ours_stays(temporary: Path) -> None:
    """A link would lead the sweep elsewhere."""
    (temporary / "elsewhere").mkdir()
    (temporary / "elsewhere" / "precious").touch()
    (temporary / "ftl-link").symlink_to(temporary / "elsewhere")
    (temporary / "ftl-file").touch()
    scratch.sweep()
    assert (temporary / "elsewhere" / "precious").exists()
    assert (temporary / "ftl-link").is_symlink()
    assert (temporary / "ftl-file").exists()


def test_a_removal_goes_on_until_nothing_is_left(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who removes a part at the same time makes one try end early."""
    folder, lock = scratch.make()
    Path(folder, "1").mkdir()
    os.close(lock)
    whole, disturbed = shutil.rmtree, iter([True, True, False])

    def rmtree(path: str, *, ignore_errors: bool) -> None:
        if not next(disturbed):
            whole(path, ignore_errors=ignore_errors)

    monkeypatch.setattr("propeller.executors.process.scratch.shutil.rmtree", rmtree)
    scratch.remove(folder)
    assert list(temporary.iterdir()) == []
