"""The GPUs of this machine: which there are, and who has which."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""By which a program is told which devices are its own (NVIDIA's convention)."""
ASK_S = 20.0


def discovered() -> tuple[str, ...]:
    """Return the names of the machine's GPUs: those this process may use, else all that the driver tells of."""
    if VISIBLE in os.environ:
        return tuple(name.strip() for name in os.environ[VISIBLE].split(",") if name.strip() not in {"", "-1"})
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    words = [program, "--query-gpu=uuid", "--format=csv,noheader"]
    try:
        told = subprocess.run(words, capture_output=True, text=True, timeout=ASK_S, check=True)  # noqa: S603 - the driver's
    except (OSError, subprocess.SubprocessError):
        return ()  # A driver without a device says so this way.
    return tuple(line.strip() for line in told.stdout.splitlines() if line.strip())


class Devices:
    """Hands GPUs out, each to one attempt at a time."""

    def __init__(self, names: Sequence[str]) -> None:
        """Begin with all of them free."""
        self._free = list(names)
        self._order = {name: number for number, name in enumerate(names)}

    def take(self, count: int) -> tuple[str, ...]:
        """Return so many devices that nobody has; fewer where there are not as many."""
        taken, self._free = self._free[:count], self._free[count:]
        return tuple(taken)

    def give_back(self, names: Sequence[str]) -> None:
        """Let others have them; those of the lowest numbers go first."""
        self._free = sorted([*self._free, *names], key=self._order.__getitem__)


def told_of(names: Sequence[str]) -> Mapping[str, str]:
    """Return the variables that tell an attempt which devices are its own."""
    return {VISIBLE: ",".join(names)} if names else {}
