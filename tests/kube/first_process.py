"""The first process of a machine of the tests: when it ends, all others end; until then it buries orphans."""

import os
import signal
import subprocess
import sys
from pathlib import Path

BOUND = ("var/lib", "var/log")
"""Where programs write to fixed places: there lies the machine's own folder."""


def main() -> None:
    """Make the machine's file systems and loopback ready, say so, and reap for ever."""
    folder = Path(sys.argv[1])
    for place in BOUND:
        own = folder / place
        own.mkdir(parents=True, exist_ok=True)
        _run("mount", "--bind", str(own), f"/{place}")
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    _run("ip", "link", "set", "lo", "up")
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    print("ready", flush=True)
    while True:
        signal.sigwait({signal.SIGCHLD})
        _reap()


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _run(*words: str) -> None:
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
