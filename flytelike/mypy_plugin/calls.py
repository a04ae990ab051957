"""Calls of entities: what they give depends on the function around them, which no signature can say.

In an eager function a call is awaited; in a workflow's body an eager function's call stands for its result, as any
other does. Elsewhere mypy's own answer is right.
"""

from collections.abc import Iterable, Iterator

from mypy.checker import TypeChecker
from mypy.nodes import CallExpr, Decorator, Expression, FuncDef, MypyFile, Node, RefExpr
from mypy.plugin import MethodContext
from mypy.types import AnyType, Instance, Type, TypeOfAny, get_proper_type

from flytelike.mypy_plugin.body import children
from flytelike.mypy_plugin.meaning import awaited
from flytelike.mypy_plugin.names import DYNAMIC, EAGER, ENTITY, OVERRIDDEN, WORKFLOW

CALL = ".__call__"
"""What the full name ends with by which mypy asks for the call of an object."""


def result_of_call(ctx: MethodContext) -> Type:
    """Return what a call gives where it stands: something to await, or a value to come."""
    checker, called = ctx.api, get_proper_type(ctx.type)
    default = ctx.default_return_type
    if not isinstance(checker, TypeChecker) or not isinstance(called, Instance) or not _is_entity(called):
        return default
    match _place(checker):
        case place if place == EAGER and awaited(default) is None:
            unknown = AnyType(TypeOfAny.special_form)
            return checker.named_generic_type("typing.Coroutine", [unknown, unknown, default])
        case place if place in {WORKFLOW, DYNAMIC}:
            return awaited(default) or default
        case _:
            return default


def _is_entity(called: Instance) -> bool:
    return any(base.fullname in {ENTITY, OVERRIDDEN} for base in called.type.mro)


def _place(checker: TypeChecker) -> str:
    """Return the decorator of the function that a call stands in, or of one around that; empty if none is ours."""
    for function in reversed(checker.scope.stack):
        if isinstance(function, FuncDef) and function.is_decorated:
            names = {_name(decorator) for decorator in _decorators(checker.tree, function)}
            found = names & {EAGER, WORKFLOW, DYNAMIC}
            if found:
                return found.pop()
    return ""


def _name(decorator: Expression) -> str:
    called = decorator.callee if isinstance(decorator, CallExpr) else decorator
    return called.fullname if isinstance(called, RefExpr) else ""


def _decorators(tree: MypyFile, function: FuncDef) -> Iterable[Expression]:
    symbol = tree.names.get(function.name)
    known = symbol.node if symbol is not None else None
    if isinstance(known, Decorator) and known.func is function:
        return known.original_decorators
    return next((found.original_decorators for found in _decorated(tree.defs) if found.func is function), ())


def _decorated(nodes: Iterable[Node]) -> Iterator[Decorator]:
    """Yield all decorated functions, those inside of others too."""
    for node in nodes:
        if isinstance(node, Decorator):
            yield node
        yield from _decorated(children(node.func if isinstance(node, Decorator) else node))
