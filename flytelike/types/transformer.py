"""The shape of a transformer: one Python type (or family of types) to literals and back."""

from typing import Any, Protocol

from flytelike.model.literals import Literal
from flytelike.model.types import LiteralType
from flytelike.types.context import ValueContext

Hint = Any
"""An evaluated annotation: a class, a generic alias, a union, ..."""


class Transformer(Protocol):
    """Turns values of some types into literals and back.

    `name` tags the type inside of unions; it equals the stock SDK's name where it has one.
    """

    name: str

    def handles(self, hint: Hint) -> bool:
        """Tell whether annotations like `hint` are this transformer's."""

    def literal_type(self, hint: Hint) -> LiteralType:
        """Return the literal type; raises TypeFault when `hint` lacks what it must say."""

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401 - any value
        """Return the literal of a value, storing its data; raises TypeFault when it does not fit."""

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> Any:  # noqa: ANN401 - any value
        """Return the value of a literal; raises TypeFault when it does not fit."""
