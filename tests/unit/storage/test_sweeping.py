"""Listing, measuring and deleting folders, on this machine and in buckets."""

from pathlib import Path

import pytest

from flytelike.storage import InvalidUri, Store
from flytelike.storage.sweeping import delete_below, delete_unfinished, extent, names


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Store, str]:
    """A store with five objects: a/1, a/b/2, a/b/3, a/c/4, ab/5."""
    store = Store()
    root = f"file://{tmp_path}/x" if request.param == "folder" else "memory://x/y"
    for path in ("a/1", "a/b/2", "a/b/3", "a/c/4", "ab/5"):
        store.put(f"{root}/{path}", b"12345")
    return store, root


def test_names_are_those_directly_in_a_folder(place: tuple[Store, str]) -> None:
    store, root = place
    assert sorted(names(store, root)) == ["a", "ab"]
    assert sorted(names(store, f"{root}/a")) == ["1", "b", "c"]
    assert list(names(store, f"{root}/none")) == []


def test_a_folder_goes_and_its_neighbours_stay(place: tuple[Store, str]) -> None:
    store, root = place
    assert extent(store, f"{root}/a").objects == 4
    gone = delete_below(store, f"{root}/a")
    assert (gone.objects, gone.size_bytes) == (4, 20)
    assert list(names(store, root)) == ["ab"]
    assert delete_below(store, f"{root}/a").objects == 0


def test_what_is_to_be_kept_stays(place: tuple[Store, str]) -> None:
    store, root = place
    assert extent(store, f"{root}/a", lambda path: path == "b/2").objects == 3
    assert delete_below(store, f"{root}/a", lambda path: path == "b/2").objects == 3
    assert list(names(store, f"{root}/a")) == ["b"]
    assert store.get(f"{root}/a/b/2") == b"12345"


def test_a_single_object_goes(place: tuple[Store, str]) -> None:
    store, root = place
    if root.startswith("file"):
        assert delete_below(store, f"{root}/a/1").objects == 1
        assert sorted(names(store, f"{root}/a")) == ["b", "c"]


@pytest.mark.parametrize("uri", ["/", "file:///", "/data"])
def test_nothing_near_the_root_is_deleted(uri: str) -> None:
    with pytest.raises(InvalidUri):
        delete_below(Store(), uri)


def test_links_are_deleted_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/file").write_text("x")
    for name in ("whole", "part"):
        (tmp_path / "s" / name).mkdir(parents=True)
        (tmp_path / "s" / name / "link").symlink_to(tmp_path / "outside")
    delete_below(Store(), str(tmp_path / "s/whole"))
    delete_below(Store(), str(tmp_path / "s/part"), lambda _: False)
    assert list((tmp_path / "s").iterdir()) == []
    assert (tmp_path / "outside/file").exists()
    (tmp_path / "s/link").symlink_to(tmp_path / "outside")
    assert list(names(Store(), str(tmp_path / "s"))) == []


def test_unfinished_files_go_once_they_are_old(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/.flytelike-half").write_text("123")
    (tmp_path / "a/whole").write_text("123")
    assert delete_unfinished(str(tmp_path), 0, dry_run=False).objects == 0
    later_ns = 10**19
    assert delete_unfinished(str(tmp_path), later_ns, dry_run=True).objects == 1
    assert delete_unfinished(str(tmp_path), later_ns, dry_run=False).size_bytes == 3
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["whole"]
