"""Errors as gRPC knows them: a status code, a text, and diagnostics in the trailing metadata.

Trailing metadata is small (8 KiB by default, text included), so both are cut to fit.
"""

from dataclasses import dataclass, replace

import grpc
from google.rpc import status_pb2

from flytelike.codec.diagnostics import diagnostic_to_proto
from flytelike.controlplane.errors import Refusal, Status
from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.redaction import redacted
from flytelike.storage import AccessDenied, InvalidUri, NotFound, OutOfSpace, StorageError, TooLarge

TEXT_BYTES_MAX = 2_000
DETAIL_BYTES_MAX = 3_000
DETAILS_KEY = "grpc-status-details-bin"

_CODES = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True, slots=True)
class WireError:
    """An error ready to be sent."""

    code: grpc.StatusCode
    text: str
    details: bytes = b""

    @property
    def trailing_metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        """Return the metadata that carries the details."""
        return ((DETAILS_KEY, self.details),) if self.details else ()


def wire_error(error: Exception) -> WireError | None:
    """Return how an expected error is told, or None for one that nobody expected."""
    match error:
        case Refusal():
            return _diagnosed(error.status, error.diagnostics)
        case DiagnosticError():
            return _diagnosed(Status.INVALID_ARGUMENT, error.diagnostics)
        case NotFound():
            return WireError(grpc.StatusCode.NOT_FOUND, redacted(str(error)))
        case OutOfSpace():
            return _diagnosed(Status.RESOURCE_EXHAUSTED, (Diagnostic("disk-full", str(error)),))
        case TooLarge():
            return WireError(grpc.StatusCode.RESOURCE_EXHAUSTED, redacted(str(error)))
        case InvalidUri():
            return WireError(grpc.StatusCode.INVALID_ARGUMENT, redacted(str(error)))
        case AccessDenied() | StorageError():
            return WireError(grpc.StatusCode.UNAVAILABLE, redacted(f"the object store failed: {error}"))
        case _:
            return None


def _diagnosed(status: Status, diagnostics: tuple[Diagnostic, ...]) -> WireError:
    code = _CODES[status.value]
    diagnostics = tuple(_without_secrets(diagnostic) for diagnostic in diagnostics)
    text = _cut("\n".join(_line(diagnostic) for diagnostic in diagnostics))
    message = status_pb2.Status(code=status.value, message=text[:200])
    for diagnostic in diagnostics:
        message.details.add().Pack(diagnostic_to_proto(diagnostic))
        if message.ByteSize() > DETAIL_BYTES_MAX:
            del message.details[-1]
            break
    return WireError(code, text, message.SerializeToString())


def _without_secrets(diagnostic: Diagnostic) -> Diagnostic:
    """Return a diagnostic whose texts show no secret that came with what others wrote."""
    remedies = tuple(redacted(remedy) for remedy in diagnostic.help)
    return replace(diagnostic, headline=redacted(diagnostic.headline), help=remedies)


def _line(diagnostic: Diagnostic) -> str:
    remedies = "".join(f"\n  {remedy}" for remedy in diagnostic.help)
    return f"{diagnostic.headline} [{diagnostic.code}]{remedies}"


def _cut(text: str) -> str:
    """Return as much of a text as fits: what is not plain ASCII takes three bytes each on the wire."""
    size = 0
    for position, character in enumerate(text):
        size += 1 if " " <= character <= "~" and character != "%" else 3 * len(character.encode())
        if size > TEXT_BYTES_MAX:
            return text[:position] + "..."
    return text
