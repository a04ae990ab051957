"""What every kind of store promises. Each test runs on a local folder, in memory and on S3."""

import asyncio
import contextlib
import hashlib
import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flytelike import storage
from flytelike.storage.digest import digest_of_bytes
from flytelike.storage.sweeping import delete_below

KINDS = ("folder", "memory", "s3")
BUCKET = "contract"


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@dataclass(frozen=True)
class Place:
    """A store and a prefix of its own in it."""

    store: storage.Store
    root: str

    def at(self, *names: str) -> str:
        return storage.join(self.root, *names)


def s3_store(endpoint: str) -> storage.Store:
    s3 = storage.S3Config(
        endpoint=endpoint, region="us-east-1", access_key_id="key", secret_access_key="secret", retries_max=0
    )
    return storage.Store(storage.StoreConfig(s3=s3))


@pytest.fixture(scope="session")
def s3_bucket(s3_endpoint: str) -> str:
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=s3_endpoint,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    client.create_bucket(Bucket=BUCKET)
    return f"s3://{BUCKET}"


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    name = f"t{abs(hash(request.node.name))}"
    match request.param:
        case "folder":
            return Place(storage.Store(storage.StoreConfig()), f"file://{tmp_path}/store")
        case "memory":
            return Place(storage.Store(storage.StoreConfig()), "memory://data")
        case _:
            root = request.getfixturevalue("s3_bucket")
            return Place(s3_store(request.getfixturevalue("s3_endpoint")), f"{root}/{name}")


