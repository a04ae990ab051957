"""Inputs from their document to Python, outputs from Python to their document."""

from collections.abc import Mapping

from google.protobuf.message import DecodeError

from flytelike.codec.faults import MalformedError
from flytelike.codec.literals import literal_map_from_proto, literal_map_to_proto
from flytelike.codec.offloading import OFFLOAD_BYTES_MIN, OFFLOADED_BYTES_MAX, fill_offloaded_value, offloaded_name
from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.literals import Collection, Literal, Map
from flytelike.runtime.contract import RunnableTask
from flytelike.runtime.failures import (
    INPUT_MISMATCH,
    INPUT_NOT_DECODABLE,
    OUTPUT_MISMATCH,
    OUTPUT_NOT_ENCODABLE,
    AttemptError,
    user_error,
)
from flytelike.runtime.offloaded import loaded
from flytelike.runtime.source_trace import headline
from flytelike.storage import StorageError
from flytelike.types import registry
from flytelike.types.context import ValueContext
from flytelike.types.door import check_value
from flytelike.types.faults import TypeFault, shown
from flytelike_idl.core import literals_pb2

_PLAIN: frozenset[object] = frozenset({int, float, str, bool})
"""Their own instances need no checker, whose import costs more than most tasks."""


def decode_inputs(document: bytes, task: RunnableTask, context: ValueContext) -> dict[str, object]:
    """Return the task's arguments. Every input's fault is told at once.

    Raises:
        AttemptError: The document is damaged, an input is missing, or a value does not fit.
    """
    literals = _parse(document)
    values: dict[str, object] = {}
    faults: list[str] = []
    code = INPUT_NOT_DECODABLE
    for name, declared in task.signature.inputs.items():
        literal = literals.get(name)
        if literal is None:
            faults.append(f"input {name} is not given")
            continue
        try:
            literal = loaded(literal, context.store)  # that it cannot be read just now is the store's trouble
        except MalformedError as error:
            faults.append(f"input {name} lies in the store by itself, and is damaged there: {_text(error)}")
            continue
        try:
            values[name] = registry.to_python(literal, declared.hint, context)
        except Exception as error:  # noqa: BLE001 - a transformer may be the author's own
            faults.append(f"input {name} cannot be turned into {shown(declared.hint)}: {_text(error)}")
            continue
        if (complaint := _complaint(values[name], declared.hint)) is not None:
            code = INPUT_MISMATCH
            faults.append(f"input {name}: {complaint}")
    if faults:
        raise user_error(code, "; ".join(faults))
    return values


def shaped(result: object, task: RunnableTask) -> Mapping[str, object]:
    """Return a function's result by output name. Raises AttemptError when it has another shape than declared."""
    try:
        return task.outputs_of(result)
    except TypeError as error:
        raise user_error(OUTPUT_MISMATCH, str(error)) from error


def encode_values(values: Mapping[str, object], task: RunnableTask, context: ValueContext) -> bytes:
    """Return the document of outputs by name. Every output's fault is told at once.

    Raises:
        AttemptError: A value has another type than declared, or cannot be stored.
    """
    literals: dict[str, Literal] = {}
    faults: list[str] = []
    code = OUTPUT_MISMATCH
    for name, hint in task.signature.outputs.hints.items():
        value = values[name]
        if (complaint := _complaint(value, hint)) is not None:
            faults.append(f"output {name}: {complaint}")
            continue
        try:
            literals[name] = registry.to_literal(value, hint, context)
        except (OSError, StorageError):
            raise  # the store's trouble, not the value's
        except Exception as error:  # noqa: BLE001 - a transformer may be the author's own
            code = OUTPUT_NOT_ENCODABLE
            faults.append(f"output {name}, a {type(value).__name__}, cannot be stored as {shown(hint)}: {_text(error)}")
    if faults:
        raise user_error(code, "; ".join(faults))
    return _document(literals, task, context)


def _document(literals: Mapping[str, Literal], task: RunnableTask, context: ValueContext) -> bytes:
    """Return the document of outputs; lists and maps that are too large for it are kept by themselves."""
    outputs = literal_map_to_proto(literals)
    document = outputs.SerializeToString(deterministic=True)
    if len(document) <= OFFLOAD_BYTES_MIN:
        return document
    faults: list[str] = []
    for name, literal in literals.items():
        if not isinstance(literal.value, Collection | Map):
            continue
        message = outputs.literals[name]
        size_bytes = message.ByteSize()
        if size_bytes > OFFLOADED_BYTES_MAX:
            faults.append(f"output {name} is {size_bytes} bytes, the limit is {OFFLOADED_BYTES_MAX}: give it as a file")
        elif size_bytes > OFFLOAD_BYTES_MIN:
            data = message.SerializeToString(deterministic=True)
            uri = context.new_uri(offloaded_name(name))
            context.store.put(uri, data)
            message.Clear()
            message.hash = literal.hash
            fill_offloaded_value(uri, len(data), registry.literal_type_of(task.signature.outputs.hints[name]), message)
    if faults:
        raise user_error(OUTPUT_NOT_ENCODABLE, "; ".join(faults))
    return outputs.SerializeToString(deterministic=True)


def _parse(document: bytes) -> Mapping[str, Literal]:
    try:
        return literal_map_from_proto(literals_pb2.LiteralMap.FromString(document))
    except (DecodeError, ValueError) as error:
        raise _damaged(error) from error


def _damaged(error: Exception) -> AttemptError:
    return user_error(INPUT_NOT_DECODABLE, f"the inputs' document is damaged: {error}")


def _complaint(value: object, hint: object) -> str | None:
    """Return what is wrong with a value under its annotation; None when it fits."""
    if type(value) is hint and hint in _PLAIN:
        return None
    try:
        check_value(value, hint)
    except TypeFault as error:
        return _text(error)
    return None


def _text(error: Exception) -> str:
    if isinstance(error, DiagnosticError):
        return "; ".join(diagnostic.headline for diagnostic in error.diagnostics)
    return headline(error)
