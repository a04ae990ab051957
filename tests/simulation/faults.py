"""Every small fault that can be planted in a module: what mutation testing calls mutants.

A fault is known by where it is and what it changes, not by its line: so a list of them lasts.
"""

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

Change: TypeAlias = "tuple[str, Callable[[ast.AST], ast.AST]]"
"""What is changed, in words, and the node that takes another's place."""

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Fault:
    """One change of a module: the `number`-th that `faults_of` yields."""

    number: int
    place: str
    what: str
    line: int

    @property
    def name(self) -> str:
        """What it is known by."""
        return f"{self.place}: {self.what}"


def faults_of(source: str) -> list[Fault]:
    """Return all faults that can be planted in a module, in the order of its text."""
    found: list[Fault] = []
    seen: Counter[str] = Counter()
    for place, node, (what, _) in _sites(ast.parse(source)):
        name = f"{place}: {what}"
        seen[name] += 1
        told = what if seen[name] == 1 else f"{what} (no. {seen[name]})"
        found.append(Fault(len(found), place, told, getattr(node, "lineno", 0)))
    return found


def planted(source: str, fault: Fault) -> ast.Module:
    """Return the module with one fault in it."""
    tree = ast.parse(source)
    for number, (_, node, (_, change)) in enumerate(_sites(tree)):
        if number == fault.number:
            return ast.fix_missing_locations(_replaced(tree, node, change(copy.deepcopy(node))))
    raise ValueError(f"there is no fault {fault.number}")


def _replaced(tree: ast.Module, old: ast.AST, new: ast.AST) -> ast.Module:
    class Replacer(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return ast.copy_location(new, old) if node is old else self.generic_visit(node)

    Replacer().visit(tree)
    return tree


def _sites(tree: ast.Module) -> Iterator[tuple[str, ast.AST, Change]]:
    yield from _within(tree, "")


def _within(node: ast.AST, place: str) -> Iterator[tuple[str, ast.AST, Change]]:
    """Yield what can be changed in a node and below it: not in annotations, decorators and texts."""
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        place = f"{place}.{node.name}" if place else node.name
    else:
        yield from ((place or "module", node, change) for change in _changes(node))
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "type_params", "args" if _is_function(node) else ""}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _within(child, place)


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, _FUNCTIONS)


def _changes(node: ast.AST) -> Iterator[Change]:
    text = ast.unparse(node) if isinstance(node, ast.expr | ast.stmt) else ""
    match node:
        case ast.Compare(ops=[op]) if type(op) in _COMPARISONS:
            yield _told(text, lambda it: _with(it, ops=[_COMPARISONS[type(op)]()]))
        case ast.BoolOp(op=ast.And()):
            yield _told(text, lambda it: _with(it, op=ast.Or()))
        case ast.BoolOp(op=ast.Or()):
            yield _told(text, lambda it: _with(it, op=ast.And()))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield _told(text, lambda _: operand)
        case ast.BinOp(op=op) if type(op) in _ARITHMETIC:
            yield _told(text, lambda it: _with(it, op=_ARITHMETIC[type(op)]()))
        case ast.AugAssign(op=op) if type(op) in _ARITHMETIC:
            yield _told(text, lambda it: _with(it, op=_ARITHMETIC[type(op)]()))
        case ast.Constant(value=bool() as value):
            yield _told(text, lambda _: ast.Constant(not value))
        case ast.Constant(value=int() as number):
            yield _told(text, lambda _: ast.Constant(number + 1))
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield _told(text, lambda _: ast.Return(ast.Constant(None)))
        case ast.Expr(value=ast.Call(func=ast.Name(id="assert_never"))):
            pass  # never reached: type checkers prove it
        case ast.Return(value=None) | ast.Expr(value=ast.Call()) | ast.Continue() | ast.Break():
            yield f"without `{text}`", lambda _: ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]) | ast.Delete():
            yield f"without `{text}`", lambda _: ast.Pass()
        case ast.If(test=test) | ast.IfExp(test=test) if not isinstance(test, ast.UnaryOp | ast.Compare):
            yield f"if not `{ast.unparse(test)}`", lambda it: _with(it, test=ast.UnaryOp(ast.Not(), test))
        case ast.match_case(guard=ast.expr() as guard):
            yield f"case without `{ast.unparse(guard)}`", lambda it: _with(it, guard=None)
        case _:
            pass


def _told(before: str, change: Callable[[ast.AST], ast.AST]) -> Change:
    """Name a change of an expression by what it becomes."""
    after = ast.unparse(ast.fix_missing_locations(change(_node_of(before))))
    return f"`{before}` becomes `{after}`", change


def _node_of(text: str) -> ast.AST:
    found = ast.parse(f"def f():\n {text}" if text.startswith("return") else text).body[0]
    if isinstance(found, ast.FunctionDef):
        found = found.body[0]
    return found.value if isinstance(found, ast.Expr) else found


def _with(node: ast.AST, **fields: object) -> ast.AST:
    for name, value in fields.items():
        setattr(node, name, value)
    return node
