"""The folder in which workers keep what they need for a while; none outlives its workers for long.

A zygote removes its folder when it ends. One that is killed together with the platform cannot; so whoever lives in a
folder holds a lock on it, and the next platform removes the folders of this user that nobody holds.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "ftl-"
"""Short, because authors' libraries put sockets into TMPDIR, whose paths may have 108 bytes."""

TRIES = 20
"""How often a removal is tried that others may have got into the way of: each takes more of the folder away."""


def make() -> tuple[str, int]:
    """Make a folder; return it with the descriptor that holds its lock: close that once the folder is gone."""
    sweep()
    while True:
        folder = tempfile.mkdtemp(prefix=PREFIX)
        lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(lock, fcntl.LOCK_SH)
        if os.path.isdir(folder):  # noqa: PTH112 - a text already
            return folder, lock
        os.close(lock)  # Somebody swept between the two lines.


def remove(folder: str) -> None:
    """Remove a folder that nobody writes to any more; parts of it may be on their way out by other hands."""
    for _ in range(TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.lexists(folder):
            return


def sweep() -> None:
    """Remove the folders that nobody lives in any more."""
    for found in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if found.is_symlink() or not found.is_dir() or found.stat().st_uid != os.getuid():
                continue
            lock = os.open(found, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(found, ignore_errors=True)
            finally:
                os.close(lock)
