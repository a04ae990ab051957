"""Carries connections from one machine of the tests to another: `python -m tests.kube.relay LISTEN CONNECT`.

Both ends are written `PID/ADDRESS:PORT`: the process whose network it is, and the place there. Port 0 is any free one;
the one that is taken is printed. A socket belongs to the network in which it was made, wherever its process goes.
"""

import asyncio
import ctypes
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.kube.children import NotStarted, die_with_parent, end

ROOT = Path(__file__).resolve().parents[2]

_CLONE_NEWNET = 0x40000000
_PIECE = 1 << 16


@dataclass(frozen=True)
class Place:
    """An address in the network of a process."""

    pid: int
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.pid}/{self.host}:{self.port}"

    @classmethod
    def parsed(cls, text: str) -> Self:
        pid, _, address = text.partition("/")
        host, _, port = address.rpartition(":")
        return cls(int(pid), host, int(port))


class Relay:
    """A running relay. `port` is where it listens."""

    def __init__(self, listen: Place, connect: Place, log: Path) -> None:
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.kube.relay", str(listen), str(connect)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=out,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, no lock
            )
        assert self._process.stdout is not None
        with self._process.stdout as told:
            line = told.readline()
        if not line:
            end(self._process)
            raise NotStarted(log.read_text(errors="replace"))
        self.port = int(line)

    def stop(self) -> None:
        """Cut all connections."""
        end(self._process)


def enter(pid: int) -> None:
    """Make the sockets of this thread from now on in the network of a process."""
    libc = ctypes.CDLL(None, use_errno=True)
    opened = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        if libc.setns(opened, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"the network of process {pid} cannot be entered")
    finally:
        os.close(opened)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry one direction to its end."""
    try:
        while data := await reader.read(_PIECE):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.close()


async def _serve(listening: socket.socket, to: Place) -> None:
    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(to.host, to.port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_carry(reader, far_writer), _carry(far_reader, writer))
        for one in (writer, far_writer):
            one.close()

    server = await asyncio.start_server(taken, sock=listening)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Relay until killed."""
    listen, connect = map(Place.parsed, sys.argv[1:])
    enter(listen.pid)
    listening = socket.create_server((listen.host, listen.port), backlog=512)
    enter(connect.pid)
    print(listening.getsockname()[1], flush=True)
    asyncio.run(_serve(listening, connect))


if __name__ == "__main__":
    main()
