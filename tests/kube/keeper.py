"""Keeps one control plane for all processes of a test run: `python -m tests.kube.keeper PROGRAMS FOLDER USERS...`.

Who uses it holds a shared lock on a file in its folder. The kernel drops the lock of a process that ends, however it
ends; once nobody holds one, the keeper stops the control plane and removes the folder. Nothing is left to the next run.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.kube.control_plane import ControlPlane

ROOT = Path(__file__).resolve().parents[2]

USERS = ("alice", "bob")
"""Users without any right but those that a test gives them."""


@dataclass(frozen=True)
class Kept:
    """The files by which a control plane is found."""

    folder: Path

    @property
    def users(self) -> Path:
        """The file on which users hold a shared lock."""
        return self.folder / "users.lock"

    @property
    def port(self) -> Path:
        """The file that is there once the control plane is ready; it holds the API server's port."""
        return self.folder / "port"


@contextmanager
def shared_control_plane(programs: Path, shared: Path) -> Iterator[ControlPlane]:
    """Yield the control plane of this test run; `shared` is a folder that its processes have in common.

    The first one that asks starts it.
    """
    with (shared / "control-plane.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        state = shared / "control-plane.folder"
        kept = Kept(Path(state.read_text(encoding="utf-8"))) if state.exists() else None
        lock = _use(kept) if kept is not None else None
        if kept is None or lock is None:
            kept = Kept(Path(tempfile.mkdtemp(prefix="flytelike-kube-")))
            kept.users.touch()
            lock = _use(kept)
            assert lock is not None, "nobody else knows the folder yet"
            _start(programs, kept)
            state.write_text(str(kept.folder), encoding="utf-8")
    with lock:
        yield ControlPlane(programs, kept.folder / "run", USERS, int(kept.port.read_text(encoding="utf-8")))


def _use(kept: Kept) -> IO[str] | None:
    """Return the lock by which the control plane stays; None when it is being stopped."""
    try:
        lock = kept.users.open("r")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def _start(programs: Path, kept: Kept) -> None:
    log = kept.folder / "keeper.log"
    command = [sys.executable, "-m", "tests.kube.keeper", str(programs), str(kept.folder), *USERS]
    with log.open("wb") as out:
        keeper = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=out,
            start_new_session=True,
        )
    assert keeper.stdout is not None
    with keeper.stdout as ready:
        ready.read()  # It closes its side when it is ready, or has failed.
    if not kept.port.exists():
        keeper.wait()
        told = log.read_text(errors="replace")
        shutil.rmtree(kept.folder)
        raise RuntimeError(f"the control plane did not start:\n{told}")
    keeper.returncode = 0  # It outlives this process if others use it; nobody waits for it.


def main() -> None:
    """Keep a control plane until nobody uses it."""
    programs, folder, *users = sys.argv[1:]
    kept = Kept(Path(folder))
    plane = ControlPlane(Path(programs), kept.folder / "run", users)
    try:
        plane.start()
        kept.port.write_text(str(plane.port), encoding="utf-8")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # tells the one who waits that it is ready
        with kept.users.open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
    finally:
        plane.stop()
    shutil.rmtree(kept.folder)


if __name__ == "__main__":
    main()
