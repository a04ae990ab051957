"""A workflow's body: what the compiler would refuse in it, told while typing."""

from collections.abc import Iterable, Iterator

from mypy.checker import TypeChecker
from mypy.errorcodes import ErrorCode
from mypy.nodes import (
    ArgKind,
    AssertStmt,
    AssignmentExpr,
    AssignmentStmt,
    Block,
    CallExpr,
    ComparisonExpr,
    ConditionalExpr,
    Context,
    Decorator,
    DelStmt,
    DictionaryComprehension,
    Expression,
    ExpressionStmt,
    ForStmt,
    FuncDef,
    GeneratorExpr,
    IfStmt,
    IndexExpr,
    IntExpr,
    LambdaExpr,
    ListExpr,
    MemberExpr,
    Node,
    OperatorAssignmentStmt,
    OpExpr,
    RefExpr,
    ReturnStmt,
    SliceExpr,
    StarExpr,
    Statement,
    StrExpr,
    TupleExpr,
    UnaryExpr,
    WhileStmt,
    WithStmt,
)
from mypy.plugin import FunctionContext
from mypy.types import AnyType, CallableType, Instance, Type, get_proper_type

from flytelike.mypy_plugin.meaning import (
    COMPARING,
    Chain,
    Condition,
    Meaning,
    Meanings,
    Outputs,
    Plain,
    Promise,
    outputs_of,
)
from flytelike.mypy_plugin.names import CREATE_NODE
from flytelike.mypy_plugin.report import report, written
from flytelike.mypy_plugin.widening import check_widened

PROMISE_USED = ErrorCode("promise-used-as-value", "A value to come is used as if it were there", "Flytelike")
UNFINISHED = ErrorCode("unfinished-conditional", "A conditional does not come to its end", "Flytelike")
POSITIONAL = ErrorCode("positional-argument", "A call in a workflow's body gives inputs without names", "Flytelike")

_ASK_FOR_VALUES = frozenset(
    f"builtins.{name}"
    for name in (
        "abs", "all", "any", "bool", "bytes", "complex", "dict", "divmod", "enumerate", "float", "format", "frozenset",
        "hash", "int", "iter", "len", "list", "max", "min", "next", "ord", "pow", "print", "range", "reversed", "round",
        "set", "sorted", "str", "sum", "tuple", "zip",
    )
)  # fmt: skip
"""Built-in functions that cannot do with a promise."""


def check_body(ctx: FunctionContext) -> Type:
    """Look through the body of the function that `@workflow` decorates; leave its type as it is."""
    checker = ctx.api
    if isinstance(checker, TypeChecker):
        function = _decorated(checker.tree.defs, ctx.context)
        if function is not None:
            _Body(checker, function).read(function.body)
    return ctx.default_return_type


def _decorated(nodes: Iterable[Node], context: Context) -> FuncDef | None:
    """Return the function of a decorator: `context` is the decorated function, or the decorator's own call."""
    if isinstance(context, Decorator):
        return context.func
    for node in nodes:
        if isinstance(node, Decorator) and any(decorator is context for decorator in node.original_decorators):
            return node.func
        if isinstance(node, Statement) and (found := _decorated(_statements(node), context)):
            return found
    return None


def _statements(node: Node) -> Iterator[Node]:
    function = node.func if isinstance(node, Decorator) else node
    yield from (child for child in children(function) if isinstance(child, Statement))


def children(node: Node) -> Iterator[Node]:
    """Yield the statements and expressions that a node consists of, in mypy's order.

    mypy's own visitors are compiled, and closed to classes that are not.
    """
    if isinstance(node, AssignmentStmt):  # its `__match_args__` name no attribute of it
        yield from (*node.lvalues, node.rvalue)
        return
    for name in getattr(node, "__match_args__", ()):
        yield from _nodes_in(getattr(node, name, None))


def _nodes_in(value: object) -> Iterator[Node]:
    match value:
        case Block() | Statement():
            yield value
        case Expression():
            yield value
        case list() | tuple():
            for item in value:
                yield from _nodes_in(item)
        case _:  # names, types, kinds of arguments
            pass


