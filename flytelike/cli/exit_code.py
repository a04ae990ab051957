"""Exit codes, so that scripts can tell failures apart."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a process ends with; also listed in `flytelike --help`."""

    SUCCESS = 0
    EXECUTION_FAILED = 1
    """The execution ended in a phase other than SUCCEEDED."""
    BAD_INPUT = 2
    """What was asked for is not acceptable: arguments, code, inputs, versions."""
    NO_SERVER = 3
    """No platform answers, or the embedded one cannot start."""
    INTERNAL = 4
    """A fault of Flytelike itself."""
    DETACHED = 5
    """Interrupted while waiting; the execution goes on."""
