"""`int` where `float` is asked for: Python's type rules allow it, the platform's do not.

A constant becomes what its input asks for. A value to come is what the task that gives it declares.
"""

from mypy.checker import TypeChecker
from mypy.errorcodes import ErrorCode
from mypy.messages import format_type
from mypy.nodes import Expression
from mypy.subtypes import is_subtype
from mypy.types import Type

from flytelike.mypy_plugin.meaning import Meaning, Promise
from flytelike.mypy_plugin.report import report

MISMATCHING = ErrorCode("mismatching-types", "A value to come is of another type than is asked for", "Flytelike")


def check_widened(checker: TypeChecker, given: Expression, meaning: Meaning, asked: Type | None) -> None:
    """Report a value to come that only Python's rules let pass."""
    if not isinstance(meaning, Promise) or meaning.kind is None or asked is None:
        return
    if not is_subtype(meaning.kind, asked) or is_subtype(meaning.kind, asked, ignore_promotions=True):
        return
    types = [format_type(kind, checker.options) for kind in (meaning.kind, asked)]
    text = f"a value to come of type {types[0]} is not taken for {types[1]}: declare one type on both sides"
    report(checker, text, given, MISMATCHING)
