"""A machine of the tests' own inside of this one: with processes, mounts and a network that nobody else sees.

They are namespaces of Linux, no virtual machine. Its first process dies with the one that made the machine, however
that ends, and the kernel then ends all that runs in it and drops its mounts and its network. Needs root.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.kube.children import NotStarted, die_with_parent, end

ROOT = Path(__file__).resolve().parents[2]

CGROUPS = Path("/sys/fs/cgroup")

WEIGHTS = {"cpu.shares": "32768", "cpu.weight": "3200"}
"""What part of a busy processor pods get: that of 32 processes outside, where all together would get that of one."""

GONE_S = 10


@dataclass
class Machine:
    """A machine that writes into `folder`; `name` is its own on this host.

    `pid` is its first process's, seen from here.
    """

    name: str
    folder: Path
    pid: int = 0
    _holder: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)
    _begun: "list[subprocess.Popen[bytes]]" = field(default_factory=list, repr=False)

    def start(self) -> None:
        """Make it. Raises NotStarted."""
        self.folder.mkdir(parents=True, exist_ok=True)
        namespaces = ("--mount", "--net", "--pid", "--fork", "--kill-child=KILL", "--mount-proc")
        with (self.folder / "machine.log").open("ab") as log:
            self._holder = subprocess.Popen(
                ["unshare", *namespaces, sys.executable, "-m", "tests.kube.first_process", str(self.folder)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, no lock
            )
        assert self._holder.stdout is not None
        with self._holder.stdout as told:
            ready = told.readline()
        if not ready:
            end(self._holder)
            raise NotStarted(self.log("machine"))
        self.pid = child_of(self._holder.pid)
        for group in control_groups(self.name):
            group.mkdir(exist_ok=True)
            for name, weight in WEIGHTS.items():
                if (group / name).exists():
                    (group / name).write_text(weight, encoding="ascii")

    def inside(self, *words: str) -> list[str]:
        """Return the command that runs another one in the machine, in its folder."""
        entering = ["nsenter", f"--target={self.pid}", "--mount", "--net", "--pid", "--"]
        return [*entering, "env", f"--chdir={self.folder}", *words]

    def run(self, *words: str) -> str:
        """Run a command in the machine and return what it printed. Raises NotStarted."""
        done = subprocess.run(self.inside(*words), check=False, capture_output=True, text=True)
        if done.returncode:
            raise NotStarted(f"{' '.join(words)}: {done.stderr or done.stdout}")
        return done.stdout

    def begin(self, name: str, *words: str) -> "subprocess.Popen[bytes]":
        """Start a program in the machine, which logs to `<name>.log`."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                self.inside(*words),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, no lock
            )
        self._begun.append(process)
        return process

    def log(self, name: str, size: int = 3000) -> str:
        """Return the end of what a program logged."""
        path = self.folder / f"{name}.log"
        return f"--- {path.name}\n{path.read_text(errors='replace')[-size:]}" if path.exists() else ""

    def stop(self) -> None:
        """End all that runs in it, and remove its control groups."""
        end(self._holder)
        for process in self._begun:
            end(process)
        remove_groups_of(self.name)


def kill_inside(process: "subprocess.Popen[bytes] | None") -> None:
    """Kill a program that `begin` started: not only the one that entered the machine for it."""
    if process is not None and process.poll() is None:
        os.kill(child_of(process.pid), signal.SIGKILL)
        process.wait()


def child_of(pid: int) -> int:
    """Return the one child of a process."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()[0])


def control_groups(name: str) -> list[Path]:
    """Return the folders of a machine's control groups, one for each hierarchy of this host."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS / name]
    return [hierarchy / name for hierarchy in CGROUPS.iterdir() if hierarchy.is_dir() and not hierarchy.is_symlink()]


def remove_groups_of(prefix: str) -> None:
    """Remove the control groups of machines whose names begin so, the innermost first.

    The kernel takes a moment to end what was killed in them.
    """
    due = time.monotonic() + GONE_S
    while True:
        groups = [group for pattern in control_groups(f"{prefix}*") for group in pattern.parent.glob(pattern.name)]
        for group in groups:
            for folder, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
        if not any(group.exists() for group in groups) or time.monotonic() > due:
            return
        time.sleep(0.02)
