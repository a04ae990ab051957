"""`flytelike-execute`: runs one attempt of a task under Flyte's task contract.

Exits 0 once `outputs.pb` or `error.pb` is written, whichever it is, as Flyte's own entry point
does; 1 for a failed task when FLYTE_FAIL_ON_ERROR is true; 2 for a wrong command line; 75 (sysexits' EX_TEMPFAIL) when
neither could be written, since the object store is away.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from flytelike.codec.termination_message import USED_FILE, used_line
from flytelike.runtime.arguments import PROGRAM, ArgumentsError, parse
from flytelike.runtime.attempt import Runner
from flytelike.runtime.measuring import used_so_far
from flytelike.storage import Store, StoreConfig

STORE_RETRY_S = 180.0
"""How long an object store that is away is waited for: what the task has computed is worth it."""

NOT_STORED = os.EX_TEMPFAIL

FAIL_ON_ERROR = "FLYTE_FAIL_ON_ERROR"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the attempt named by `argv` (default: the process's arguments); return the exit code."""
    args = sys.argv[1:] if argv is None else list(argv)
    try:
        invocation = parse(args)
    except ArgumentsError as error:
        sys.stderr.write(f"{PROGRAM}: {error}\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="flytelike-", ignore_cleanup_errors=True) as scratch:
        runner = Runner(Store(StoreConfig.from_env(durable=True, retry_s=STORE_RETRY_S)), Path(scratch))
        ended = runner.run(invocation, os.environ)
    _tell_use(os.environ.get(USED_FILE, ""))
    failure = ended.failure
    if failure is None:
        return 0
    sys.stderr.write(f"{failure.message}\n")
    if not ended.stored:
        return NOT_STORED
    return 1 if os.environ.get(FAIL_ON_ERROR, "").lower() == "true" else 0


def _tell_use(path: str) -> None:
    """Add what was used to the container's termination message, where there is one."""
    if path:
        with suppress(OSError):
            fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            try:
                os.write(fd, used_line(used_so_far()).encode())
            finally:
                os.close(fd)


if __name__ == "__main__":
    sys.exit(main())
