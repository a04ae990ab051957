"""The failure of a workflow, as its failure handler gets it."""

from dataclasses import dataclass
from typing import Any

from flytelike.model.literals import ErrorValue, Literal
from flytelike.model.types import ERROR, LiteralType
from flytelike.types.context import ValueContext
from flytelike.types.faults import mismatch, undecodable
from flytelike.types.primitives import unwrapped
from flytelike.types.transformer import Hint


@dataclass(frozen=True)
class FlyteError:
    """Why a workflow failed. A handler takes it as `err: FlyteError | None = None`.

    Attributes:
        message: What is told of the failure.
        failed_node_id: The node that failed first.
    """

    message: str
    failed_node_id: str


class ErrorTransformer:
    """A FlyteError, to Flyte's literal of an error."""

    name = "FlyteError"

    def handles(self, hint: Hint) -> bool:
        """Tell whether the annotation is the error's type."""
        return hint is FlyteError

    def literal_type(self, hint: Hint) -> LiteralType:  # noqa: ARG002 - always the same
        """Return the type ERROR."""
        return ERROR

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401, ARG002
        """Return the literal of an error."""
        if not isinstance(value, FlyteError):
            raise mismatch(hint, value)
        return Literal(ErrorValue(value.failed_node_id, value.message))

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> Any:  # noqa: ANN401, ARG002
        """Return the error."""
        match unwrapped(literal).value:
            case ErrorValue(node, message):
                return FlyteError(message, str(node))
            case other:
                raise undecodable(hint, type(other).__name__)
