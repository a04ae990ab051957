"""A Python file whose bytes go to a store, digested on their way."""

import hashlib
import io
from types import TracebackType
from typing import Self

from typing_extensions import Buffer, override

from flytelike.model.ids import Digest
from flytelike.storage.stored import Sink, Uploaded


class StoredWriter(io.RawIOBase):
    """Writes one object. It appears when closed; leaving `with` by an exception discards it.

    `uploaded` tells digest and size once closed.
    """

    def __init__(self, uri: str, sink: Sink) -> None:
        """Write to `sink`."""
        super().__init__()
        self._uri = uri
        self._sink = sink
        self._running = hashlib.sha256()
        self._size_bytes = 0
        self._done = False

    @property
    def uploaded(self) -> Uploaded:
        """What was written; call after `close`."""
        assert self._done, "the digest is known once the writer is closed"
        return Uploaded(self._uri, Digest(f"sha256:{self._running.hexdigest()}"), self._size_bytes)

    @override
    def writable(self) -> bool:
        """Return True."""
        return True

    @override
    def tell(self) -> int:
        """Return how many bytes were written."""
        return self._size_bytes

    @override
    def write(self, data: Buffer, /) -> int:
        """Append all the bytes."""
        view = memoryview(data).cast("B")
        self._running.update(view)
        self._sink.write(view)
        self._size_bytes += len(view)
        return len(view)

    @override
    def close(self) -> None:
        """Make the object visible."""
        if not self.closed:
            super().close()
            self._sink.commit()
            self._done = True

    def discard(self) -> None:
        """Forget everything written."""
        if not self.closed:
            super().close()
            self._sink.discard()

    @override
    def __enter__(self) -> Self:
        """Return this writer."""
        return self

    @override
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, or discard after an exception."""
        if kind is None:
            self.close()
        else:
            self.discard()

    @override
    def __del__(self) -> None:
        """Discard what nobody closed: half a file must not appear because of garbage collection."""
        if hasattr(self, "_sink"):
            self.discard()
