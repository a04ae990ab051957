"""A retry reads what the attempt before it left."""

import io
from pathlib import Path

import pytest

from flytelike.current import Checkpoint
from flytelike.storage import Store, StoreConfig


@pytest.fixture
def store() -> Store:
    return Store(StoreConfig())


@pytest.fixture(params=["file", "memory"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"file://{tmp_path}/cp" if request.param == "file" else "memory://bucket/cp"


def test_the_first_attempt_finds_nothing(store: Store, base: str, tmp_path: Path) -> None:
    checkpoint = Checkpoint(store, f"{base}/0")
    assert checkpoint.read() is None
    assert checkpoint.restore(tmp_path / "there") is None
    assert not checkpoint.previous_exists


def test_bytes_pass_to_the_next_attempt_until_it_writes_its_own(store: Store, base: str) -> None:
    Checkpoint(store, f"{base}/0").write(b"one")
    second = Checkpoint(store, f"{base}/1", f"{base}/0")
    assert second.previous_exists
    assert second.read() == b"one"
    second.write(io.BytesIO(b"two"))
    assert second.read() == b"two"
    assert Checkpoint(store, f"{base}/2", f"{base}/1").read() == b"two"


def test_files_and_folders_pass_too(store: Store, base: str, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    for name in ("a.bin", "b.bin"):
        (tmp_path / "model" / name).write_text(name)
    Checkpoint(store, f"{base}/0").save(tmp_path / "model")
    second = Checkpoint(store, f"{base}/1", f"{base}/0")
    restored = second.restore(tmp_path / "restored")
    assert restored is not None
    assert sorted(path.name for path in restored.iterdir()) == ["a.bin", "b.bin"]
    with pytest.raises(ValueError, match="2 files"):
        second.read()
    second.save(tmp_path / "model" / "a.bin")
    assert second.read() == b"a.bin"


def test_what_is_not_there_cannot_be_saved(store: Store, base: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Checkpoint(store, base).save(tmp_path / "nothing")
    with pytest.raises(ValueError, match="no place"):
        Checkpoint(store, "").write(b"")
