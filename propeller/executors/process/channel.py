"""Frames over a socket, on the event loop."""

import asyncio
import contextlib
import os
import socket
from collections import deque
from collections.abc import Callable, Sequence

from flytelike.codec.worker_frames import Frame, FrameError, FrameReader, encode

_CHUNK = 65536


class FrameChannel:
    """Sends and receives frames without ever blocking the loop.

    Args:
        sock: A connected stream socket; the channel owns it.
        on_frame: Called with each frame.
        on_close: Called once, when the other end is gone or sends something that is no frame.
    """

    def __init__(self, sock: socket.socket, on_frame: Callable[[Frame], None], on_close: Callable[[], None]) -> None:
        sock.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._socket = sock
        self._on_frame = on_frame
        self._on_close = on_close
        self._reader = FrameReader()
        self._unsent: deque[tuple[bytes, tuple[int, ...]]] = deque()
        self._closed = False
        self._waiting = False
        self._fd = sock.fileno()
        self._loop.add_reader(self._fd, self._readable)

    def send(self, frame: Frame, fds: Sequence[int] = ()) -> None:
        """Send a frame, with file descriptors if given (the channel closes those once sent).

        A channel whose other end is gone drops it; `on_close` tells.
        """
        if self._closed:
            _close_all(fds)
            return
        self._unsent.append((encode(frame), tuple(fds)))
        if len(self._unsent) == 1:
            self._flush()

    def close(self) -> None:
        """Close the socket; nothing is called afterwards."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        self._socket.close()
        while self._unsent:
            _close_all(self._unsent.popleft()[1])

    def _flush(self) -> None:
        while self._unsent:
            data, fds = self._unsent[0]
            try:
                sent = socket.send_fds(self._socket, [data], fds) if fds else self._socket.send(data)
            except BlockingIOError:
                self._waiting = True
                self._loop.add_writer(self._fd, self._flush)
                return
            except OSError:
                self._gone()
                return
            _close_all(fds)
            if sent < len(data):
                self._unsent[0] = (data[sent:], ())
            else:
                self._unsent.popleft()
        if self._waiting:
            self._waiting = False
            self._loop.remove_writer(self._fd)

    def _readable(self) -> None:
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._gone()
            return
        try:
            frames = self._reader.feed(data)
        except FrameError:
            self._gone()
            return
        for frame in frames:
            if not self._closed:
                self._on_frame(frame)

    def _gone(self) -> None:
        if not self._closed:
            self.close()
            self._on_close()


def _close_all(fds: Sequence[int]) -> None:
    for fd in fds:
        with contextlib.suppress(OSError):
            os.close(fd)
