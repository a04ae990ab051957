"""Optional and Union."""

import types
import typing
from dataclasses import replace
from typing import Any

from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.literals import Literal, UnionValue
from flytelike.model.types import LiteralType, TypeStructure, UnionType
from flytelike.types.annotated import bare, origin_of
from flytelike.types.context import ValueContext
from flytelike.types.faults import mismatch, undecodable
from flytelike.types.lookup import Lookup
from flytelike.types.transformer import Hint


class UnionTransformer:
    """`A | B`, with each variant tagged by its transformer's name."""

    name = "Typed Union"

    def __init__(self, registry: Lookup) -> None:
        self._registry = registry

    def handles(self, hint: Hint) -> bool:
        """Tell whether the annotation is a union, in either spelling."""
        return origin_of(hint) in {typing.Union, types.UnionType}

    def literal_type(self, hint: Hint) -> LiteralType:
        """Return the union of the variants' types."""
        return LiteralType(UnionType(tuple(self.variant(inner) for inner in typing.get_args(hint))))

    def variant(self, hint: Hint) -> LiteralType:
        """Return a variant's type with its tag (which takes the place of other structure)."""
        tag = self._registry.find(bare(hint)).name
        return replace(self._registry.literal_type(hint), structure=TypeStructure(tag))

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401 - any value
        """Return the literal of the first variant that takes the value; exact classes go first."""
        variants = typing.get_args(hint)
        for inner in sorted(variants, key=lambda inner: inner is not type(value)):
            try:
                literal = self._registry.to_literal(value, inner, ctx)
            except DiagnosticError:
                continue
            return Literal(UnionValue(literal, self.variant(inner)))
        raise mismatch(hint, value)

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> Any:  # noqa: ANN401 - any value
        """Return the value read as the variant it was given for, or as the first that can."""
        variants = list(typing.get_args(hint))
        inner_literal = literal
        if isinstance(literal.value, UnionValue):
            stored = literal.value.type
            inner_literal = literal.value.value
            # Two dataclasses have one tag; their schemas tell them apart.
            variants.sort(key=lambda inner: (self.variant(inner) != stored, self.tag(inner) != tag_of(stored)))
        for inner in variants:
            try:
                return self._registry.to_python(inner_literal, inner, ctx)
            except DiagnosticError:
                continue
        raise undecodable(hint, type(inner_literal.value).__name__)

    def tag(self, hint: Hint) -> str:
        """Return a variant's tag."""
        return tag_of(self.variant(hint))


def tag_of(kind: LiteralType) -> str:
    """Return the tag of a variant's type, empty for none."""
    return kind.structure.tag if kind.structure else ""
