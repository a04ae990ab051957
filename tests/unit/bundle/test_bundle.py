"""A bundle's digest is that of what its files hold, and of nothing else."""

import importlib
import os
import random
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from flytelike.bundle import Bundle, collect
from flytelike.bundle.collect import Copy
from flytelike.model.diagnostic import DiagnosticError

FILES = {
    "flights/__init__.py": "",
    "flights/load.py": "ROWS = 1\n",
    "flights/data/airports.csv": "a,b\n1,ä\n",
    "README.md": "# Flights\n",
}


def written(root: Path, files: Mapping[str, str] = FILES) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root.resolve()


def bundle(root: Path) -> Bundle:
    return collect(root, Copy.ALL)


def elsewhere(root: Path) -> Path:
    return shutil.move(root, root.parent / "some" / "other place").resolve()


def in_another_order(root: Path) -> Path:
    names = list(FILES)
    random.Random(7).shuffle(names)
    shutil.rmtree(root)
    return written(root, {name: FILES[name] for name in names})


def under_another_umask(root: Path) -> Path:
    shutil.rmtree(root)
    before = os.umask(0o077)
    try:
        return written(root)
    finally:
        os.umask(before)


def later(root: Path) -> Path:
    for path in root.rglob("*"):
        os.utime(path, (1, 10**9))
    return root


def with_an_empty_folder(root: Path) -> Path:
    (root / "flights" / "empty").mkdir()
    return root


def with_what_is_never_packed(root: Path) -> Path:
    return written(root, {"flights/__pycache__/load.pyc": "x", ".git/HEAD": "x", ".venv/lib/x.py": "x"})


@pytest.mark.parametrize(
    "changed",
    [elsewhere, in_another_order, under_another_umask, later, with_an_empty_folder, with_what_is_never_packed],
)
def test_the_same_tree_has_the_same_digest(changed: Callable[[Path], Path], tmp_path: Path) -> None:
    root = written(tmp_path / "first")
    before = bundle(root)
    (tmp_path / "some").mkdir()
    after = bundle(changed(root))
    assert (after.digest, after.content, after.files) == (before.digest, before.content, before.files)


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "flights/load.py").write_text("ROWS = 2\n"),
        lambda root: (root / "flights/load.py").rename(root / "flights/store.py"),
        lambda root: (root / "flights/more.py").write_text(""),
        lambda root: (root / "README.md").unlink(),
        lambda root: (root / "README.md").chmod(0o755),
    ],
    ids=["content", "name", "one more", "one less", "executable"],
)
def test_another_tree_has_another_digest(change: Callable[[Path], object], tmp_path: Path) -> None:
    root = written(tmp_path)
    before = bundle(root).digest
    change(root)
    assert bundle(root).digest != before


def test_ignored_files_are_left_out(tmp_path: Path) -> None:
    root = written(tmp_path, {**FILES, ".gitignore": "*.csv\n", ".dockerignore": "README.md\n"})
    assert bundle(root).files == (".dockerignore", ".gitignore", "flights/__init__.py", "flights/load.py")


def test_ignore_files_of_any_encoding_are_read(tmp_path: Path) -> None:
    root = written(tmp_path)
    (root / ".gitignore").write_bytes(b"*.csv\n# \xe4\n")
    assert "flights/data/airports.csv" not in bundle(root).files


def test_links_that_lead_outside_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    root = written(tmp_path / "project")
    (root / "link").symlink_to(tmp_path / "secret")
    assert "link" not in bundle(root).files


def test_a_bundle_that_is_too_large_names_its_largest_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module(collect.__module__), "BYTES_MAX", 10)
    with pytest.raises(DiagnosticError) as caught:
        bundle(written(tmp_path))
    (told,) = caught.value.diagnostics
    assert told.code == "bundle-too-large"
    assert told.help[0].startswith("the largest files are README.md")
