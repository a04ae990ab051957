"""A file that others replace, and who waits for that.

The kubelet keeps an annotation of a pod in a file of its containers, and swaps a link in the file's folder when the
annotation changes. The kernel tells of that (inotify), so nobody has to look again and again.
"""

import ctypes
import os
from pathlib import Path

from flytelike.codec.pod_orders import ORDER_BYTES_MAX, Order, OrderError, order_from_json

_IN_CLOEXEC, _IN_NONBLOCK = os.O_CLOEXEC, os.O_NONBLOCK
_IN_CREATE, _IN_MOVED_TO, _IN_CLOSE_WRITE = 0x100, 0x80, 0x8

_EVENTS_BYTES = 64 << 10


class Mailbox:
    """Holds the last order. `fd` can be read from once there may be another.

    Args:
        path: The file; its folder is there already.

    Raises:
        OSError: The folder cannot be watched.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd: int = libc.inotify_init1(_IN_CLOEXEC | _IN_NONBLOCK)
        if self.fd < 0:
            raise _failed("inotify_init1")
        wanted = _IN_CREATE | _IN_MOVED_TO | _IN_CLOSE_WRITE
        if libc.inotify_add_watch(self.fd, os.fsencode(path.parent), wanted) < 0:
            raise _failed(f"{path.parent}")

    def read(self) -> Order | None:
        """Return the order that lies there; None where there is none, or none that can be read."""
        try:
            while os.read(self.fd, _EVENTS_BYTES):
                pass
        except BlockingIOError:
            pass
        try:
            with self._path.open("rb") as file:
                text = file.read(ORDER_BYTES_MAX + 1)
            return order_from_json(text.decode()) if text else None
        except (FileNotFoundError, UnicodeDecodeError, OrderError):
            return None


def _failed(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")
