"""Which entities a function's code names, so that they are registered together with it."""

from collections.abc import Callable, Iterable, Iterator
from inspect import unwrap
from types import CodeType, FunctionType, MethodType, ModuleType

from flytelike.sdk.entity import AnyEntity, NodeEntity, Overridden

ITEMS_MAX = 1_000
"""How many items of a list or dict in a module are looked at."""


def mentioned(function: Callable[..., object]) -> tuple[AnyEntity, ...]:
    """Return the entities that a function names, also as a module's attribute, or in a list or dict.

    Plain functions of the same project are followed. What is only found at run time is not seen.
    """
    found: dict[AnyEntity, None] = {}
    waiting: list[Callable[..., object]] = [function]
    seen: set[int] = set()
    while waiting:
        plain = unwrap(waiting.pop())
        if not isinstance(plain, FunctionType) or id(plain) in seen:
            continue
        seen.add(id(plain))
        for value in _values(plain):
            if isinstance(value, NodeEntity):
                found.setdefault(value)
            elif isinstance(value, Overridden):
                found.setdefault(value.entity)
            elif isinstance(value, FunctionType | MethodType) and _same_project(value, function):
                waiting.append(value)
    return tuple(found)


def _values(function: FunctionType) -> Iterator[object]:
    """Yield what the names in a function's code stand for."""
    names = set(_names(function.__code__))
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    for name in sorted(names | cells.keys()):
        if name in cells:
            try:
                value = cells[name].cell_contents
            except ValueError:  # not set yet: a function that names itself, say
                continue
        elif name in function.__globals__:
            value = function.__globals__[name]
        else:
            continue
        yield from _within(value, names)


def _within(value: object, names: Iterable[str]) -> Iterator[object]:
    match value:
        case ModuleType():
            space = vars(value)
            for name in names:
                if name in space and not isinstance(space[name], ModuleType):
                    yield from _within(space[name], ())
        case list() | tuple() | set() | frozenset():
            yield from list(value)[:ITEMS_MAX]
        case dict():
            yield from list(value.values())[:ITEMS_MAX]
        case _:
            yield value


def _names(code: CodeType) -> Iterator[str]:
    """Yield the global names and attributes in a function's code, and in the functions inside of it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _same_project(function: Callable[..., object], other: Callable[..., object]) -> bool:
    """Tell whether two functions are of one package, or of modules that lie beside each other."""
    return _top(function) == _top(other) or _folder(function) == _folder(other) != ""


def _top(function: Callable[..., object]) -> str:
    return str(getattr(function, "__module__", "")).partition(".")[0]


def _folder(function: Callable[..., object]) -> str:
    code = getattr(unwrap(function), "__code__", None)
    return code.co_filename.rpartition("/")[0] if isinstance(code, CodeType) else ""
