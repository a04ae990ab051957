"""A real platform that is hurt: one data folder, `flytelike up` on it again and again, and all of its processes."""

import os
import signal
import socket
import time
from pathlib import Path

import psutil

from tests.e2e.cli import Outcome, Up, flytelike, start

READY_S = 60
GONE_S = 20


class Site:
    """A platform's folders, its life at present, and who belongs to it.

    Every process of the platform carries a mark in its environment, so that none can hide.
    """

    def __init__(self, root: Path, data: Path) -> None:
        """Take a folder of the test's own, and the one for the platform's data."""
        self.root = root
        self.data = data
        self.scratch = root / "tmp"
        self.scratch.mkdir()
        self.ledger = root / "ledger"
        self.log = root / "platform.log"
        self.mark = f"{os.getpid()}-{time.monotonic_ns()}"
        self.port = _free_port()
        self.extra: dict[str, str] = {}
        self.life: Up | None = None
        self.lives = 0

    @property
    def endpoint(self) -> str:
        """Where the platform answers, whichever life it has."""
        return f"127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What the platform's processes are given."""
        shared = {"CHAOS_LEDGER": str(self.ledger), "CHAOS_MARK": self.mark, "TMPDIR": str(self.scratch)}
        return {**shared, "PYTHONDONTWRITEBYTECODE": "", **self.extra}

    def up(self) -> None:
        """Bring the platform up; it goes on with what it finds."""
        with self.log.open("a") as log:
            log.write(f"--- life {self.lives}\n")
            log.flush()
            self.life = start(self.data, ["--slots", "3"], self.environment, port=self.port, stderr=log)
        self.lives += 1

    def kill(self) -> None:
        """Kill -9 the platform, and wait until the kernel and the zygote have ended all that it started."""
        assert self.life is not None
        self.life.kill()
        self.life = None
        self.wait_for_nobody()

    def stop(self) -> None:
        """Have the platform end in good order."""
        assert self.life is not None
        self.life.process.send_signal(signal.SIGTERM)
        self.life.process.wait(timeout=READY_S)
        assert self.life.process.stdout is not None
        self.life.process.stdout.close()
        self.life = None
        self.wait_for_nobody()

    def end(self) -> None:
        """Leave nothing behind, whatever happened."""
        if self.life is not None:
            self.life.kill()
            self.life = None
        for process in self.processes():
            process.kill()

    # --- who is there ---------------------------------------------------------------------

    def processes(self) -> list[psutil.Process]:
        """Return all living processes that carry the mark."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("CHAOS_MARK") == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue  # It ended, or belongs to somebody else.
        return found

    def zygotes(self) -> list[psutil.Process]:
        """Return the process that makes the workers."""
        assert self.life is not None
        try:
            below = psutil.Process(self.life.process.pid).children()
            return [child for child in below if "flytelike.runtime.zygote" in child.cmdline()]
        except psutil.Error:
            return []

    def workers(self) -> list[psutil.Process]:
        """Return the processes that run tasks."""
        found = []
        for zygote in self.zygotes():
            try:
                found += zygote.children()
            except psutil.Error:
                continue
        return found

    def wait_for_nobody(self) -> None:
        """Wait until no process of the platform is left; none may outlive it."""
        until = time.monotonic() + GONE_S
        while left := self.processes():
            if time.monotonic() > until:
                raise AssertionError(f"the platform ended, and these live on: {[_told(it) for it in left]}")
            psutil.wait_procs(left, timeout=0.1)

    # --- as people do ---------------------------------------------------------------------

    def cli(self, *words: str) -> Outcome:
        """Run `flytelike words...` against the platform."""
        return flytelike(self.data, *words, "--server", self.endpoint, cwd=self.root, env=self.environment)

    def told(self) -> str:
        """Return what the platform has logged."""
        return self.log.read_text(errors="replace")


def _told(process: psutil.Process) -> str:
    try:
        return f"{process.pid} {' '.join(process.cmdline())[:120]} ({process.status()})"
    except psutil.Error:
        return str(process.pid)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
