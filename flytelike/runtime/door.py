"""Values against annotations, at a task's door."""

from typing import Any

_EXACT: frozenset[object] = frozenset({int, float, str, bool, bytes, type(None)})
"""For these a value of exactly that type is right, whatever else a checker would accept."""


def mismatch(value: object, hint: object) -> str | None:
    """Return what is wrong with `value` under the annotation `hint`; None when it fits.

    An `int` where a `float` is declared is fine, as in Python's own typing rules; a `bool` where
    an `int` is declared is not, because it is another type on the wire.
    """
    kind = type(value)
    if kind is hint or hint is Any or hint is object:
        return None
    if hint in _EXACT and kind in _EXACT:
        if hint is float and kind is int:
            return None
        return f"expected {_name(hint)}, got {kind.__name__} {_shown(value)}"
    return _checked(value, hint)


def _checked(value: object, hint: object) -> str | None:
    import typeguard  # noqa: PLC0415 - most tasks' plain types never need it

    strategy = typeguard.CollectionCheckStrategy.ALL_ITEMS
    try:
        typeguard.check_type(value, hint, collection_check_strategy=strategy)
    except typeguard.TypeCheckError as error:
        return f"expected {_name(hint)}, got {type(value).__name__}: {error}"
    return None


def _name(hint: object) -> str:
    if hint is None or hint is type(None):
        return "None"
    return hint.__name__ if isinstance(hint, type) else str(hint)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
