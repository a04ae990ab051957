"""Annotations without their wrapping."""

import typing
from typing import Any

from flytelike.types.transformer import Hint


def origin_of(hint: Hint) -> Any:  # noqa: ANN401 - a class, or a special form
    """Return what a generic annotation is made of (`list` for `list[int]`), else None."""
    return typing.get_origin(hint)


def bare(hint: Hint) -> Hint:
    """Return an annotation without `Annotated`, and None as its type."""
    if hint is None:
        return type(None)
    while origin_of(hint) is typing.Annotated:
        hint = typing.get_args(hint)[0]
    return hint
