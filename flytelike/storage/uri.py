"""Uris of objects: `file:///abs/path`, a plain absolute path, `s3://bucket/key`, `memory://key`."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from flytelike.storage.errors import InvalidUri

SCHEMES = ("file", "s3", "memory")


@dataclass(frozen=True, slots=True)
class Location:
    """A parsed uri: which store, and the key in it. For files the key is the absolute path."""

    scheme: str
    bucket: str
    key: str


def parse(uri: str) -> Location:
    """Return the location a uri names; raises InvalidUri."""
    if uri.startswith("/"):
        return Location("file", "", checked(uri, uri))
    parts = urlsplit(uri)
    match parts.scheme:
        case "file":
            return Location("file", "", checked(uri, unquote(parts.path)))
        case "s3":
            return Location("s3", parts.netloc, checked(uri, uri.split("/", 3)[3] if uri.count("/") > 2 else ""))
        case "memory":
            return Location("memory", "", checked(uri, uri.removeprefix("memory://").lstrip("/")))
        case _:
            raise InvalidUri(uri, f"expected a path or a uri of one of {', '.join(SCHEMES)}")


def checked(uri: str, key: str) -> str:
    """Return the key unless it climbs (`..`) or holds a NUL."""
    if ".." in key.split("/") or "\0" in key:
        raise InvalidUri(uri, "the path leads outside of the store")
    return key


def join(base: str, *parts: str) -> str:
    """Return the uri of something below `base`."""
    return "/".join([base.rstrip("/"), *(part.strip("/") for part in parts if part)])


def is_remote(uri: str) -> bool:
    """Tell whether the uri names something outside of the local file system."""
    return "://" in uri and not uri.startswith("file://")
