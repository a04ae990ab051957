"""`propeller operator` as a process of its own, which may be killed, paused and told to stop."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml

from propeller.app.operator import OperatorOptions

PROPELLER = Path(sys.executable).parent / "propeller"


@dataclass
class OperatorProcess:
    """A process that runs while the context is open. Nothing of it is left at the end.

    Its tasks are pods if it is told how to make them.
    """

    options: OperatorOptions
    pods: Mapping[str, object] | None = None
    _process: "subprocess.Popen[bytes] | None" = field(default=None)

    def __enter__(self) -> Self:
        """Start it; it listens a moment later."""
        options = self.options
        words = {
            "--database": options.database,
            "--store": options.store_base,
            "--work": str(options.work),
            "--namespace": options.namespace,
            "--kubeconfig": options.client.kubeconfig,
            "--slots": str(options.slots),
            "--holder": options.holder,
            "--shards": str(options.shards),
            "--lease": str(options.lease_s),
        }
        options.work.mkdir(parents=True, exist_ok=True)
        if self.pods is not None:
            words["--pods"] = str(options.work / "pods.yaml")
            (options.work / "pods.yaml").write_text(yaml.safe_dump(dict(self.pods)))
        command = [str(PROPELLER), "operator", *(word for pair in words.items() for word in pair)]
        # Its start is what is waited for: let it find compiled modules.
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill what still runs."""
        if self.running.poll() is None:
            self.kill()

    @property
    def log(self) -> Path:
        """The file with what it printed."""
        return self.options.work / f"{self.options.holder}.log"

    @property
    def running(self) -> "subprocess.Popen[bytes]":
        """The process."""
        assert self._process is not None, "it was started"
        return self._process

    def kill(self) -> None:
        """End it without a word (kill -9)."""
        self.running.kill()
        self.running.wait()

    def pause(self) -> None:
        """Let it do nothing more, as a machine that hangs does."""
        os.kill(self.running.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on where it was paused."""
        os.kill(self.running.pid, signal.SIGCONT)

    async def stop(self) -> int:
        """Tell it to stop, and return its exit code."""
        self.running.terminate()
        return await asyncio.to_thread(self.running.wait)
