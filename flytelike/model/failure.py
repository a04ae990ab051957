"""Why something failed, and whose fault it was. Decided where the failure is born."""

from dataclasses import dataclass
from enum import Enum


class Fault(Enum):
    """Whose fault a failure is; values are those of `core.ExecutionError.ErrorKind`."""

    UNKNOWN = 0
    USER = 1
    SYSTEM = 2


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure of an attempt, node or execution.

    `code` is stable (`USER:ValueError`, `TimeoutExpired`, `OOMKilled`, ...). A failure that is
    not `retryable` ends its node whatever retries are left. `message` is for people; it may
    have many lines. `origin` is the uri of the failure's document, if there is one.
    """

    code: str
    message: str
    fault: Fault
    retryable: bool
    origin: str = ""
