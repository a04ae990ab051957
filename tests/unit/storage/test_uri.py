"""Addresses and settings."""

import pytest

from flytelike import storage
from flytelike.storage.digest import digest_of_bytes, digest_of_tree
from flytelike.storage.uri import Location, Scheme, parse


@pytest.mark.parametrize(
    ("uri", "location"),
    [
        ("/data/x", Location(Scheme.FILE, "", "/data/x")),
        ("file:///data//x/", Location(Scheme.FILE, "", "/data/x")),
        ("s3://b/k/e/y", Location(Scheme.S3, "b", "k/e/y")),
        ("s3://b", Location(Scheme.S3, "b", "")),
        ("s3://b/prefix/", Location(Scheme.S3, "b", "prefix")),
        ("memory://a/b", Location(Scheme.MEMORY, "", "a/b")),
        ("file:///a%20b", Location(Scheme.FILE, "", "/a%20b")),
    ],
)
def test_uris_are_parsed(uri: str, location: Location) -> None:
    assert parse(uri) == location


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "x",
        "./x",
        "../x",
        "file://host/x",
        "gs://b/k",
        "s3://",
        "s3:///k",
        "s3://b//k",
        "/a/../b",
        "/" + "x" * 5000,
    ],
)
def test_others_are_refused(uri: str) -> None:
    with pytest.raises(storage.InvalidUri):
        parse(uri)


@pytest.mark.parametrize(
    ("parts", "uri"),
    [
        (("s3://b", "k"), "s3://b/k"),
        (("s3://b/", "/k/", "x"), "s3://b/k/x"),
        (("memory://", "k"), "memory://k"),
        (("/data", "", "x"), "/data/x"),
        (("/data/",), "/data"),
    ],
)
def test_join_puts_one_slash(parts: tuple[str, ...], uri: str) -> None:
    assert storage.join(*parts) == uri


def test_flytes_names_in_the_environment_come_first() -> None:
    env = {"FLYTE_AWS_ENDPOINT": "http://minio:9000", "AWS_ENDPOINT_URL": "http://other", "AWS_REGION": "eu"}
    s3 = storage.StoreConfig.from_env(env).s3
    assert (s3.endpoint, s3.region, s3.access_key_id) == ("http://minio:9000", "eu", "")


def test_secrets_are_not_shown() -> None:
    assert "hunter2" not in repr(storage.S3Config(secret_access_key="hunter2", session_token="hunter2"))


def test_a_folders_digest_tells_names_from_contents() -> None:
    one, two = digest_of_bytes(b"1"), digest_of_bytes(b"2")
    assert digest_of_tree([("a", one), ("b", two)]) == digest_of_tree([("b", two), ("a", one)])
    assert digest_of_tree([("a", one), ("b", two)]) != digest_of_tree([("a", two), ("b", one)])
    assert digest_of_tree([]) != digest_of_tree([("", one)])
