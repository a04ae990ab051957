"""A task's door: values are checked against annotations before they go in or out."""

from typing import Any

from flytelike.types.faults import mismatch
from flytelike.types.transformer import Hint

EXACT = frozenset({int, str, bool, type(None)})
"""Classes whose own instances need no closer look."""


def check_value(value: Any, hint: Hint) -> None:  # noqa: ANN401 - any value
    """Raise TypeFault unless the value is what the annotation says, all the way down."""
    if hint in EXACT and type(value) is hint:
        return
    from typeguard import CollectionCheckStrategy, TypeCheckError, check_type  # noqa: PLC0415 - heavy

    try:
        check_type(value, hint, collection_check_strategy=CollectionCheckStrategy.ALL_ITEMS)
    except TypeCheckError as error:
        raise mismatch(hint, value, str(error)) from None
