"""Telling errors in mypy's way."""

from mypy.checker import TypeChecker
from mypy.errorcodes import ErrorCode
from mypy.nodes import CallExpr, Context, Expression, IndexExpr, MemberExpr, NameExpr


def report(checker: TypeChecker, text: str, place: Context, code: ErrorCode) -> None:
    """Report an error, also while mypy tries overloads.

    Errors that come while it tries one make it refuse that overload, and are never shown. What we
    tell concerns no overload, so for this moment nobody listens. Told twice, mypy shows it once.
    """
    errors = checker.msg.errors
    listening = errors._watchers  # noqa: SLF001 - mypy offers no other way
    errors._watchers = []  # noqa: SLF001
    try:
        checker.fail(text, place, code=code)
    finally:
        errors._watchers = listening  # noqa: SLF001


def written(expression: Expression) -> str:
    """Return an expression roughly as its author wrote it."""
    match expression:
        case NameExpr(name=name):
            return name
        case MemberExpr(expr=inner, name=name):
            return f"{written(inner)}.{name}"
        case CallExpr(callee=callee):
            return f"{written(callee)}(...)"
        case IndexExpr(base=base):
            return f"{written(base)}[...]"
        case _:
            return "this value"
