"""What pods print, kept in the object store while they print it: it outlives them, and whoever runs them."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from urllib.parse import quote

from flytelike.model.ids import ExecutionId
from flytelike.storage import NotFound, StorageError, Store
from propeller.ports import AttemptKey

_LOG = logging.getLogger(__name__)

_BUFFER_MAX = 4 << 20
"""What is held of an attempt's output while it cannot be stored; its pod's log is not read on meanwhile."""


class StoredLogs:
    """Keeps and streams the output of attempts, in pieces of which each is an object named by its offset.

    `<prefix>/<project>/<domain>/<execution>/<node path>/<attempt>/<offset>.log`

    Args:
        store: The object store.
        prefix: Where in it.
        limit_bytes: What is kept of one attempt; a line at the end tells that more was dropped.
        piece_bytes: How large a piece grows before it is stored.
        piece_s: How long it grows.
    """

    def __init__(
        self, store: Store, prefix: str, limit_bytes: int, piece_bytes: int = 256 << 10, piece_s: float = 2.0
    ) -> None:
        self._store = store
        self._prefix = prefix
        self._limit = limit_bytes
        self._piece_bytes = piece_bytes
        self._piece_s = piece_s
        self._live: dict[AttemptKey, LogWriter] = {}
        self._storing: asyncio.Task[None] | None = None

    def place(self, key: AttemptKey) -> str:
        """Return the folder of an attempt's output."""
        return f"{self._folder(key.execution)}/{_part(key.path)}/{key.attempt}"

    async def stream(
        self, key: AttemptKey, offset: int = 0, *, follow: bool = False
    ) -> AsyncIterator[tuple[bytes, int]]:
        """Yield the output from `offset` on, each piece with the offset to continue from.

        With `follow`, goes on until the attempt ends; without, to what there is now. An attempt that printed nothing,
        or is unknown, yields nothing.
        """
        while True:
            writer = self._live.get(key)
            if writer is not None and offset >= writer.stored:
                data = writer.held(offset)
                if not data:
                    if not follow:
                        return
                    await writer.more()
                    continue
            else:
                data = await self._piece(key, offset)
                if not data and self._live.get(key) is writer:
                    return
            if data:
                offset += len(data)
                yield data, offset

    async def tail(self, key: AttemptKey, size: int) -> str:
        """Return the last `size` bytes of the output as text, from a line's start where possible."""
        writer = self._live.get(key)
        end = writer.end if writer is not None else await self.stored(key)
        parts = [data async for data, _ in self.stream(key, max(0, end - size))]
        data = b"".join(parts)[-size:]
        if end > size:
            _, newline, rest = data.partition(b"\n")
            data = rest if newline else data
        return data.decode(errors="replace").rstrip()

    async def write(self, key: AttemptKey) -> "LogWriter":
        """Return what takes an attempt's output, behind what an earlier process of the platform kept of it."""
        writer = self._live.get(key)
        if writer is None:
            end = await self.stored(key)
            writer = self._live.setdefault(key, LogWriter(self._store, self.place(key), end, self._limit))
        if self._storing is None or self._storing.done():
            self._storing = asyncio.get_running_loop().create_task(self._store_all(), name="pod-logs")
        return writer

    async def end(self, key: AttemptKey) -> None:
        """Store the rest; the attempt prints no more, followers end."""
        writer = self._live.get(key)
        if writer is not None:
            await writer.store()
            self._live.pop(key, None)
            writer.wake()

    async def stored(self, key: AttemptKey) -> int:
        """Return how many bytes of an attempt's output are stored."""
        pieces = await self._pieces(key)
        return max((offset + size for offset, size in pieces), default=0)

    async def size(self, execution: ExecutionId) -> int:
        """Return how many bytes the attempts of an execution printed."""
        return sum(head.size_bytes for head in await self._store.list_async(self._folder(execution)))

    async def delete(self, execution: ExecutionId) -> int:
        """Delete what the attempts of an execution that has ended printed; return how many bytes that was."""
        heads = await self._store.list_async(self._folder(execution))
        for head in heads:
            await self._store.delete_async(head.uri)
        return sum(head.size_bytes for head in heads)

    async def close(self) -> None:
        """Store what is held, as far as that can be done, and end."""
        if self._storing is not None:
            self._storing.cancel()
            with suppress(asyncio.CancelledError):
                await self._storing
        for key in list(self._live):
            with suppress(StorageError):
                await self.end(key)
        self._live.clear()

    async def _store_all(self) -> None:
        while self._live:
            await asyncio.sleep(self._piece_s)
            for writer in list(self._live.values()):
                try:
                    await writer.store()
                except StorageError as error:
                    _LOG.warning("output of a pod cannot be stored below %s, trying again: %s", writer.place, error)

    async def _pieces(self, key: AttemptKey) -> list[tuple[int, int]]:
        heads = await self._store.list_async(self.place(key))
        named = ((head.uri.rpartition("/")[2].removesuffix(".log"), head.size_bytes) for head in heads)
        return [(int(name), size) for name, size in named if name.isdecimal()]

    async def _piece(self, key: AttemptKey, offset: int) -> bytes:
        """Return what is stored from an offset to the end of its piece."""
        for start, size in await self._pieces(key):
            if start <= offset < start + size:
                with suppress(NotFound):
                    data = await self._store.get_async(f"{self.place(key)}/{start:015d}.log")
                    return data[offset - start :]
        return b""

    def _folder(self, execution: ExecutionId) -> str:
        names = map(_part, (execution.project, execution.domain, execution.name))
        return "/".join((self._prefix, *names))


class LogWriter:
    """Takes one attempt's output. `stored` bytes of it lie in the store, up to `end` are known."""

    def __init__(self, store: Store, place: str, stored: int, limit: int) -> None:
        """Go on behind what is stored."""
        self.place = place
        self.stored = stored
        self._store = store
        self._limit = limit
        self._held = bytearray()
        self._turn = asyncio.Lock()
        self._waiting: list[asyncio.Future[None]] = []
        self._cut = stored > limit

    @property
    def end(self) -> int:
        """How many bytes are known."""
        return self.stored + len(self._held)

    async def write(self, data: bytes) -> None:
        """Keep more output. Waits while too much of it is not stored."""
        if self._cut:
            return
        room = self._limit - self.end
        if len(data) > room:
            self._cut = True
            data = data[: max(0, room)] + f"\n[output beyond {self._limit} bytes is not kept]\n".encode()
        self._held += data
        self.wake()
        while len(self._held) > _BUFFER_MAX:
            with suppress(StorageError):
                await self.store()
            if len(self._held) > _BUFFER_MAX:
                await asyncio.sleep(1)  # the store is down; the kubelet keeps what is not read

    async def store(self) -> None:
        """Store what is held. Raises `StorageError`; nothing is lost then."""
        async with self._turn:
            data = bytes(self._held)
            if data:
                await self._store.put_async(f"{self.place}/{self.stored:015d}.log", data, durable=False)
                self.stored += len(data)
                del self._held[: len(data)]

    def held(self, offset: int) -> bytes:
        """Return what is known from an offset on and not stored yet."""
        return bytes(self._held[max(0, offset - self.stored) :])

    async def more(self) -> None:
        """Wait until there is more, or no more to come."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    def wake(self) -> None:
        """Let those who wait look again."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)


def _part(text: str) -> str:
    """Return a text as one part of a key."""
    quoted = quote(text, safe="")
    return quoted.replace(".", "%2E") if quoted.strip(".") == "" else quoted
