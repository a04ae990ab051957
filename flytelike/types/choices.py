"""`Literal["a", "b"]`: one of some constants of one simple type."""

import typing
from dataclasses import replace
from typing import Any

from flytelike.model.literals import Literal
from flytelike.model.types import LiteralType, json_text
from flytelike.types.annotated import origin_of
from flytelike.types.context import ValueContext
from flytelike.types.faults import mismatch, undecodable, unsupported
from flytelike.types.lookup import Lookup
from flytelike.types.transformer import Hint


class ChoiceTransformer:
    """Constants to their own type, which says in an annotation which they are (as the stock SDK does)."""

    name = "LiteralTypeTransformer"

    def __init__(self, registry: Lookup) -> None:
        self._registry = registry

    def handles(self, hint: Hint) -> bool:
        """Tell whether the annotation is a Literal."""
        return origin_of(hint) is typing.Literal

    def literal_type(self, hint: Hint) -> LiteralType:
        """Return the constants' type with the list of them."""
        annotation = json_text({"literal_values": list(typing.get_args(hint))})
        return replace(self._registry.literal_type(constants_type(hint)), annotation=annotation)

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401 - any value
        """Return the constant's literal."""
        if not chosen(value, hint):
            raise mismatch(hint, value)
        return self._registry.to_literal(value, constants_type(hint), ctx)

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> Any:  # noqa: ANN401 - a constant
        """Return the constant."""
        value = self._registry.to_python(literal, constants_type(hint), ctx)
        if not chosen(value, hint):
            raise undecodable(hint, repr(value))
        return value


def chosen(value: object, hint: Hint) -> bool:
    """Tell whether a value is one of the constants; True is not 1 here."""
    return any(type(value) is type(found) and value == found for found in typing.get_args(hint))


def constants_type(hint: Hint) -> type:
    """Return the one class of all constants."""
    kinds = {type(value) for value in typing.get_args(hint)}
    if len(kinds) != 1 or not kinds <= {int, str, bool}:
        raise unsupported(hint, "its constants are not all text, or all numbers", "use constants of one type")
    return kinds.pop()
