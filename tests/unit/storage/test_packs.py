"""Many small objects in one file: read by their uris as any other, whatever happened to the file."""

import asyncio
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytelike.storage import NotFound, Store, TooLarge
from flytelike.storage.packs import PACK, PACKS_OPEN, Packs

NAMES = st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=4).map("/".join)


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "run")


def test_what_is_packed_is_read_by_its_uri(root: str) -> None:
    store = Store()
    store.pack(root, {"n0/data/inputs.pb": b"in", "n0/data/0/outputs.pb": b"out"})
    store.pack(root, {"n1/data/inputs.pb": b""})
    for reader in (store, Store()):
        assert reader.get(f"{root}/n0/data/inputs.pb") == b"in"
        assert reader.get(f"file://{root}/n0/data/0/outputs.pb") == b"out"
        assert reader.get(f"{root}/n1/data/inputs.pb") == b""
        assert reader.head(f"{root}/n0/data/0/outputs.pb").size_bytes == 3
        assert reader.open_read(f"{root}/n0/data/inputs.pb").read() == b"in"
        with pytest.raises(NotFound):
            reader.get(f"{root}/n2/data/inputs.pb")
        with pytest.raises(TooLarge):
            reader.get(f"{root}/n0/data/0/outputs.pb", max_bytes=2)


@given(st.lists(st.dictionaries(NAMES, st.binary(max_size=20), max_size=5), max_size=5))
def test_the_last_of_one_name_counts(tmp_path_factory: pytest.TempPathFactory, steps: list[dict[str, bytes]]) -> None:
    folder = str(tmp_path_factory.mktemp("run"))
    packs, expected = Packs(), {}
    for step in steps:
        packs.add(folder, step)
        expected.update(step)
        found = {name: packs.find(f"{folder}/{name}") for name in expected}
        assert {name: place.read() for name, place in found.items() if place is not None} == expected


@pytest.mark.parametrize("torn", [1, 9, 12])
def test_a_record_that_is_not_whole_does_not_count_and_hides_none(root: str, torn: int) -> None:
    Store().pack(root, {"a": b"first"})
    Store().pack(root, {"b": b"second"})
    pack = Path(root, PACK)
    pack.write_bytes(pack.read_bytes()[:-torn])
    later = Store()
    assert later.get(f"{root}/a") == b"first"
    assert not later.exists(f"{root}/b")
    later.pack(root, {"c": b"third"})
    assert later.get(f"{root}/c") == b"third"
    assert Store().get(f"{root}/c") == b"third"


def test_bytes_that_changed_do_not_count(root: str) -> None:
    Store().pack(root, {"a": b"first"})
    pack = Path(root, PACK)
    pack.write_bytes(pack.read_bytes().replace(b"first", b"FIRST"))
    assert not Store().exists(f"{root}/a")


def test_a_file_comes_before_what_is_packed(root: str) -> None:
    store = Store()
    store.pack(root, {"a": b"packed"})
    store.put(f"{root}/a", b"file")
    assert store.get(f"{root}/a") == b"file"


def test_a_pack_that_was_deleted_is_begun_again(root: str) -> None:
    store = Store()
    store.pack(root, {"a": b"one"})
    assert store.exists(f"{root}/a")
    Path(root, PACK).unlink()
    Path(root).rmdir()
    assert not store.exists(f"{root}/a")
    store.pack(root, {"b": b"two"})
    assert store.get(f"{root}/b") == b"two"


def test_a_pack_is_synced_once_for_all_that_it_holds(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []

    def sync(path: str) -> None:
        if not Path(path).exists():
            raise FileNotFoundError(path)
        synced.append(path)

    monkeypatch.setattr("flytelike.storage.folder.sync_path", sync)
    store = Store()
    store.pack(root, {"n0/a": b"1", "n1/a": b"2"})
    store.sync_all([f"{root}/n0/a", f"{root}/n1/a", f"{root}/n2/a"])
    assert synced.count(f"{root}/{PACK}") == 1
    synced.clear()
    store.sync(f"{root}/n1/a")
    assert synced[:2] == [f"{root}/{PACK}", root]


def test_in_a_bucket_each_is_an_object() -> None:
    store = Store()
    asyncio.run(store.pack_async("memory://run", {"n0/a": b"1", "n1/a": b"2"}))
    assert [head.uri for head in store.list("memory://run")] == ["memory://run/n0/a", "memory://run/n1/a"]


def test_a_folder_that_was_deleted_and_made_anew_has_a_pack_of_its_own(root: str) -> None:
    store = Store()
    store.pack(root, {"a": b"old"})
    shutil.rmtree(root.removeprefix("file://"))
    store.pack(root, {"b": b"new"})
    assert store.get(f"{root}/b") == b"new"
    assert not Store().exists(f"{root}/a")


def test_more_packs_than_stay_open_can_be_added_to_in_turns(root: str) -> None:
    store = Store()
    for turn in range(2):
        for number in range(PACKS_OPEN + 2):
            store.pack(f"{root}/{number}", {str(turn): b"%d" % number})
    assert all(Store().get(f"{root}/{number}/{turn}") == b"%d" % number for turn in (0, 1) for number in (0, 33))
