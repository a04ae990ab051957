"""From a data folder to a client: join the platform that runs on it, or bring one up."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from flytelike.embedded.folder import DataFolder
from flytelike.embedded.platform import Platform, PlatformOptions
from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.remote import Client, ServerUnreachable
from flytelike.remote.access import OPEN, Access

CONNECT_TIMEOUT_S = 5.0
JOIN_TIMEOUT_S = 20.0
JOIN_INTERVAL_S = 0.05

Tell = Callable[[str], None]


@asynccontextmanager
async def session(server: str, data: Path, *, start: bool, tell: Tell) -> AsyncIterator[Client]:
    """Yield a client of `server`, or when that is empty of the platform on the folder `data`.

    With `start` a platform is brought up when none runs there; it ends with the session,
    and what is unfinished then goes on when the next one comes up. `tell` is given lines
    for people.

    Raises:
        ServerUnreachable: nobody answers at `server`.
        DiagnosticError: `no-server` when none runs and `start` is off, or a fault of the folder.
    """
    if server:
        async with reached(server, CONNECT_TIMEOUT_S, Access.from_env()) as client:
            yield client
        return
    folder = DataFolder.at(data)
    if start:
        folder.prepare()
    with ExitStack() as stack:
        endpoint = await joined(folder, stack, start=start)
        if endpoint is not None:
            async with reached(endpoint, CONNECT_TIMEOUT_S, owned(folder)) as client:
                yield client
            return
        tell(f"no platform is running on {folder.root}: using an embedded one until this command ends")
        async with Platform(folder, PlatformOptions()) as platform, Client(platform.endpoint.grpc) as client:
            yield client


def owned(folder: DataFolder) -> Access:
    """Return who calls the platform of a folder: who says so in the environment, else the folder's owner."""
    told = Access.from_env()
    if told.token or told.token_file or not os.access(folder.owner_token, os.R_OK):
        return told
    return Access(folder.owner_token)


async def joined(folder: DataFolder, stack: ExitStack, *, start: bool) -> str | None:
    """Return where the folder's platform answers, or None when this process now owns the folder.

    Another process may be coming up or going down just now: both are waited for.
    """
    async with asyncio.timeout(JOIN_TIMEOUT_S):
        while True:
            if stack.enter_context(folder.locked()):
                if start:
                    return None
                raise DiagnosticError([not_running(folder)])
            endpoint = folder.endpoint()
            if endpoint is not None and await answers(endpoint.grpc):
                return endpoint.grpc
            await asyncio.sleep(JOIN_INTERVAL_S)


async def answers(endpoint: str) -> bool:
    """Tell whether somebody accepts connections there right now."""
    host, _, port = endpoint.rpartition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except (OSError, ValueError):
        return False
    writer.close()
    return True


@asynccontextmanager
async def reached(endpoint: str, timeout_s: float, access: Access = OPEN) -> AsyncIterator[Client]:
    """Yield a client that is connected; raises ServerUnreachable."""
    async with Client(endpoint, access) as client:
        if not await client.ready(timeout_s):
            raise ServerUnreachable("UNAVAILABLE", f"no platform answers at {endpoint}")
        yield client


def not_running(folder: DataFolder) -> Diagnostic:
    """Return the diagnostic for a folder without a running platform."""
    return Diagnostic(
        "no-server",
        f"no platform is running on {folder.root}",
        help=("start one with `flytelike up`",),
    )
