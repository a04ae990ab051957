"""Inputs of an execution against what its launch plan takes: pure. What fits is the compiler's to say."""

from collections.abc import Mapping

from flytelike.compiler.constants import is_value_of, word_for
from flytelike.compiler.describe import describe_type
from flytelike.controlplane.errors import Faults
from flytelike.model.array import takes_none
from flytelike.model.interface import Parameter
from flytelike.model.literals import VOID, Collection, Literal, LiteralMap, Map
from flytelike.model.types import CollectionType, LiteralType, MapType


def complete_inputs(
    given: LiteralMap, parameters: Mapping[str, Parameter], fixed: LiteralMap, faults: Faults
) -> dict[str, Literal]:
    """Return all inputs of the workflow: what was given, defaults, and what is fixed; noting every fault.

    An input that may be None and has no default is None when it is left out.

    Args:
        given: what the caller sends.
        parameters: what the launch plan takes.
        fixed: what the launch plan has decided.
        faults: where faults are noted.
    """
    for name in sorted(given):
        if name in fixed:
            faults.add("fixed-input", f"the input `{name}` is fixed by the launch plan", "leave it out")
        elif name not in parameters:
            takes = f"it takes {', '.join(sorted(parameters))}" if parameters else "it takes no inputs"
            faults.add("unknown-input", f"there is no input `{name}`", takes)
        elif (why := mismatch(given[name], parameters[name].variable.type)) is not None:
            faults.add("wrong-input-type", f"the input `{name}` does not fit: {why}")
    defaults: dict[str, Literal] = {}
    for name in sorted(parameters.keys() - given.keys()):
        parameter = parameters[name]
        if parameter.default is not None:
            defaults[name] = parameter.default
        elif takes_none(parameter.variable.type):
            defaults[name] = VOID
        else:
            wanted = describe_type(parameter.variable.type)
            faults.add("missing-input", f"the input `{name}`, {wanted}, is missing", "give it a value")
    return {**defaults, **given, **fixed}


def mismatch(literal: Literal, kind: LiteralType, path: str = "") -> str | None:
    """Return why a value is not of a type, with the way into it, or None when it is."""
    if is_value_of(literal, kind):
        return None
    match literal.value, kind.kind:
        case Collection(items), CollectionType(element):
            inner = (mismatch(item, element, f"{path}[{index}]") for index, item in enumerate(items))
            return next(why for why in inner if why is not None)
        case Map(entries), MapType(value):
            inner = (mismatch(entry, value, f"{path}[{key!r}]") for key, entry in sorted(entries.items()))
            return next(why for why in inner if why is not None)
        case _:
            pass
    where = f" at {path}" if path else ""
    return f"expected {describe_type(kind)}{where}, got {word_for(literal)}"