class _Body:
    """Reads a body in order, as tracing does, and reports what needs a value."""

    def __init__(self, checker: TypeChecker, function: FuncDef) -> None:
        self._checker = checker
        self._function = function
        self._meanings = Meanings(
            {argument.variable: Promise(argument.variable.type) for argument in function.arguments}
        )

    def read(self, node: Node) -> None:
        """Check a node and all below it. Functions inside of it run elsewhere, or with what they are called with."""
        if isinstance(node, FuncDef | Decorator | LambdaExpr):
            return
        if isinstance(node, Statement):
            self._check_statement(node)
        elif isinstance(node, Expression):
            self._check_expression(node)
        for child in children(node):
            self.read(child)
        if isinstance(node, AssignmentStmt):
            for target in node.lvalues:
                self._assign(target, node.rvalue)
        elif isinstance(node, AssignmentExpr):
            self._assign(node.target, node.value)

    def _check_statement(self, node: Statement) -> None:
        match node:
            case IfStmt(expr=conditions):
                self._refuse("used as a condition", *conditions)
            case WhileStmt(expr=condition) | AssertStmt(expr=condition):
                self._refuse("used as a condition", condition)
            case ForStmt(index=index, expr=sequence):
                self._loop(index, sequence)
            case WithStmt(expr=managers):
                self._refuse("used in a `with`", *managers)
            case OperatorAssignmentStmt(lvalue=left, rvalue=right):
                self._refuse("used in an expression", left, right)
            case ReturnStmt():
                self._check_returned(node)
            case ExpressionStmt(expr=expression) if isinstance(self._meanings.of(expression), Chain):
                text = "this conditional does not say what happens when no case holds: end it by `.else_()`"
                report(self._checker, text, expression, UNFINISHED)
            case DelStmt(expr=MemberExpr(expr=changed) | IndexExpr(base=changed)):
                self._refuse("changed", changed)
            case _:
                pass

    def _check_expression(self, node: Expression) -> None:
        match node:
            case CallExpr():
                self._check_call(node)
            case OpExpr() | UnaryExpr() | ComparisonExpr() | ConditionalExpr():
                self._check_operator(node)
            case IndexExpr(base=base, index=SliceExpr() | UnaryExpr(op="-", expr=IntExpr())):
                self._refuse("sliced or indexed from its end", base)
            case IndexExpr(index=index):
                self._refuse("used as an index", index)
            case StarExpr(expr=sequence):
                self._refuse("unpacked", sequence)
            case GeneratorExpr() | DictionaryComprehension():
                for index, sequence, conditions in zip(node.indices, node.sequences, node.condlists, strict=True):
                    self._loop(index, sequence)
                    self._refuse("used as a condition", *conditions)
            case _:
                pass

    def _check_operator(self, node: OpExpr | UnaryExpr | ComparisonExpr | ConditionalExpr) -> None:
        match node:
            case (
                ConditionalExpr(cond=condition)
                | OpExpr(op="and" | "or", left=condition)
                | UnaryExpr(op="not", expr=condition)
            ):
                self._refuse("used as a condition", condition)
            case OpExpr(op=">>"):
                pass
            case OpExpr(op="&" | "|", left=left, right=right) if self._bools(left, right):
                pass
            case OpExpr(left=left, right=right):
                self._refuse("used in an expression", left, right)
            case UnaryExpr(expr=operand):
                self._refuse("used in an expression", operand)
            case ComparisonExpr(operators=operators, operands=operands):
                if not set(operators) <= COMPARING:
                    self._refuse("compared by `is` or `in`", *operands)
                elif len(operands) > 2:
                    self._refuse("compared in a chain", *operands)

    def _refuse(self, use: str, *used: Expression) -> None:
        """Report promises that are used as values; anything else may be."""
        for expression in used:
            found = self._meanings.of(expression)
            if isinstance(found, Condition):
                text = f"a comparison can't be {use}: it is decided when the workflow runs, by a `conditional`"
                report(self._checker, text, found.made, PROMISE_USED)
            elif self._meanings.is_promise(expression):
                text = f"`{written(expression)}` can't be {use} in a workflow's body: it has no value yet"
                report(self._checker, text, expression, PROMISE_USED)

    def _bools(self, *operands: Expression) -> bool:
        """Tell whether all operands can be parts of a condition."""
        meanings = [self._meanings.of(operand) for operand in operands]
        return all(isinstance(found, Condition) or _is_bool(found) for found in meanings)

    def _is_any(self, expression: Expression) -> bool:
        found = self._meanings.of(expression)
        return isinstance(found, Promise) and isinstance(get_proper_type(found.kind), AnyType)

    def _assign(self, target: Expression, value: Expression) -> None:
        match target:
            case TupleExpr(items=targets) | ListExpr(items=targets):
                if not self._is_any(value):  # several outputs, for all that is known
                    self._refuse("unpacked", value)
                if isinstance(value, TupleExpr | ListExpr):
                    for item, part in zip(targets, value.items, strict=False):
                        self._assign(item, part)
                elif isinstance(outputs := self._meanings.of(value), Outputs):
                    for item, kind in zip(targets, outputs.kinds.values(), strict=False):
                        self._meanings.bind(item, Promise(kind))
            case MemberExpr(expr=changed) | IndexExpr(base=changed):
                self._refuse("changed", changed)
            case _:
                self._meanings.bind(target, self._meanings.of(value))

    def _loop(self, target: Expression, sequence: Expression) -> None:
        self._refuse("iterated over", sequence)
        items = sequence.items if isinstance(sequence, TupleExpr | ListExpr) else []
        promises = isinstance(self._meanings.of(sequence), Outputs) or any(map(self._meanings.is_promise, items))
        self._meanings.bind(target, Promise() if promises else Plain())

    def _check_returned(self, node: ReturnStmt) -> None:
        declared = self._function.type
        if node.expr is None or not isinstance(declared, CallableType):
            return
        outputs = list(outputs_of(declared.ret_type).values())
        given = node.expr.items if isinstance(node.expr, TupleExpr) else [node.expr]
        if len(given) == len(outputs):
            for value, asked in zip(given, outputs, strict=True):
                if isinstance(self._meanings.of(value), Condition):
                    self._refuse("returned", value)
                check_widened(self._checker, value, self._meanings.of(value), asked)

    def _check_call(self, call: CallExpr) -> None:
        match call.callee:
            case MemberExpr(expr=StrExpr(value=template), name="format"):  # f-strings too, as mypy reads them
                if "!r" not in template:
                    self._refuse("turned into text", *call.args)
            case MemberExpr(name="with_overrides" | "runs_before"):
                pass
            case RefExpr(fullname=name) if name in _ASK_FOR_VALUES:
                self._refuse(f"given to `{name.removeprefix('builtins.')}`", *call.args)
            case MemberExpr(name=name) as callee if not self._meanings.lacks(callee.expr, name):
                self._refuse("called", callee)
            case _:  # mypy tells what is not there
                pass
        self._check_inputs(call)

    def _check_inputs(self, call: CallExpr) -> None:
        """Refuse values without a name (inputs are known by names only), and what is not taken for another type."""
        called = self._meanings.called(call)
        if called is None:
            return
        inputs = list(zip(call.arg_kinds, call.arg_names, call.args, strict=True))
        if isinstance(call.callee, RefExpr) and call.callee.fullname == CREATE_NODE:
            inputs = inputs[1:]
        if any(kind in {ArgKind.ARG_POS, ArgKind.ARG_STAR} for kind, _, _ in inputs):
            text = f"`{written(call.callee)}` is called with values that have no name: write `name=value`"
            report(self._checker, text, call, POSITIONAL)
        for _, name, given in inputs:
            if isinstance(self._meanings.of(given), Condition):
                self._refuse(f"given to `{name}`", given)
            check_widened(self._checker, given, self._meanings.of(given), called.inputs.get(name or ""))


def _is_bool(meaning: Meaning) -> bool:
    kind = get_proper_type(meaning.kind) if isinstance(meaning, Promise) else None
    return isinstance(kind, Instance) and kind.type.fullname == "builtins.bool"
