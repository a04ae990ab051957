"""How the control plane says no: a status for machines, diagnostics for people."""

from collections.abc import Iterable
from enum import Enum

from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.trouble import PASSING


class Status(Enum):
    """Why a request was refused; values are gRPC's status codes."""

    INVALID_ARGUMENT = 3
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    UNIMPLEMENTED = 12
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class Refusal(DiagnosticError):
    """A request that cannot be carried out, with every reason there is."""

    def __init__(self, status: Status, diagnostics: Iterable[Diagnostic]) -> None:
        """Keep the status and the diagnostics; there is at least one."""
        super().__init__(diagnostics)
        self.status = status

    @property
    def passing(self) -> bool:
        """Whether it is the machine's trouble and not the request's: asking again later helps."""
        return any(found.code in PASSING for found in self.diagnostics)


def refusal(status: Status, code: str, headline: str, *remedies: str) -> Refusal:
    """Return a refusal for one reason.

    Args:
        status: what kind of refusal it is.
        code: the diagnostic's stable code.
        headline: what is wrong, in one phrase.
        remedies: what to do about it.
    """
    return Refusal(status, (Diagnostic(code, headline, help=remedies),))


def not_found(what: str, name: object, *remedies: str) -> Refusal:
    """Return the refusal for a thing that is not there: `what` it is and its `name`."""
    return refusal(Status.NOT_FOUND, f"unknown-{what.replace(' ', '-')}", f"there is no {what} {name}", *remedies)


def invalid(code: str, headline: str, *remedies: str) -> Refusal:
    """Return the refusal for a request that breaks a rule whatever the state is."""
    return refusal(Status.INVALID_ARGUMENT, code, headline, *remedies)


class Faults:
    """Collects diagnostics so that a request is told all its faults at once."""

    def __init__(self) -> None:
        """Start without faults."""
        self._found: list[Diagnostic] = []

    def add(self, code: str, headline: str, *remedies: str) -> None:
        """Note one fault."""
        self._found.append(Diagnostic(code, headline, help=remedies))

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Note several."""
        self._found.extend(diagnostics)

    @property
    def found(self) -> tuple[Diagnostic, ...]:
        """Return the faults noted so far."""
        return tuple(self._found)

    def __bool__(self) -> bool:
        return bool(self._found)

    def check(self) -> None:
        """Raise them together, if there are any."""
        if self._found:
            raise Refusal(Status.INVALID_ARGUMENT, self._found)
