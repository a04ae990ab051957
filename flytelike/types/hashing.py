"""`HashMethod`: how an author says what makes values of a type equal, for caching."""

import typing
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from flytelike.model.literals import Literal
from flytelike.model.types import LiteralType
from flytelike.types.annotated import origin_of
from flytelike.types.context import ValueContext
from flytelike.types.faults import mismatch
from flytelike.types.lookup import Lookup
from flytelike.types.transformer import Hint

T = TypeVar("T")


@dataclass(frozen=True)
class HashMethod(Generic[T]):
    """Gives the text that stands for a value in cache keys: `Annotated[DataFrame, HashMethod(digest)]`.

    Two values of one text are one and the same to the cache, whatever they hold.
    """

    function: Callable[[T], str]

    def calculate(self, value: T) -> str:
        """Return the text of a value."""
        return self.function(value)


class HashedTransformer:
    """Annotations with a HashMethod: the type itself, with the author's digest on its literals."""

    name = "HashMethod"

    def __init__(self, registry: Lookup) -> None:
        self._registry = registry

    def handles(self, hint: Hint) -> bool:
        """Tell whether the annotation has a HashMethod."""
        return origin_of(hint) is typing.Annotated and any(isinstance(x, HashMethod) for x in hint.__metadata__)

    def literal_type(self, hint: Hint) -> LiteralType:
        """Return the type of the annotation without the HashMethod."""
        return self._registry.literal_type(parted(hint)[0])

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401 - any value
        """Return the value's literal with the author's digest."""
        inner, method = parted(hint)
        # What is a stream is read once: its digest comes first where the value can be read again.
        digest = method.calculate(value)
        if not isinstance(digest, str):
            raise mismatch("the text of a HashMethod", digest)
        return replace(self._registry.to_literal(value, inner, ctx), hash=digest)

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> Any:  # noqa: ANN401 - any value
        """Return the value. The digest says nothing of the stored bytes, so they are not held to it."""
        return self._registry.to_python(replace(literal, hash=""), parted(hint)[0], ctx)


def parted(hint: Hint) -> tuple[Hint, HashMethod[Any]]:
    """Return an annotation without its HashMethod, and that."""
    method = next(extra for extra in hint.__metadata__ if isinstance(extra, HashMethod))
    rest = tuple(extra for extra in hint.__metadata__ if extra is not method)
    inner = typing.get_args(hint)[0]
    return (typing.Annotated[(inner, *rest)] if rest else inner), method
