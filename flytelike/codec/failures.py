"""Failures: as events tell them, and as a task leaves them behind in `error.pb`."""

from flytelike.codec.faults import MalformedError
from flytelike.model.failure import Failure, Fault
from flytelike_idl.core import errors_pb2, execution_pb2
from flytelike_idl.service import propeller_pb2

_FAULTS = {int(fault.value): fault for fault in Fault}


def failure_to_proto(failure: Failure) -> execution_pb2.ExecutionError:
    """Return the message of a failure. Whether it may be retried has no place on this wire."""
    return execution_pb2.ExecutionError(
        code=failure.code,
        message=failure.message,
        error_uri=failure.origin,
        kind=failure.fault.value,  # type: ignore[arg-type]  # the stub wants its own enum
    )


def failure_from_proto(message: execution_pb2.ExecutionError) -> Failure:
    """Return the failure of an event; it is not retryable, since the event tells a verdict."""
    fault = _FAULTS.get(message.kind, Fault.UNKNOWN)
    return Failure(message.code, message.message, fault, retryable=False, origin=message.error_uri)


def failure_to_document(failure: Failure) -> errors_pb2.ErrorDocument:
    """Return what a task writes to `error.pb`."""
    kinds = errors_pb2.ContainerError
    return errors_pb2.ErrorDocument(
        error=errors_pb2.ContainerError(
            code=failure.code,
            message=failure.message,
            kind=kinds.RECOVERABLE if failure.retryable else kinds.NON_RECOVERABLE,
            origin=failure.fault.value,  # type: ignore[arg-type]  # the stub wants its own enum
        )
    )


def failure_from_document(message: errors_pb2.ErrorDocument, uri: str = "") -> Failure:
    """Return the failure a task left at `uri`."""
    if not message.HasField("error"):
        raise MalformedError("error required")
    error = message.error
    return Failure(
        error.code,
        error.message,
        _FAULTS.get(error.origin, Fault.UNKNOWN),
        retryable=error.kind == errors_pb2.ContainerError.RECOVERABLE,
        origin=uri,
    )


def whole_failure_to_proto(failure: Failure) -> propeller_pb2.PropellerFailure:
    """Return the message of a failure as propeller and control plane tell each other: nothing is left out."""
    return propeller_pb2.PropellerFailure(
        code=failure.code,
        message=failure.message,
        kind=failure.fault.value,  # type: ignore[arg-type]  # the stub wants its own enum
        retryable=failure.retryable,
        origin=failure.origin,
    )


def whole_failure_from_proto(message: propeller_pb2.PropellerFailure) -> Failure:
    """Return the failure that `whole_failure_to_proto` wrote."""
    fault = _FAULTS.get(message.kind, Fault.UNKNOWN)
    return Failure(message.code, message.message, fault, message.retryable, message.origin)
