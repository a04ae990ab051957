"""Addresses of stored things: `file:///abs/path`, `/abs/path`, `s3://bucket/key`, `memory://key`.

Addresses are taken as they are: nothing is percent-decoded, so that what one client writes
another one finds. `..`, empty and reserved segments are refused.
"""

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from flytelike.storage.errors import InvalidUri

URI_LENGTH_MAX = 4_096
RESERVED = ".flytelike-"
"""Names with this prefix are a store's own (unfinished writes, marks of empty folders); never listed."""


class Scheme(Enum):
    """The kinds of store."""

    FILE = "file"
    MEMORY = "memory"
    S3 = "s3"


@dataclass(frozen=True, slots=True)
class Location:
    """A parsed uri. `key` is an absolute path for FILE, else relative and without a slash at either end."""

    scheme: Scheme
    bucket: str
    key: str


@lru_cache(maxsize=2_048)
def parse(uri: str) -> Location:
    """Parse a uri.

    Raises:
        InvalidUri: the scheme is not known, the path is relative, or a segment is `..`, reserved,
            or (in a bucket) empty.
    """
    if len(uri) > URI_LENGTH_MAX or "\0" in uri:
        raise InvalidUri(uri[:100], f"longer than {URI_LENGTH_MAX} characters, or with a NUL in it")
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return file_location(uri, uri)
    match scheme:
        case "file":
            return file_location(uri, rest)
        case "memory":
            return Location(Scheme.MEMORY, "", checked(uri, rest.strip("/"), empty_allowed=False))
        case "s3":
            bucket, _, key = rest.partition("/")
            if not bucket:
                raise InvalidUri(uri, "the bucket is missing: s3://<bucket>/<key>")
            return Location(Scheme.S3, bucket, checked(uri, key.rstrip("/"), empty_allowed=False))
        case _:
            raise InvalidUri(uri, f"no store for {scheme}://; use file://, s3:// or memory://")


def is_local(uri: str) -> bool:
    """Return whether the uri names a file or folder of this machine."""
    return uri.startswith(("/", "file:///"))


def join(prefix: str, *names: str) -> str:
    """Return the uri below `prefix`: the parts with exactly one slash between them."""
    parts = [name.strip("/") for name in names]
    head = prefix if prefix.endswith("://") else prefix.rstrip("/")
    tail = "/".join(part for part in parts if part)
    if not tail:
        return head
    return f"{head}{tail}" if head.endswith("://") else f"{head}/{tail}"


def file_uri(path: str) -> str:
    """Return the `file://` uri of an absolute path."""
    return f"file://{path}"


def file_location(uri: str, path: str) -> Location:
    """Return the location of a path on this machine; it must be absolute."""
    if not path.startswith("/"):
        raise InvalidUri(uri, "not an absolute path or a uri such as file:///data/x or s3://bucket/x")
    key = "/" + "/".join(part for part in path.split("/") if part not in {"", "."})
    checked(uri, key[1:], empty_allowed=True)
    return Location(Scheme.FILE, "", key)


def checked(uri: str, key: str, *, empty_allowed: bool) -> str:
    """Return the key, or raise InvalidUri for the first segment that must not be."""
    if not key:
        return key
    for segment in key.split("/"):
        if segment == ".." or (segment in {"", "."} and not empty_allowed):
            raise InvalidUri(uri, f"the segment {segment!r} is not allowed in a path")
        if segment.startswith(RESERVED):
            raise InvalidUri(uri, f"names that start with {RESERVED!r} are the store's own")
    return key
