"""What attempts print: one bounded file an attempt, readable while it grows."""

import asyncio
import contextlib
import hashlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

from flytelike.model.ids import ExecutionId
from propeller.ports import AttemptKey

_CHUNK = 65536
_NAME_BYTES = 200


class AttemptLogs:
    """Keeps and streams the output of attempts below one folder.

    A file exists only for an attempt that printed something:
    `<folder>/<project>/<domain>/<execution>/<node path>/<attempt>.log`.

    Args:
        folder: Where the files lie.
        limit_bytes: What is kept of one attempt; a line at the end tells that more was dropped.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = str(folder)
        self._limit = limit_bytes
        self._live: dict[AttemptKey, _Writer] = {}
        self._waiting: dict[AttemptKey, list[asyncio.Future[None]]] = {}

    def path(self, key: AttemptKey) -> Path:
        """Return where the attempt's output lies, or would."""
        return Path(self._place(key))

    async def stream(
        self, key: AttemptKey, offset: int = 0, *, follow: bool = False
    ) -> AsyncIterator[tuple[bytes, int]]:
        """Yield the output from `offset` on, each piece with the offset to continue from.

        With `follow`, goes on until the attempt ends; without, to what there is now. An attempt
        that printed nothing, or is unknown, yields nothing.
        """
        path = self.path(key)
        while True:
            live = follow and key in self._live
            data = _read(path, offset)
            if data:
                offset += len(data)
                yield data, offset
            elif live:
                await self._more(key)
            else:
                return

    def tail(self, key: AttemptKey, size: int) -> str:
        """Return the last `size` bytes of the output as text, from a line's start where possible."""
        try:
            with self.path(key).open("rb") as file:
                length = file.seek(0, os.SEEK_END)
                file.seek(max(0, length - size))
                data = file.read(size)
        except OSError:
            return ""
        if length > size:
            _, newline, rest = data.partition(b"\n")
            data = rest if newline else data
        return data.decode(errors="replace").rstrip()

    def begin(self, key: AttemptKey, *, first: bool = False) -> None:
        """Expect output of the attempt; what an earlier try of it left is dropped, unless this is the `first`."""
        if not first:
            self.drop(key)
        self._live[key] = _Writer(self._place(key), self._limit)

    def drop(self, key: AttemptKey) -> None:
        """Forget what an earlier try of the attempt printed."""
        with contextlib.suppress(OSError):
            os.unlink(self._place(key))  # noqa: PTH108 - text, not a Path: this may be on every attempt's way

    def append(self, key: AttemptKey, data: bytes) -> None:
        """Keep more output."""
        writer = self._live.get(key)
        if writer is not None:
            writer.write(data)
            self._wake(key)

    def end(self, key: AttemptKey) -> None:
        """The attempt prints no more; followers end."""
        writer = self._live.pop(key, None)
        if writer is not None:
            writer.close()
            self._wake(key)

    def delete(self, execution: ExecutionId) -> int:
        """Delete what the attempts of an execution that has ended printed; return how many bytes that was."""
        folder = self._folder_of(execution)
        size = self.size(execution)
        shutil.rmtree(folder, ignore_errors=True)
        return size

    def size(self, execution: ExecutionId) -> int:
        """Return how many bytes the attempts of an execution printed."""
        files = Path(self._folder_of(execution)).glob("*/*.log")
        return sum(path.lstat().st_size for path in files)

    def close(self) -> None:
        """End all."""
        for key in list(self._live):
            self.end(key)

    def _place(self, key: AttemptKey) -> str:
        return f"{self._folder_of(key.execution)}/{_safe(key.path)}/{key.attempt}.log"

    def _folder_of(self, execution: ExecutionId) -> str:
        names = "/".join(map(_safe, (execution.project, execution.domain, execution.name)))
        return f"{self._folder}/{names}"

    async def _more(self, key: AttemptKey) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(future)
        await future

    def _wake(self, key: AttemptKey) -> None:
        for future in self._waiting.pop(key, ()):
            if not future.done():
                future.set_result(None)


class _Writer:
    __slots__ = ("_fd", "_left", "_limit", "_path")

    def __init__(self, path: str, limit: int) -> None:
        self._path = path
        self._limit = limit
        self._left = limit
        self._fd = -1

    def write(self, data: bytes) -> None:
        if self._left < 0:
            return
        if self._fd < 0 and not self._open():
            return
        kept = data[: self._left]
        self._left -= len(data)
        if self._left < 0:
            kept += f"\n[output beyond {self._limit} bytes is not kept]\n".encode()
        try:
            os.write(self._fd, kept)
        except OSError:  # a full disk: the attempt matters more than what it prints
            self._left = -1

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> bool:
        try:
            Path(self._path).parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError:
            self._left = -1
            return False
        return True


def _read(path: Path, offset: int) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.pread(fd, _CHUNK, offset)
    finally:
        os.close(fd)


def _safe(name: str) -> str:
    """Return a file name for any text: no separators, no dots alone, not too long."""
    if name.isidentifier() and len(name) <= _NAME_BYTES:
        return name
    quoted = quote(name, safe="")
    if quoted.strip(".") == "":
        quoted = quoted.replace(".", "%2E") or "%"
    if len(quoted) > _NAME_BYTES:
        quoted = f"{quoted[: _NAME_BYTES - 33]}-{hashlib.sha256(name.encode()).hexdigest()[:32]}"
    return quoted
