"""A task's door: values are checked against annotations before they go in or out."""

import os
import types
import typing
from collections.abc import Callable
from enum import Enum
from typing import Any

from flytelike.types.annotated import bare, origin_of
from flytelike.types.directory import FlyteDirectory
from flytelike.types.faults import mismatch, shown
from flytelike.types.file import FlyteFile
from flytelike.types.transformer import Hint

Checker = Callable[[Any, Any, tuple[Any, ...], Any], Any]


def check_value(value: Any, hint: Hint) -> None:  # noqa: ANN401 - any value
    """Raise TypeFault unless the value is what the annotation says, all the way down.

    An int is fine where a float is declared, as Python's typing rules have it; True is not
    where an int is. What a transformer takes besides is fine too: a path for a file or
    folder, an Enum's value for its member.
    """
    reason = misfit(value, hint)
    if reason is not None:
        raise mismatch(hint, value, reason)


def misfit(value: Any, hint: Hint) -> str | None:  # noqa: ANN401 - any value
    """Return what is wrong with a value under an annotation beyond its class, or `""`; None when it fits.

    Values of the usual types are told apart here; only the others need typeguard, whose
    import takes longer than most tasks.
    """
    if surely_fits(value, hint):
        return None
    if type(value) is bool and bare(hint) in {int, float}:
        return "a bool is no number here"
    return checked(value, hint)


def surely_fits(value: Any, hint: Hint) -> bool:  # noqa: ANN401 - any value
    """Tell whether a value fits beyond doubt; False says only that a closer look is needed."""
    kind = type(value)
    if kind is hint or (hint is float and kind is int) or (value is None and hint in {None, types.NoneType}):
        return True
    origin = origin_of(hint)
    if origin is None:
        return False
    arguments = typing.get_args(hint)
    if origin is typing.Annotated:
        return surely_fits(value, arguments[0])
    if origin is list:
        return kind is list and all(surely_fits(item, arguments[0]) for item in value)
    if origin is dict:
        return kind is dict and all(
            surely_fits(k, arguments[0]) and surely_fits(v, arguments[1]) for k, v in value.items()
        )
    return origin in {typing.Union, types.UnionType} and any(surely_fits(value, inner) for inner in arguments)


def checked(value: Any, hint: Hint) -> str | None:  # noqa: ANN401 - any value
    """Return typeguard's complaint about a value, None when it has none."""
    import typeguard  # noqa: PLC0415 - see `misfit`

    if ours not in typeguard.checker_lookup_functions:
        typeguard.checker_lookup_functions.append(ours)
    try:
        typeguard.check_type(
            value,
            hint,
            forward_ref_policy=typeguard.ForwardRefPolicy.IGNORE,
            collection_check_strategy=typeguard.CollectionCheckStrategy.ALL_ITEMS,
        )
    except typeguard.TypeCheckError as error:
        text, name = str(error), qualified(type(value))
        # The class is named by who tells of the fault; deeper faults say where they are.
        return "" if text.startswith(f"{name} is not an instance of") else text
    return None


def qualified(cls: type) -> str:
    """Return a class's name as typeguard writes it."""
    return cls.__qualname__ if cls.__module__ in {"builtins", "typing"} else f"{cls.__module__}.{cls.__qualname__}"


def ours(origin: Any, arguments: tuple[Any, ...], extras: tuple[Any, ...]) -> Checker | None:  # noqa: ANN401, ARG001
    """Return the checker of a class for which a transformer takes more than its instances (typeguard's hook)."""
    if not isinstance(origin, type):
        return None
    if issubclass(origin, FlyteFile | FlyteDirectory):
        return check_place
    return check_member if issubclass(origin, Enum) else None


def check_place(value: Any, origin: Any, arguments: tuple[Any, ...], memo: Any) -> None:  # noqa: ANN401, ARG001
    """Take a file or folder, or a path to one."""
    import typeguard  # noqa: PLC0415 - loaded already: typeguard calls this

    other = FlyteDirectory if issubclass(origin, FlyteFile) else FlyteFile
    if isinstance(value, other) or not isinstance(value, str | os.PathLike):
        raise typeguard.TypeCheckError(f"is not a {shown(origin)} or a path")


def check_member(value: Any, origin: Any, arguments: tuple[Any, ...], memo: Any) -> None:  # noqa: ANN401, ARG001
    """Take an Enum's member, or the value of one."""
    import typeguard  # noqa: PLC0415 - loaded already: typeguard calls this

    values = [member.value for member in origin]
    if not isinstance(value, origin) and not (type(value) is str and value in values):
        raise typeguard.TypeCheckError(f"is none of {', '.join(map(repr, values))}")