def written(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def read_tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


TREE = {"a.txt": b"1", "a/b.txt": b"22", "a/c/d.bin": b"\0" * 3000, "z": b""}


def test_what_is_put_is_got(place: Place) -> None:
    place.store.put(place.at("a", "b.pb"), b"content")
    assert place.store.get(place.at("a/b.pb")) == b"content"


@pytest.mark.parametrize("name", ["ünï çode", "a b", "50%", "%2F", "a+b", "q?x=1", "#h", "x" * 200])
def test_names_are_taken_as_they_are(place: Place, name: str) -> None:
    place.store.put(place.at(name), b"content")
    assert place.store.get(place.at(name)) == b"content"
    assert [head.uri for head in place.store.list(place.root)] == [place.at(name)]


def test_put_replaces(place: Place) -> None:
    place.store.put(place.at("a"), b"old, and longer")
    place.store.put(place.at("a"), b"new")
    assert place.store.get(place.at("a")) == b"new"


def test_of_many_who_put_an_object_that_is_not_there_one_is_told_so(place: Place) -> None:
    async def race() -> list[bool]:
        uri = place.at("new")
        return list(await asyncio.gather(*(place.store.put_new_async(uri, b"%d" % n) for n in range(5))))

    told = asyncio.run(race())
    assert sorted(told) == [False] * 4 + [True]
    assert place.store.get(place.at("new")) == b"%d" % told.index(True)


def test_missing_is_not_found(place: Place, tmp_path: Path) -> None:
    store, uri = place.store, place.at("none")
    assert not store.exists(uri)
    assert list(store.list(uri)) == []
    for act in (
        lambda: store.get(uri),
        lambda: store.head(uri),
        lambda: store.open_read(uri).read(),
        lambda: store.download_file(uri, tmp_path / "x"),
        lambda: store.download_directory(uri, tmp_path / "y"),
    ):
        with pytest.raises(storage.NotFound) as caught:
            act()
        assert caught.value.uri == uri
    assert not (tmp_path / "x").exists()


def test_a_folder_is_not_an_object(place: Place) -> None:
    place.store.put(place.at("folder/file"), b"1")
    assert not place.store.exists(place.at("folder"))
    with pytest.raises(storage.NotFound):
        place.store.get(place.at("folder"))


def test_delete_is_idempotent(place: Place) -> None:
    place.store.put(place.at("a"), b"1")
    place.store.delete(place.at("a"))
    place.store.delete(place.at("a"))
    assert not place.store.exists(place.at("a"))


def test_many_are_deleted_at_once(place: Place) -> None:
    for name in ("a", "b/c", "d"):
        place.store.put(place.at(name), b"1")
    place.store.delete_many([place.at(name) for name in ("none", "a", "b/c")])
    assert [head.uri for head in place.store.list(place.root)] == [place.at("d")]
    place.store.delete_many([])


def test_a_bucket_is_swept_with_few_calls(
    s3_endpoint: str, s3_bucket: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store, folder = s3_store(s3_endpoint), f"{s3_bucket}/swept/x"
    for name in range(7):
        store.put(f"{folder}/{name}", b"1")
    monkeypatch.setattr("flytelike.storage.bucket.LIST_PAGE", 5)
    caplog.clear()
    with caplog.at_level(logging.INFO, "werkzeug"):  # the server runs in this process
        assert delete_below(store, folder).objects == 7
    said = [record.getMessage() for record in caplog.records]
    assert len([line for line in said if "?delete" in line or "DELETE" in line]) == 2, said
    assert [*store.list(folder)] == []


def test_get_is_bounded(place: Place) -> None:
    place.store.put(place.at("a"), b"12345")
    assert place.store.get(place.at("a"), max_bytes=5) == b"12345"
    with pytest.raises(storage.TooLarge, match="5 bytes, at most 4"):
        place.store.get(place.at("a"), max_bytes=4)


def test_head_tells_size_and_time(place: Place) -> None:
    place.store.put(place.at("a"), b"12345")
    head = place.store.head(place.at("a"))
    assert (head.uri, head.size_bytes) == (place.at("a"), 5)
    assert head.modified_ns > 1_700_000_000 * 10**9
    assert head.digest in {None, digest_of_bytes(b"12345")}


def test_list_is_recursive_by_whole_segments_and_sorted(place: Place) -> None:
    for name in ("run/b", "run/a/x", "run/a.b", "run/a/y/z", "runs/other", "run-2"):
        place.store.put(place.at(name), b"1")
    listed = [head.uri for head in place.store.list(place.at("run"))]
    assert listed == [place.at(name) for name in ("run/a.b", "run/a/x", "run/a/y/z", "run/b")]
    assert [head.uri for head in place.store.list(place.at("run") + "/")] == listed


@pytest.mark.parametrize("name", ["..", "a/../b", "../../etc/passwd", ".flytelike-x", "a/.flytelike-1/b", "a\0b"])
def test_unsafe_names_are_refused(place: Place, name: str) -> None:
    with pytest.raises(storage.InvalidUri):
        place.store.put(f"{place.root}/{name}", b"1")
    with pytest.raises(storage.InvalidUri):
        place.store.get(f"{place.root}/{name}")


@pytest.mark.parametrize("size_bytes", [0, 1, 3 << 20, (5 << 20) + 1, 11 << 20])
def test_a_file_survives_the_round_trip(place: Place, tmp_path: Path, size_bytes: int) -> None:
    content = bytes(range(256)) * (size_bytes // 256) + b"x" * (size_bytes % 256)
    (tmp_path / "in").write_bytes(content)
    uploaded = place.store.upload_file(tmp_path / "in", place.at("f"))
    assert uploaded == storage.Uploaded(place.at("f"), digest_of_bytes(content), size_bytes)
    assert place.store.download_file(place.at("f"), tmp_path / "deep/out", expected=uploaded.digest) == uploaded
    assert (tmp_path / "deep/out").read_bytes() == content


def test_a_download_with_another_digest_leaves_nothing(place: Place, tmp_path: Path) -> None:
    place.store.put(place.at("f"), b"changed")
    with pytest.raises(storage.DigestMismatch):
        place.store.download_file(place.at("f"), tmp_path / "out", expected=digest_of_bytes(b"promised"))
    assert list(tmp_path.glob("out*")) == []


def test_a_folder_survives_the_round_trip(place: Place, tmp_path: Path) -> None:
    uploaded = place.store.upload_directory(written(tmp_path / "in", TREE), place.at("tree"))
    assert uploaded.size_bytes == sum(map(len, TREE.values()))
    assert place.store.download_directory(place.at("tree"), tmp_path / "out") == len(TREE)
    assert read_tree(tmp_path / "out") == TREE


def test_a_folders_digest_is_of_names_and_contents(place: Place, tmp_path: Path) -> None:
    first = place.store.upload_directory(written(tmp_path / "one", TREE), place.at("one"))
    again = place.store.upload_directory(written(tmp_path / "two", dict(reversed(TREE.items()))), place.at("two"))
    renamed = {**TREE, "y": TREE["z"]}
    del renamed["z"]
    other = place.store.upload_directory(written(tmp_path / "three", renamed), place.at("three"))
    assert first.digest == again.digest != other.digest


def test_an_empty_folder_survives_the_round_trip(place: Place, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    place.store.upload_directory(tmp_path / "in", place.at("tree"))
    assert place.store.download_directory(place.at("tree"), tmp_path / "out") == 0
    assert list(place.store.list(place.at("tree"))) == []
    assert (tmp_path / "out").is_dir()


def test_links_inside_a_folder_are_followed_and_others_refused(place: Place, tmp_path: Path) -> None:
    tree = written(tmp_path / "in", {"blobs/1": b"1"})
    (tree / "latest").symlink_to("blobs/1")
    (tree / "again").symlink_to("blobs")
    place.store.upload_directory(tree, place.at("ok"))
    assert [h.uri for h in place.store.list(place.at("ok"))] == [
        place.at("ok", name) for name in ("again/1", "blobs/1", "latest")
    ]
    (tmp_path / "secret").write_bytes(b"secret")
    (tree / "out").symlink_to(tmp_path / "secret")
    with pytest.raises(storage.UnsafePath, match="out of the folder"):
        place.store.upload_directory(tree, place.at("bad"))


def test_a_link_in_a_circle_is_refused(place: Place, tmp_path: Path) -> None:
    tree = written(tmp_path / "in", {"a/1": b"1"})
    (tree / "a" / "up").symlink_to("..")
    with pytest.raises(storage.UnsafePath, match="circle"):
        place.store.upload_directory(tree, place.at("bad"))


def test_writers_appear_when_closed_and_tell_the_digest(place: Place) -> None:
    with place.store.open_write(place.at("w")) as writer:
        writer.write(b"ab")
        writer.write(memoryview(b"cd"))
        assert not place.store.exists(place.at("w"))
        assert list(place.store.list(place.root)) == []
    assert writer.uploaded == storage.Uploaded(place.at("w"), digest_of_bytes(b"abcd"), 4)
    assert place.store.get(place.at("w")) == b"abcd"


def test_writers_left_by_an_exception_leave_nothing(place: Place) -> None:
    with contextlib.suppress(ZeroDivisionError), place.store.open_write(place.at("w")) as writer:
        writer.write(b"ab")
        writer.write(b"%d" % (1 // 0))
    forgotten = place.store.open_write(place.at("w"))
    forgotten.write(b"cd")
    del forgotten
    assert list(place.store.list(place.root)) == []


def test_readers_are_seekable_files(place: Place) -> None:
    place.store.put(place.at("r"), b"one\ntwo\nthree")
    with place.store.open_read(place.at("r")) as reader:
        assert reader.readline() == b"one\n"
        reader.seek(-5, io.SEEK_END)
        assert reader.read() == b"three"
        reader.seek(4)
        assert reader.read(3) == b"two"


def test_the_async_twins_do_the_same(place: Place) -> None:
    async def story() -> None:
        store, uri = place.store, place.at("a/b")
        with pytest.raises(storage.NotFound):
            await store.get_async(uri)
        await store.put_async(uri, b"1")
        await store.put_async(place.at("a/large"), bytes(1 << 20), durable=True)
        assert await store.get_async(uri) == b"1"
        assert len(await store.get_async(place.at("a/large"))) == 1 << 20
        with pytest.raises(storage.TooLarge):
            await store.get_async(place.at("a/large"), max_bytes=3)
        assert await store.exists_async(uri)
        assert (await store.head_async(uri)).size_bytes == 1
        assert [h.uri for h in await store.list_async(place.at("a"))] == [uri, place.at("a/large")]
        await store.sync_async(uri)
        await store.delete_async(uri)
        await store.delete_async(uri)
        assert not await store.exists_async(uri)

    asyncio.run(story())


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=5_000))
def test_bytes_are_kept(place: Place, content: bytes) -> None:
    place.store.put(place.at("bytes"), content)
    assert place.store.get(place.at("bytes")) == content


def test_signed_addresses_take_and_give_the_object(s3_endpoint: str, s3_bucket: str) -> None:
    import urllib.request

    store, uri = s3_store(s3_endpoint), f"{s3_bucket}/signed/bundle.tar.gz"
    md5 = hashlib.md5(b"content", usedforsecurity=False).digest()
    signed = store.sign_put(uri, {"Content-Type": "application/gzip"}, content_md5=md5, expires_s=60)
    assert signed.headers == {"Content-Type": "application/gzip", "Content-MD5": "mgNkuembtIDdJeHwKEyFVQ=="}
    request = urllib.request.Request(signed.url, b"content", dict(signed.headers), method="PUT")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    assert store.get(uri) == b"content"
    with urllib.request.urlopen(store.sign_get(uri, expires_s=60)) as answer:
        assert answer.read() == b"content"


@pytest.mark.parametrize("expires_s", [0, -1, 8 * 24 * 3600])
def test_signed_addresses_have_a_bounded_life(s3_endpoint: str, s3_bucket: str, expires_s: int) -> None:
    with pytest.raises(storage.InvalidUri, match="seconds"):
        s3_store(s3_endpoint).sign_put(f"{s3_bucket}/x", expires_s=expires_s)


@pytest.mark.parametrize("root", ["file:///data", "memory://data"])
def test_other_stores_cannot_sign(root: str) -> None:
    with pytest.raises(storage.SigningUnsupported):
        storage.Store(storage.StoreConfig()).sign_put(f"{root}/x")


def test_a_bucket_knows_the_digest_of_what_was_put(s3_endpoint: str, s3_bucket: str) -> None:
    store = s3_store(s3_endpoint)
    store.put(f"{s3_bucket}/known", b"1")
    assert store.head(f"{s3_bucket}/known").digest == digest_of_bytes(b"1")


def test_a_store_that_does_not_answer_is_unavailable() -> None:
    with pytest.raises(storage.Unavailable):
        s3_store("http://127.0.0.1:1").get(f"s3://{BUCKET}/x")
