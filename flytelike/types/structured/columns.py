"""Columns of a table in its annotation: `Annotated[pd.DataFrame, kwtypes(name=str, age=int)]`."""

import typing
from collections.abc import Mapping

from flytelike.types.annotated import origin_of
from flytelike.types.transformer import Hint


def kwtypes(**columns: type) -> dict[str, type]:
    """Return columns by name with their types, in the order given."""
    return columns


def columns_of(hint: Hint) -> dict[str, Hint]:
    """Return the columns that an annotation states; empty when it states none."""
    if origin_of(hint) is not typing.Annotated:
        return {}
    stated: Mapping[str, Hint] = next((extra for extra in typing.get_args(hint)[1:] if isinstance(extra, Mapping)), {})
    return dict(stated)


def format_of(hint: Hint) -> str:
    """Return the file format that an annotation states: the first text beside the class; empty for none."""
    if origin_of(hint) is not typing.Annotated:
        return ""
    return next((extra for extra in typing.get_args(hint)[1:] if isinstance(extra, str)), "")
