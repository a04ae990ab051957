"""Values of arguments while a workflow is traced: constants, promises, and containers of both."""

from collections.abc import Iterator

from flytelike.sdk.promise import Promise, VoidPromise
from flytelike.sdk.stand_in import StandIn

_PLAIN = (str, int, float, bool, type(None))


def bound_copy(value: object) -> object:
    """Return a copy of lists and dicts, so that what the author changes later doesn't change the node."""
    if isinstance(value, list) and type(value) is list:
        return [bound_copy(item) for item in value]
    if isinstance(value, dict) and type(value) is dict:
        return {key: bound_copy(item) for key, item in value.items()}
    return value


def promises_in(value: object) -> Iterator[Promise | VoidPromise | StandIn]:
    """Find the promises in an argument, and what stands for no value."""
    match value:
        case Promise() | VoidPromise() | StandIn():
            yield value
        case list() | tuple():
            for item in value:
                yield from promises_in(item)
        case dict():
            for item in value.values():
                yield from promises_in(item)
        case _:
            for name in getattr(type(value), "__dataclass_fields__", ()):
                yield from promises_in(getattr(value, name, None))


def holds_promise(value: object) -> bool:
    """Tell whether there is a promise in an argument."""
    return not isinstance(value, _PLAIN) and next(promises_in(value), None) is not None


def misplaced(value: object) -> object | None:
    """Return what holds a promise and is no list or dict, such as a tuple or dataclass: it cannot be bound."""
    match value:
        case Promise() | VoidPromise() | StandIn():
            return None
        case list() if type(value) is list:
            return next((found for item in value if (found := misplaced(item)) is not None), None)
        case dict() if type(value) is dict:
            return next((found for item in value.values() if (found := misplaced(item)) is not None), None)
        case _:
            return value if holds_promise(value) else None
