"""What composite transformers need of the registry: the transformers of their parts."""

from typing import Any, Protocol

from flytelike.model.literals import Literal
from flytelike.model.types import LiteralType
from flytelike.types.context import ValueContext
from flytelike.types.transformer import Hint, Transformer


class Lookup(Protocol):
    """The registry as its transformers see it."""

    def find(self, hint: Hint) -> Transformer:
        """Return the transformer for an annotation."""

    def literal_type(self, hint: Hint) -> LiteralType:
        """Return the literal type of an annotation."""

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401 - any value
        """Return the literal of a value."""

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> Any:  # noqa: ANN401 - any value
        """Return the value of a literal."""

    def resolved(self, hint: Hint) -> tuple[Transformer, Hint]:
        """Return the transformer for an annotation, and the annotation as that one wants it."""
