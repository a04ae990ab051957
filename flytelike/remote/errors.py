"""What can go wrong on the way to the control plane, as two errors."""

from collections.abc import Sequence

from flytelike.model.diagnostic import Diagnostic
from flytelike.model.trouble import PASSING


class RemoteError(Exception):
    """The control plane refused a request.

    `status` is the gRPC status name, such as `INVALID_ARGUMENT`; `diagnostics` are the
    faults it told in detail, possibly none.
    """

    def __init__(self, status: str, message: str, diagnostics: Sequence[Diagnostic] = ()) -> None:
        self.status = status
        self.message = message
        self.diagnostics = tuple(diagnostics)
        super().__init__(f"{status}: {message}")

    @property
    def passing(self) -> bool:
        """Whether it is the platform's trouble and not the request's: asking again later helps."""
        return self.status == "UNAVAILABLE" or any(found.code in PASSING for found in self.diagnostics)


class ServerUnreachable(RemoteError):
    """No control plane answers at the address."""
