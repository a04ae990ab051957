"""What goes into and comes out of a task, workflow or launch plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flytelike.model.literals import Literal
from flytelike.model.span import SourceSpan
from flytelike.model.types import LiteralType


@dataclass(frozen=True, slots=True)
class Variable:
    """A named input or output. The description and span explain; they never change meaning."""

    type: LiteralType
    description: str = ""
    span: SourceSpan | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """An input of a launch plan: required, or with a default (`required=False` and `default`)."""

    variable: Variable
    default: Literal | None = None
    required: bool = True


@dataclass(frozen=True, slots=True)
class TypedInterface:
    """Inputs and outputs by name, in the author's order (the order carries no meaning)."""

    inputs: Mapping[str, Variable] = field(default_factory=dict)
    outputs: Mapping[str, Variable] = field(default_factory=dict)
