"""What an array takes and gives: lists of what its inner node takes and gives."""

from dataclasses import replace

from flytelike.model.graph import ArrayTarget, MinSuccessRatio
from flytelike.model.interface import TypedInterface, Variable
from flytelike.model.types import NONE, CollectionType, LiteralType, UnionType


def array_interface(target: ArrayTarget, element: TypedInterface) -> TypedInterface:
    """Return the interface of an array; `element` is that of its inner node.

    Where the client has made lists already, it is the array's. Inputs that all elements share are not lists.
    """
    if not target.original_interface:
        return element
    shared = frozenset(target.bound_inputs)
    may_fail = gives_none(target, len(element.outputs))
    return TypedInterface(
        {name: found if name in shared else listed(found) for name, found in element.inputs.items()},
        {name: listed(found, may_fail=may_fail) for name, found in element.outputs.items()},
    )


def gives_none(target: ArrayTarget, outputs: int) -> bool:
    """Tell whether lists declare None for elements that failed: with a ratio below 1 and one output, as Flyte's SDK."""
    return isinstance(target.success, MinSuccessRatio) and target.success.ratio != 1 and outputs == 1


def listed(variable: Variable, *, may_fail: bool = False) -> Variable:
    """Return a variable that holds a list of values, with None among them when elements may fail."""
    kind = variable.type
    if may_fail and not takes_none(kind):
        kind = LiteralType(UnionType((kind, NONE)))
    return replace(variable, type=LiteralType(CollectionType(kind)))


def takes_none(kind: LiteralType) -> bool:
    """Tell whether a type has None among its values."""
    return kind.kind == NONE.kind or (
        isinstance(kind.kind, UnionType) and any(variant.kind == NONE.kind for variant in kind.kind.variants)
    )
