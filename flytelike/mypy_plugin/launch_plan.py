"""Launch plans with defaulted or fixed inputs: which inputs are left, and whether the values fit."""

from collections.abc import Iterator

from mypy.checker import TypeChecker
from mypy.errorcodes import ErrorCode
from mypy.messages import format_type
from mypy.nodes import ArgKind, DictExpr, Expression, RefExpr, StrExpr
from mypy.plugin import MethodSigContext
from mypy.subtypes import is_subtype
from mypy.types import CallableType, FunctionLike, Instance, Parameters, Type, get_proper_type

from flytelike.model.suggestion import nearest
from flytelike.mypy_plugin.names import ENTITY, LAUNCH_PLAN
from flytelike.mypy_plugin.report import report

FACTORIES = frozenset({f"{LAUNCH_PLAN}.create", f"{LAUNCH_PLAN}.get_or_create"})
UNKNOWN_INPUT = ErrorCode("unknown-input", "A value is given for an input that does not exist", "Flytelike")
MISMATCH = ErrorCode("value-mismatch", "A value does not fit its input", "Flytelike")
CONTRADICTORY = ErrorCode("contradictory-options", "Two options contradict each other", "Flytelike")


def checked_factory(ctx: MethodSigContext) -> FunctionLike:
    """Return the signature of a call that makes a launch plan with the inputs that are left."""
    checker, signature = ctx.api, ctx.default_signature
    given = dict(zip(signature.arg_names, ctx.args, strict=False))
    wanted = {word: given[word][0] for word in ("default_inputs", "fixed_inputs") if given.get(word)}
    wanted = {word: values for word, values in wanted.items() if not _is_none(values)}
    if not isinstance(checker, TypeChecker) or not wanted or not given.get("workflow"):
        return signature
    inputs = _parameters(checker.get_expression_type(given["workflow"][0]))
    if inputs is None:
        return signature
    names = {word: dict(_entries(values)) for word, values in wanted.items()}
    for word, values in names.items():
        _check_values(checker, word, inputs, values)
    defaulted, fixed = names.get("default_inputs", {}), names.get("fixed_inputs", {})
    for name in defaulted.keys() & fixed.keys():
        report(checker, f"`{name}` is both fixed and defaulted", fixed[name], CONTRADICTORY)
    if not all(map(_written_out, wanted.values())):
        return signature
    return _with_inputs(signature, _left(inputs, set(defaulted), set(fixed)))


def _is_none(expression: Expression) -> bool:
    return isinstance(expression, RefExpr) and expression.fullname == "builtins.None"


def _parameters(workflow: Type) -> Parameters | None:
    """Return the inputs of a workflow's type."""
    proper = get_proper_type(workflow)
    if isinstance(proper, Instance) and proper.type.has_base(ENTITY) and proper.args:
        inputs = get_proper_type(proper.args[0])
        if isinstance(inputs, Parameters) and not inputs.is_ellipsis_args:
            return inputs
    return None


def _written_out(values: Expression) -> bool:
    """Tell whether all keys of a dict stand in the call."""
    return isinstance(values, DictExpr) and all(isinstance(key, StrExpr) for key, _ in values.items)


def _entries(values: Expression) -> Iterator[tuple[str, Expression]]:
    """Yield the entries whose keys stand in the call; others are known at run time only."""
    for key, value in values.items if isinstance(values, DictExpr) else ():
        if isinstance(key, StrExpr):
            yield key.value, value


def _check_values(checker: TypeChecker, word: str, inputs: Parameters, values: dict[str, Expression]) -> None:
    types = dict(zip(inputs.arg_names, inputs.arg_types, strict=True))
    known = [name for name in types if name is not None]
    for name, value in values.items():
        if name not in types:
            report(checker, f"the workflow has no input `{name}`{nearest(name, known)}", value, UNKNOWN_INPUT)
            continue
        found = checker.get_expression_type(value, types[name])
        if not is_subtype(found, types[name]):
            texts = [format_type(kind, checker.options) for kind in (found, types[name])]
            report(checker, f"`{name}` in `{word}` has type {texts[0]}; expected {texts[1]}", value, MISMATCH)


def _left(inputs: Parameters, defaulted: set[str], fixed: set[str]) -> Parameters:
    """Return what a caller may still give, by name."""
    kept = [
        (kind, name, _by_name(optional=how.is_optional() or name in defaulted))
        for kind, name, how in zip(inputs.arg_types, inputs.arg_names, inputs.arg_kinds, strict=True)
        if name not in fixed
    ]
    return Parameters([kind for kind, _, _ in kept], [how for _, _, how in kept], [name for _, name, _ in kept])


def _by_name(*, optional: bool) -> ArgKind:
    return ArgKind.ARG_NAMED_OPT if optional else ArgKind.ARG_NAMED


def _with_inputs(signature: CallableType, inputs: Parameters) -> CallableType:
    result = get_proper_type(signature.ret_type)
    if not isinstance(result, Instance):
        return signature
    return signature.copy_modified(ret_type=result.copy_modified(args=[inputs, *result.args[1:]]))
