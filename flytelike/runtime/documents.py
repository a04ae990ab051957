"""Where the runtime reads and writes the contract's small documents.

Local files are served here with a handful of system calls: this is the hot path of a warm
worker, and it keeps the object-store library out of processes that never need it.
"""

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flytelike.storage import Store

_FILE = "file://"


class DocumentNotFound(Exception):
    """There is no such file."""


def local_path(uri: str) -> str | None:
    """Return the path a uri names on this machine; None when it lies elsewhere."""
    if uri.startswith("/"):
        return uri
    if uri.startswith(_FILE):
        return uri[len(_FILE) :]
    return None


class Documents:
    """Reads and writes whole small files by uri.

    With `durable`, what was put survives a power cut.
    """

    def __init__(self, *, durable: bool) -> None:
        self.durable = durable
        self._store: Store | None = None

    @property
    def store(self) -> "Store":
        """The object store, opened when first needed."""
        if self._store is None:
            from flytelike.storage import Store, StoreConfig  # noqa: PLC0415 - loads the object-store library

            self._store = Store(StoreConfig.from_environment())
        return self._store

    def get(self, uri: str) -> bytes:
        """Return the file's content. Raises `DocumentNotFound`."""
        path = local_path(uri)
        if path is not None:
            try:
                return Path(path).read_bytes()
            except (FileNotFoundError, NotADirectoryError) as error:
                raise DocumentNotFound(uri) from error
        from flytelike.storage import NotFound  # noqa: PLC0415 - loads the object-store library

        try:
            return self.store.get(uri)
        except NotFound as error:
            raise DocumentNotFound(uri) from error

    def put(self, uri: str, data: bytes) -> None:
        """Write the file; a reader sees all of it or none."""
        path = local_path(uri)
        if path is None:
            self.store.put(uri, data)
        else:
            _write(path, data, durable=self.durable)


def _write(path: str, data: bytes, *, durable: bool) -> None:
    folder = os.path.dirname(path)  # noqa: PTH120 - a hot path: pathlib costs as much as the write
    partial = f"{path}.{os.getpid()}.partial"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    try:
        fd = os.open(partial, flags, 0o644)
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - see above
        fd = os.open(partial, flags, 0o644)
    try:
        try:
            written = os.write(fd, data)
            while written < len(data):
                written += os.write(fd, data[written:])
            if durable:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(partial, path)  # noqa: PTH104 - see above
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(partial)  # noqa: PTH108 - see above
        raise
    if durable:
        _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
