"""Values at a task's door, when it runs as plain Python."""

from collections.abc import Mapping

from flytelike.model.diagnostic import Diagnostic
from flytelike.sdk.faults import ArgumentError, fault
from flytelike.sdk.signature import Hint, Signature

_EXACT = (int, float, str, bool, bytes, list, dict)
"""Annotations that need no checker when the value's type is exactly this."""


def check_inputs(name: str, signature: Signature, values: Mapping[str, object]) -> None:
    """Raise ArgumentError with every input that doesn't fit its annotation."""
    faults: list[Diagnostic] = []
    for key, declared in signature.inputs.items():
        reason = misfit(values[key], declared.hint)
        if reason:
            faults.append(
                fault(
                    "value-mismatch",
                    f"`{name}` can't take this value for `{key}`",
                    signature.input_span(key),
                    reason,
                )
            )
    if faults:
        raise ArgumentError(faults)


def check_outputs(name: str, signature: Signature, values: Mapping[str, object]) -> None:
    """Raise ArgumentError with every output that doesn't fit its annotation."""
    faults: list[Diagnostic] = []
    for key, hint in signature.outputs.hints.items():
        reason = misfit(values[key], hint)
        if reason:
            where = "" if list(signature.outputs.hints) == ["o0"] else f" for `{key}`"
            faults.append(
                fault(
                    "value-mismatch",
                    f"`{name}` returned something else than it declares{where}",
                    signature.output_span(),
                    reason,
                )
            )
    if faults:
        raise ArgumentError(faults)


def misfit(value: object, hint: Hint) -> str:
    """Say how a value doesn't fit an annotation; empty if it does."""
    if hint in _EXACT and type(value) is hint:
        return ""
    from flytelike.types.door import check_value  # noqa: PLC0415 - what importing the SDK needn't pay
    from flytelike.types.faults import TypeFault  # noqa: PLC0415

    try:
        check_value(value, hint)
    except TypeFault as error:
        return error.diagnostics[0].headline
    return ""
