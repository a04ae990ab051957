"""The evaluated annotations of a class, with the type variables of its generic bases filled in."""

import inspect
import typing
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from flytelike.types.annotated import origin_of
from flytelike.types.faults import unsupported
from flytelike.types.transformer import Hint

Arguments = Mapping[Any, Hint]
"""What type variables stand for."""


def class_of(hint: Hint) -> Any:  # noqa: ANN401 - a class, or a special form
    """Return the class of an annotation: `Box` of `Box[int]`."""
    return origin_of(hint) or hint


def annotations_of(hint: Hint) -> dict[str, Hint]:
    """Return the annotations of a class and of those it inherits from.

    Raises:
        TypeFault: one names what its module does not have, or a type variable that nothing fills in.
    """
    cls = class_of(hint)
    try:
        found = typing.get_type_hints(cls, include_extras=True)
    except NameError as error:
        raise unsupported(hint, str(error), "define the name at the top of the class's module") from None
    bound = dict(arguments_of(hint, {}))
    owners = {name: owner for owner in reversed(bases_of(cls)) for name in inspect.get_annotations(owner)}
    return {name: filled(inner, bound.get(owners.get(name), {}), hint) for name, inner in found.items()}


def bases_of(cls: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a class
    """Return a class with its bases; those of a TypedDict are no bases to Python."""
    inner = (base for original in getattr(cls, "__orig_bases__", ()) for base in bases_of(class_of(original)))
    found = (*cls.__mro__, *inner) if isinstance(cls, type) else ()
    return tuple(dict.fromkeys(found))


def arguments_of(hint: Hint, outer: Arguments) -> Iterator[tuple[Any, Arguments]]:
    """Yield each generic class among the bases, with what its type variables stand for."""
    cls = class_of(hint)
    given = [filled(argument, outer, None) for argument in typing.get_args(hint)]
    mine = dict(zip(getattr(cls, "__parameters__", ()), given, strict=False))
    yield cls, mine
    for base in getattr(cls, "__dict__", {}).get("__orig_bases__", ()):
        if class_of(base) not in {typing.Generic, typing.Protocol}:
            yield from arguments_of(base, mine)


def filled(hint: Hint, arguments: Arguments, owner: Hint) -> Hint:
    """Return an annotation with its type variables replaced.

    Raises:
        TypeFault: a variable stands for nothing. Without an owner it is left as it is.
    """
    if isinstance(hint, TypeVar):
        if hint in arguments:
            return arguments[hint]
        if owner is None:
            return hint
        example = f"{class_of(owner).__name__}[int]"
        raise unsupported(owner, f"its type variable `{hint.__name__}` is open", f"write `{example}`, for example")
    variables = getattr(hint, "__parameters__", ())
    if not variables or isinstance(hint, type):
        return hint
    return hint[tuple(filled(variable, arguments, owner) for variable in variables)]
