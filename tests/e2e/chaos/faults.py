"""What a machine does to a platform: a full disk, a database that somebody else holds, a slow disk.

While one lasts the platform must say so, in its log and to whoever asks; when it is over, it goes on by itself.
"""

import asyncio
import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.chaos.site import Site

DISK_BYTES = 96 << 20
TRIES = 20
"""How often it is asked what the platform waits for; each question takes a second."""
BLOCK = b"x" * 65536


@dataclass(slots=True)
class Fault:
    """No fault; the others come with a way to happen, and with the `code` that must be told."""

    name: str = "none"
    code: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    async def happen(self, site: Site, drawn: random.Random) -> None:
        """Come, last a while, and go."""


class FullDisk(Fault):
    """Nothing can be written to the data folder's disk, a small one of its own."""

    def __init__(self) -> None:
        # Elements of `mapped_files` wait for the disk to be full, so that some surely meet it.
        super().__init__("a full disk", "disk-full", {"CHAOS_FULL_DISK": "1"})

    async def happen(self, site: Site, drawn: random.Random) -> None:
        """Fill the disk, and free it again."""
        ballast = site.data.parent / "ballast"
        filling = asyncio.create_task(_keep_full(ballast))
        try:
            while shutil.disk_usage(site.data).free > len(BLOCK):
                await asyncio.sleep(0.02)
            (site.root / "full").touch()
            # Longer than an attempt's retries take: none of them is to be used up.
            await asyncio.sleep(drawn.uniform(7.5, 10))
            await told(site, self.code)
        finally:
            filling.cancel()
            await asyncio.wait([filling])
            ballast.unlink(missing_ok=True)


class LockedDatabase(Fault):
    """Another process is in the middle of writing one of the platform's databases."""

    def __init__(self, database: str) -> None:
        super().__init__(f"a locked {database}", "database-locked")
        self._database = database

    async def happen(self, site: Site, drawn: random.Random) -> None:
        """Hold a write transaction for some seconds."""
        connection = sqlite3.connect(site.data / self._database, isolation_level=None, timeout=30)
        try:
            connection.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(drawn.uniform(1, 7))
            await told(site, self.code)
            connection.execute("ROLLBACK")
        finally:
            connection.close()


class SlowDisk(Fault):
    """Each sync of a file takes a while, from the first to the last."""

    def __init__(self, library: Path) -> None:
        super().__init__("a slow disk", environment={"LD_PRELOAD": str(library), "CHAOS_SYNC_MS": "15"})


async def told(site: Site, code: str) -> None:
    """Wait until who asks is told what the platform waits for, and see that the log says so too."""
    shown = None
    for _ in range(TRIES):
        shown = await asyncio.to_thread(site.cli, "get", "executions")
        if f"[{code}]" in shown.stderr:
            assert f"[{code}]" in site.told(), f"the log does not say {code}"
            return
    raise AssertionError(f"nobody is told of {code}: {shown}")


async def _keep_full(ballast: Path) -> None:
    """Take what others free meanwhile, too."""
    while True:
        await asyncio.to_thread(_fill, ballast)
        await asyncio.sleep(0.1)


def _fill(ballast: Path) -> None:
    with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as file:
        while True:
            file.write(BLOCK)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a file system of some megabytes, in memory; skip the test where that is not allowed, unless in CI."""
    folder.mkdir()
    done = subprocess.run(  # noqa: PLW1510 - looked at below
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "chaos", str(folder)], capture_output=True, text=True
    )
    if done.returncode:
        _skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


SLOW_SYNC = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static void wait_a_while(void) {
    const char *told = getenv("CHAOS_SYNC_MS");
    usleep((told ? atoi(told) : 0) * (500 + rand() % 1000));
}

int fsync(int fd) {
    wait_a_while();
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}

int fdatasync(int fd) {
    wait_a_while();
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
"""


def slow_sync(folder: Path) -> Path:
    """Build the library that makes syncs slow: it stands before the C library's own."""
    source, library = folder / "slow_sync.c", folder / "slow_sync.so"
    source.write_text(SLOW_SYNC)
    try:
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    except FileNotFoundError:
        _skip("there is no C compiler to build a slow disk with")
    return library


def _skip(reason: str) -> None:
    assert os.environ.get("CI") != "true", reason
    pytest.skip(reason)
