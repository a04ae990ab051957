"""What can go wrong inside a task's process, each with its code and whose fault it is.

Codes follow Flyte: an author's exception is `USER:<type>`; the rest is named for what is wrong.
"""

from flytelike.model.exceptions import (
    EagerException,
    FlyteNonRecoverableSystemException,
    FlyteRecoverableException,
)
from flytelike.model.failure import Failure, Fault
from flytelike.runtime.source_trace import headline, render, shortened
from flytelike.storage import OutOfSpace

ARGUMENTS = "InvalidArguments"
CODE_NOT_FOUND = "CodeNotFound"
CODE_CORRUPT = "CodeCorrupt"
MODULE_NOT_FOUND = "ModuleNotFound"
IMPORT_FAILED = "ImportFailed"
TASK_NOT_FOUND = "TaskNotFound"
INPUTS_NOT_FOUND = "InputsNotFound"
OUTPUTS_NOT_FOUND = "OutputsNotFound"
INPUT_NOT_DECODABLE = "InputNotDecodable"
INPUT_MISMATCH = "InputTypeMismatch"
OUTPUT_MISMATCH = "OutputTypeMismatch"
OUTPUT_NOT_ENCODABLE = "OutputNotEncodable"
DISK_FULL = "DiskFull"
SYSTEM = "SYSTEM"


class AttemptError(Exception):
    """The attempt cannot go on; carries the failure."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(f"{failure.code}: {failure.message}")


def user_error(code: str, message: str) -> AttemptError:
    """Return the author's (or registrant's) fault; trying again does not help."""
    return AttemptError(Failure(code, shortened(message), Fault.USER, retryable=False))


def system_error(code: str, message: str) -> AttemptError:
    """Return the platform's fault; it is tried again."""
    return AttemptError(Failure(code, shortened(message), Fault.SYSTEM, retryable=True))


def of_task(error: BaseException, code_root: str) -> Failure:
    """Return the failure for what the author's function raised."""
    kind = type(error).__name__
    trace = render(error, code_root)
    match error:
        case FlyteRecoverableException():
            return Failure(f"USER:{kind}", trace, Fault.USER, retryable=True)
        case FlyteNonRecoverableSystemException():
            return Failure(SYSTEM, trace, Fault.SYSTEM, retryable=False)
        case EagerException():
            return Failure(error.code, trace, Fault.USER, retryable=False)
        case OutOfSpace():
            # The platform's store, which the author used through us: a checkpoint, a file's upload.
            return Failure(DISK_FULL, trace, Fault.SYSTEM, retryable=True)
        case MemoryError():
            advice = "The process ran out of memory. Ask for more with Resources(mem=...), or use less at once."
        case SystemExit():
            advice = (
                f"The task ended its process with sys.exit({_exit_argument(error)}) instead of returning. "
                "Return a value, or raise an exception to fail."
            )
        case KeyboardInterrupt():
            advice = "The task was interrupted (KeyboardInterrupt), by itself or by a signal sent to it."
        case RecursionError():
            advice = "The task called itself too deeply. Look for a recursion without an end."
        case _:
            return Failure(f"USER:{kind}", trace, Fault.USER, retryable=False)
    return Failure(f"USER:{kind}", shortened(f"{advice}\n\n{trace}"), Fault.USER, retryable=False)


def of_import(error: BaseException, module: str, code_root: str) -> Failure:
    """Return the failure for what importing the task's module raised."""
    if isinstance(error, ModuleNotFoundError):
        missing = error.name or "?"
        if module == missing or module.startswith(f"{missing}."):
            where, remedy = (
                ("in the code bundle", "Register again from the folder it is imported from.")
                if code_root
                else (
                    "installed where the task runs",
                    "Register it with its code (without `--copy none`), or install it.",
                )
            )
            return Failure(
                MODULE_NOT_FOUND, f"The task's module `{module}` is not {where}. {remedy}", Fault.USER, retryable=False
            )
        text = (
            f"{module} imports {missing}, which is not installed where the task runs and not in the code bundle. "
            f"Install it there; in a cluster that is the task's image (`--image`).\n\n{render(error, code_root)}"
        )
        return Failure(MODULE_NOT_FOUND, shortened(text), Fault.USER, retryable=False)
    text = f"Importing {module} failed with {headline(error)}\n\n{render(error, code_root)}"
    return Failure(IMPORT_FAILED, shortened(text), Fault.USER, retryable=False)


def of_runtime(error: BaseException) -> Failure:
    """Return the failure for an error of the runtime's own."""
    if isinstance(error, OutOfSpace) or (isinstance(error, OSError) and error.errno in _FULL):
        return Failure(DISK_FULL, f"Nothing more can be written: {error}", Fault.SYSTEM, retryable=True)
    return Failure(SYSTEM, shortened(render(error) or headline(error)), Fault.SYSTEM, retryable=True)


_FULL = frozenset({28, 122})  # ENOSPC, EDQUOT


def _exit_argument(error: SystemExit) -> str:
    return "" if error.code is None else repr(error.code)
