"""`map_task`: lists of what the mapped entity takes, but for what `functools.partial` binds."""

from collections.abc import Iterator

from mypy.checker import TypeChecker
from mypy.maptype import map_instance_to_supertype
from mypy.nodes import ArgKind, CallExpr, Expression, RefExpr
from mypy.plugin import FunctionContext
from mypy.types import CallableType, Instance, Parameters, Type, get_proper_type

from flytelike.mypy_plugin.names import ENTITY, MAP_TASK


def lifted(ctx: FunctionContext) -> Type:
    """Return the type of a map: its parameters are lists, which no signature can say."""
    checker, default = ctx.api, get_proper_type(ctx.default_return_type)
    if not isinstance(checker, TypeChecker) or not isinstance(default, Instance) or not ctx.args[0]:
        return ctx.default_return_type
    target, shared = _bound(ctx.args[0][0])
    inputs = _inputs(checker.get_expression_type(target)) if shared is not None else None
    if inputs is None or shared is None:
        return ctx.default_return_type
    own = [
        (name, kind, checker.named_generic_type("builtins.list", [of]))
        for name, kind, of in inputs
        if name not in shared
    ]
    given = [(name, ArgKind.ARG_NAMED_OPT, of) for name, _, of in inputs if name in shared]
    names, kinds, types = zip(*own, *given, strict=True) if own or given else ((), (), ())
    return default.copy_modified(args=[Parameters(list(types), list(kinds), list(names)), default.args[1]])


def _bound(target: Expression) -> tuple[Expression, frozenset[str] | None]:
    """Return what is mapped, and the names that are bound; None when they are not written there."""
    names: set[str] = set()
    while isinstance(target, CallExpr) and _calls(target, "functools.partial"):
        if any(name is None for name in target.arg_names[1:]):
            return target, None
        names.update(name for name in target.arg_names[1:] if name is not None)
        target = target.args[0]
    if isinstance(target, CallExpr) and _calls(target, MAP_TASK):  # a map of a map shares what that shares
        inner = _bound(target.args[0])[1]
        return target, None if inner is None else frozenset(names | inner)
    return target, frozenset(names)


def _calls(call: CallExpr, function: str) -> bool:
    return isinstance(call.callee, RefExpr) and call.callee.fullname == function and bool(call.args)


def _inputs(target: Type) -> list[tuple[str, ArgKind, Type]] | None:
    """Return an entity's parameters; None for one that takes any."""
    proper = get_proper_type(target)
    for base in proper.type.mro if isinstance(proper, Instance) else ():
        if isinstance(proper, Instance) and base.fullname == ENTITY:
            parameters = get_proper_type(map_instance_to_supertype(proper, base).args[0])
            if isinstance(parameters, CallableType | Parameters) and not parameters.is_ellipsis_args:
                return list(_named(parameters))
    return None


def _named(parameters: CallableType | Parameters) -> Iterator[tuple[str, ArgKind, Type]]:
    found = zip(parameters.arg_names, parameters.arg_kinds, parameters.arg_types, strict=True)
    yield from ((name, kind, declared) for name, kind, declared in found if name is not None)
