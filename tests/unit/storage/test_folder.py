"""What only the local folder has to get right: atomic and durable writes, and the system's errors."""

import asyncio
import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from flytelike import storage
from flytelike.storage import folder
from flytelike.storage.errors import from_os_error


@pytest.fixture
def store() -> storage.Store:
    return storage.Store(storage.StoreConfig())


def test_plain_paths_are_uris(store: storage.Store, tmp_path: Path) -> None:
    store.put(f"{tmp_path}/a", b"1")
    assert store.get(f"file://{tmp_path}/a") == b"1"
    assert store.get(f"file://{tmp_path}//./a") == b"1"


def test_a_durable_write_syncs_file_name_and_new_folders(
    store: storage.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(os.path.relpath(Path(f"/proc/self/fd/{descriptor}").readlink(), tmp_path))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    store.put(f"{tmp_path}/a/b/c", b"1", durable=True)
    assert [name if ".flytelike-" not in name else "the file" for name in synced] == [".", "a", "the file", "a/b"]
    synced.clear()
    store.put(f"{tmp_path}/a/b/c", b"1")
    assert synced == []
    store.sync(f"{tmp_path}/a/b/c")
    assert synced == ["a/b/c", "a/b", "a", "."]


def test_many_files_are_synced_with_each_folder_once(
    store: storage.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/1/x", "a/1/y", "a/2/x"):
        store.put(f"{tmp_path}/{name}", b"1")
    synced: list[str] = []
    monkeypatch.setattr(folder, "sync_path", lambda path: synced.append(os.path.relpath(path, tmp_path)))
    asyncio.run(store.sync_all_async([f"{tmp_path}/{name}" for name in ("a/1/x", "a/1/y", "a/2/x")]))
    assert synced[:3] == ["a/1/x", "a/1/y", "a/2/x"]
    assert sorted(synced[3:]) == [".", "a", "a/1", "a/2"]


def test_a_folder_is_synced_with_all_its_files_and_its_pack(
    store: storage.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(f"{tmp_path}/run/a/x", b"1")
    store.put(f"{tmp_path}/other/y", b"1")
    store.pack(f"{tmp_path}/run", {"b": b"2"})
    synced: list[str] = []
    monkeypatch.setattr(folder, "sync_path", lambda path: synced.append(os.path.relpath(path, tmp_path)))
    asyncio.run(store.sync_below_async(f"{tmp_path}/run"))
    assert {"run/a/x", "run/a", "run/documents.flytelike-pack", "run"} <= set(synced)
    assert not any(path.startswith("other") for path in synced)


def test_files_that_are_not_there_are_passed_over_in_a_sync_of_many(store: storage.Store, tmp_path: Path) -> None:
    store.put(f"{tmp_path}/here", b"1")
    store.sync_all([f"{tmp_path}/gone", f"{tmp_path}/here"])


def test_a_sync_of_many_that_is_cancelled_ends_after_the_file_it_is_at(
    store: storage.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a platform on a slow disk would not end before thousands of documents are synced."""
    begun, go_on, synced = threading.Event(), threading.Event(), []

    def slow(path: str) -> None:
        synced.append(path)
        begun.set()
        go_on.wait(10)

    monkeypatch.setattr(folder, "sync_path", slow)

    async def cancelled() -> None:
        task = asyncio.create_task(store.sync_all_async([f"{tmp_path}/{number}" for number in range(100)]))
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        await asyncio.wait([task])
        go_on.set()

    asyncio.run(cancelled())  # which waits for its threads
    assert len(synced) == 1


def test_durable_may_be_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    asyncio.run(storage.Store(storage.StoreConfig(durable=True)).put_async(f"{tmp_path}/a", b"1"))
    assert len(synced) == 2


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, storage.OutOfSpace),
        (errno.EDQUOT, storage.OutOfSpace),
        (errno.EACCES, storage.AccessDenied),
        (errno.EROFS, storage.AccessDenied),
        (errno.ENOENT, storage.NotFound),
        (errno.ENAMETOOLONG, storage.InvalidUri),
        (errno.EIO, storage.Unavailable),
    ],
)
def test_the_systems_errors_are_told_apart(number: int, kind: type[storage.StorageError]) -> None:
    error = from_os_error("file:///x", OSError(number, os.strerror(number)))
    assert type(error) is kind
    assert str(error).startswith("file:///x: ")


@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_a_full_disk_leaves_the_old_bytes_and_no_litter(
    store: storage.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    store.put(f"{tmp_path}/a", b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, full)
    with pytest.raises(storage.OutOfSpace, match="no space left"):
        store.put(f"{tmp_path}/a", b"new", durable=True)
    monkeypatch.undo()
    assert store.get(f"{tmp_path}/a") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_file_where_a_folder_should_be(store: storage.Store, tmp_path: Path) -> None:
    store.put(f"{tmp_path}/a", b"1")
    with pytest.raises(storage.InvalidUri):
        store.put(f"{tmp_path}/a/b", b"1")
    with pytest.raises(storage.InvalidUri):
        store.put(str(tmp_path), b"1")


def test_listing_leaves_out_links_that_lead_out(store: storage.Store, tmp_path: Path) -> None:
    store.put(f"{tmp_path}/root/a", b"1")
    (tmp_path / "secret").write_bytes(b"s")
    (tmp_path / "root" / "out").symlink_to(tmp_path / "secret")
    assert [head.uri for head in store.list(f"{tmp_path}/root")] == [f"file://{tmp_path}/root/a"]


def test_walks_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "DEPTH_MAX", 3)
    (tmp_path / "1/2/3/4").mkdir(parents=True)
    with pytest.raises(storage.UnsafePath, match="nested"):
        list(folder.files_below(str(tmp_path), strict=True))


def test_many_writers_of_one_key_leave_one_whole_value(store: storage.Store, tmp_path: Path) -> None:
    async def race() -> None:
        await asyncio.gather(*(asyncio.to_thread(store.put, f"{tmp_path}/a", bytes([i]) * 9_000) for i in range(20)))

    asyncio.run(race())
    assert len(set(store.get(f"{tmp_path}/a"))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_local_work_loads_no_object_store_library(tmp_path: Path) -> None:
    script = (
        "import sys; from flytelike.storage import Store, StoreConfig; s = Store(StoreConfig());"
        f"s.put({str(tmp_path / 'a')!r}, b'1');"
        f"s.get({str(tmp_path / 'a')!r}); assert 'obstore' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
