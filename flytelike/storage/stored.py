"""What stores tell about stored things, and the port that each kind of store fills."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from flytelike.model.ids import Digest


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What was written where: the content's digest and size."""

    uri: str
    digest: Digest
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Head:
    """A stored object without its bytes. `digest` is None when the store does not know it."""

    uri: str
    size_bytes: int
    modified_ns: int
    digest: Digest | None = None


@dataclass(frozen=True, slots=True)
class SignedPut:
    """An address that takes one object by HTTP PUT, and the headers to send with it."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Sink(Protocol):
    """Takes an object's bytes; it appears on `commit`, all at once, or never."""

    def write(self, data: bytes | memoryview) -> None:
        """Append the bytes."""

    def commit(self) -> None:
        """Make the object visible under its key."""

    def discard(self) -> None:
        """Forget everything written; harmless after `commit`."""

    def __enter__(self) -> Self:
        """Return this sink."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Discard what was not committed."""


class Backend(Protocol):
    """One kind of store. Keys are those of `Location`; errors are `StorageError`s about `uri`."""

    def get(self, uri: str, key: str, max_bytes: int) -> bytes:
        """Return an object's bytes; `TooLarge` when there are more than `max_bytes`."""

    def put(self, uri: str, key: str, data: bytes, *, durable: bool) -> None:
        """Write an object at once, replacing what is there."""

    def head(self, uri: str, key: str) -> Head:
        """Return size, time and, if known, digest."""

    def walk(self, uri: str, key: str) -> Iterator[tuple[str, Head]]:
        """Yield all objects below a folder with their relative paths, sorted."""

    def delete(self, uri: str, key: str) -> None:
        """Delete an object; a missing one is fine."""

    def reader(self, uri: str, key: str) -> BinaryIO:
        """Open an object for reading; seekable."""

    def sink(self, uri: str, key: str, *, durable: bool) -> Sink:
        """Open a new object for writing."""
