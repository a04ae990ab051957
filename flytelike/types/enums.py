"""Enums of strings."""

from enum import Enum
from typing import Any

from flytelike.model.literals import Literal, Primitive
from flytelike.model.types import EnumType, LiteralType
from flytelike.types.context import ValueContext
from flytelike.types.faults import mismatch, undecodable, unsupported
from flytelike.types.primitives import unwrapped
from flytelike.types.transformer import Hint


class EnumTransformer:
    """An Enum whose values are strings, to one of these strings."""

    name = "DefaultEnumTransformer"

    def handles(self, hint: Hint) -> bool:
        """Tell whether the annotation is an Enum."""
        return isinstance(hint, type) and issubclass(hint, Enum)

    def literal_type(self, hint: Hint) -> LiteralType:
        """Return the enum type with its values in order."""
        values = tuple(member.value for member in hint)
        if not values or not all(isinstance(value, str) for value in values):
            raise unsupported(hint, "its values are not strings", 'give each member a string, such as RED = "red"')
        return LiteralType(EnumType(values))

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401, ARG002
        """Return the member's value; the bare string of one is taken too, as the stock SDK does."""
        if isinstance(value, hint):
            return Literal(Primitive(value.value))
        if type(value) is str and value in {member.value for member in hint}:
            return Literal(Primitive(value))
        raise mismatch(hint, value)

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> Any:  # noqa: ANN401, ARG002
        """Return the member."""
        match unwrapped(literal).value:
            case Primitive(str() as value) if value in {member.value for member in hint}:
                return hint(value)
            case Primitive(value):
                listed = ", ".join(repr(member.value) for member in hint)
                raise undecodable(hint, f"{value!r}, which is none of {listed}")
            case other:
                raise undecodable(hint, type(other).__name__)
