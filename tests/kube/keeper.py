"""Keeps one cluster for all processes of a test run: `python -m tests.kube.keeper KIND PROGRAMS FOLDER`.

Who uses it holds a shared lock on a file in its folder. The kernel drops the lock of a process that ends, however it
ends; once nobody holds one, the keeper stops the cluster and removes the folder. What a keeper leaves that is killed
itself is removed by the next one.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, TypeAlias

from tests.kube.control_plane import ControlPlane
from tests.kube.machine import remove_groups_of
from tests.kube.node_cluster import NodeCluster

ROOT = Path(__file__).resolve().parents[2]

PREFIX = "flytelike-kube-"

USERS = ("alice", "bob")
"""Users without any right but those that a test gives them."""

Facts: TypeAlias = Mapping[str, int]
"""What others must know of a cluster that runs: its ports and processes."""


class Cluster(Protocol):
    """What can be kept."""

    def start(self) -> None:
        """Start everything."""

    def facts(self) -> Facts:
        """Tell others how it is reached."""

    def stop(self) -> None:
        """End everything."""


KINDS: Mapping[str, Callable[[Path, Path], Cluster]] = {
    "control-plane": lambda programs, folder: ControlPlane(programs, folder, USERS),
    "node": lambda programs, folder: NodeCluster(programs, folder, USERS),
}


@dataclass(frozen=True)
class Kept:
    """The files by which a cluster is found."""

    folder: Path

    @property
    def users(self) -> Path:
        """The file on which users hold a shared lock."""
        return self.folder / "users.lock"

    @property
    def facts(self) -> Path:
        """The file that is there once the cluster is ready."""
        return self.folder / "facts.json"

    @property
    def run(self) -> Path:
        """Where the cluster keeps its own files."""
        return self.folder / "run"


@contextmanager
def shared_control_plane(programs: Path, shared: Path) -> Iterator[ControlPlane]:
    """Yield the control plane of this test run; `shared` is a folder that its processes have in common.

    The first one that asks starts it.
    """
    with _shared("control-plane", programs, shared) as (kept, facts):
        yield ControlPlane(programs, kept.run, USERS, facts["port"])


@contextmanager
def shared_node(programs: Path, shared: Path) -> Iterator[NodeCluster]:
    """Yield the cluster with a node of this test run, as `shared_control_plane` does."""
    with _shared("node", programs, shared) as (kept, facts):
        yield NodeCluster.running(programs, kept.run, USERS, facts)


@contextmanager
def _shared(kind: str, programs: Path, shared: Path) -> Iterator[tuple[Kept, Facts]]:
    with (shared / f"{kind}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        state = shared / f"{kind}.folder"
        kept = Kept(Path(state.read_text(encoding="utf-8"))) if state.exists() else None
        lock = _use(kept) if kept is not None else None
        if kept is None or lock is None:
            remove_abandoned()
            kept, lock = _new()
            _start(kind, programs, kept)
            state.write_text(str(kept.folder), encoding="utf-8")
    with lock:
        yield kept, json.loads(kept.facts.read_text(encoding="utf-8"))


def remove_abandoned() -> None:
    """Remove what keepers left that were killed: folders that nobody has a lock on, and their control groups.

    Their processes, mounts and networks went with them.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            with Kept(folder).users.open("r") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove_groups_of(folder.name)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # in use, or gone, or somebody else's


def _new() -> tuple[Kept, IO[str]]:
    """Return a new folder with the lock on it; without one, it would look abandoned."""
    kept = Kept(Path(tempfile.mkdtemp(prefix=PREFIX)))
    made = kept.folder / "new.lock"
    lock = made.open("w+")
    fcntl.flock(lock, fcntl.LOCK_SH)
    made.rename(kept.users)
    return kept, lock


def _use(kept: Kept) -> IO[str] | None:
    """Return the lock by which the cluster stays; None when it is being stopped."""
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


def _start(kind: str, programs: Path, kept: Kept) -> None:
    log = kept.folder / "keeper.log"
    with log.open("wb") as out:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.kube.keeper", kind, str(programs), str(kept.folder)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=out,
            start_new_session=True,
        )
    assert keeper.stdout is not None
    with keeper.stdout as ready:
        ready.read()  # It closes its side when it is ready, or has failed.
    if not kept.facts.exists():
        keeper.wait()
        told = log.read_text(errors="replace")
        shutil.rmtree(kept.folder)
        raise RuntimeError(f"the cluster did not start:\n{told}")
    keeper.returncode = 0  # It outlives this process if others use it; nobody waits for it.


def main() -> None:
    """Keep a cluster until nobody uses it."""
    kind, programs, folder = sys.argv[1:]
    kept = Kept(Path(folder))
    cluster = KINDS[kind](Path(programs), kept.run)
    try:
        cluster.start()
        kept.facts.write_text(json.dumps(cluster.facts()), encoding="utf-8")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # tells the one who waits that it is ready
        with kept.users.open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
    finally:
        cluster.stop()
    shutil.rmtree(kept.folder)


if __name__ == "__main__":
    main()
