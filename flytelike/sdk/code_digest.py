"""The digest of a task's code: what cached results go by when the author gives no version.

It is made of the task's function and of everything of the project that it names, directly or not: functions,
classes, constants, also those of other modules. Comments, formatting and docstrings don't count. Code is read,
never run, so that the digest is the same wherever it is made.

Not seen: installed packages (the image stands for them), data files, what is found by a name that is put
together at run time (`getattr`, plug-ins), and what other modules change in a module while they are imported.
"""

import ast
import copy
import hashlib
import symtable
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from flytelike.sdk.source import SourceFile, source_file

Definition = tuple[str, str]
"""A module's dotted name, and a name in it; an empty one for all of the module."""

PARTS_MAX = 2_000
"""A task that is made of more is digested by its project's modules as they are reached, the rest is left out."""


def code_parts(module: str, name: str, root: Path, file: str = "") -> dict[str, str]:
    """Return the digests of the definitions a function is made of, by qualified name.

    Args:
        module: The dotted name of the function's module.
        name: The function's name in it.
        root: The folder that the project's modules are imported from.
        file: The module's own file, where it is not what its name says (a script).
    """
    project = _Project(root, {module: source_file(file)} if file else {})
    parts: dict[str, str] = {}
    waiting: list[Definition] = [(module, name)]
    seen = set(waiting)
    while waiting and len(parts) < PARTS_MAX:
        found = project.definition(*waiting.pop())
        if found is None:
            continue
        own = (found.module, found.name) == (module, name)
        read = project.reading(found, without_task=own)
        parts[f"{found.module}.{found.name}".rstrip(".")] = read.digest
        fresh = [one for one in project.named_by(found.module, read) if one not in seen]
        seen.update(fresh)
        waiting.extend(fresh)
    return dict(sorted(parts.items()))


def digest_of(statements: Iterable[ast.stmt]) -> str:
    """Return the digest of what statements say."""
    text = "\n".join(map(_said, statements))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class _Found:
    """A definition: the statements of a module that make it."""

    module: str
    name: str
    statements: tuple[ast.stmt, ...]


@dataclass(slots=True)
class _Project:
    """The modules below a folder."""

    root: Path
    given: dict[str, SourceFile]
    modules: dict[str, "_Module | None"] = field(default_factory=dict)

    def module(self, name: str) -> "_Module | None":
        """Return a module of the project; None for one that is installed."""
        if name not in self.modules:
            file = self.given.get(name) or self._file(name)
            self.modules[name] = None if file is None else _module(name, file)
        return self.modules[name]

    def definition(self, module: str, name: str) -> _Found | None:
        """Return what a name in a module stands for, wherever it was imported from."""
        for _ in range(32):  # imports may go round in a circle
            found = self.module(module)
            if found is None:
                return None
            if not name:
                return _Found(module, "", tuple(found.tree.body))
            if name in found.definitions:
                return _Found(module, name, tuple(found.definitions[name]))
            target = found.imports.get(name) or self._starred(found, name)
            if target is None:
                return None
            module, name = self._resolved(*target)
        return None

    def reading(self, found: _Found, *, without_task: bool) -> "_Reading":
        """Return what a definition says; read once, however many tasks are made of it."""
        module = self.module(found.module)
        assert module is not None
        known = module.readings.get((found.name, without_task))
        if known is None:
            known = module.readings[found.name, without_task] = _read(
                found.statements, module.package, without_task=without_task
            )
        return known

    def named_by(self, module_name: str, read: "_Reading") -> Iterator[Definition]:
        """Yield the definitions that a definition of a module names."""
        module = self.module(module_name)
        assert module is not None
        for name in read.globals:
            if name not in read.imports and self.imported_module(module, name) is None:
                yield module_name, name
        for chain in read.chains:
            target = read.imports.get(chain[0]) or module.imports.get(chain[0])
            if target is not None and (known := self._along(target, chain[1:])) is not None:
                yield known

    def imported_module(self, module: "_Module", name: str) -> str | None:
        """Return the project's module that a name of a module stands for."""
        target = module.imports.get(name)
        if target is None:
            return None
        whole, rest = self._resolved(*target)
        return whole if not rest and self.module(whole) is not None else None

    def _along(self, target: Definition, attributes: tuple[str, ...]) -> Definition | None:
        """Follow `package.module.name` as far as it leads through modules."""
        module, name = self._resolved(*target)
        for attribute in attributes:
            if name:
                break
            module, name = self._resolved(module, attribute)
        return (module, name) if self.module(module) is not None else None

    def _resolved(self, module: str, name: str) -> Definition:
        """Tell `from package import module` from `from module import name`."""
        if name and not self._defines(module, name) and self.module(f"{module}.{name}") is not None:
            return f"{module}.{name}", ""
        return module, name

    def _defines(self, module: str, name: str) -> bool:
        found = self.module(module)
        return found is not None and (name in found.definitions or name in found.imports)

    def _starred(self, module: "_Module", name: str) -> Definition | None:
        return next(((other, name) for other in module.stars if self._defines(other, name)), None)

    def _file(self, name: str) -> SourceFile | None:
        path = self.root.joinpath(*name.split("."))
        for file in (path.with_suffix(".py") if path.name else path, path / "__init__.py"):
            if file.is_file() and "site-packages" not in file.parts:
                return source_file(str(file))
        return None


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the text of a definition alone says: its digest, the names it takes from around it, its own imports."""

    digest: str
    globals: tuple[str, ...]
    chains: tuple[tuple[str, ...], ...]
    imports: dict[str, Definition]


def _read(statements: Iterable[ast.stmt], package: str, *, without_task: bool) -> _Reading:
    body = [_bare(statement, without_task=without_task) for statement in statements]
    chains = {tuple(chain) for chain in _chains(body)}
    return _Reading(
        digest_of(body), tuple(sorted(_globals(body))), tuple(sorted(chains)), dict(_imports(body, package))
    )


class _Module:
    """A module's definitions by name, and what it imports."""

    def __init__(self, name: str, file: SourceFile) -> None:
        self.readings: dict[tuple[str, bool], _Reading] = {}
        self.package = name if file.path.endswith("__init__.py") else name.rpartition(".")[0]
        self.tree = file.tree
        self.stars = tuple(
            _absolute(node, self.package)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
        )

    @cached_property
    def definitions(self) -> dict[str, list[ast.stmt]]:
        found: dict[str, list[ast.stmt]] = {}
        for statement in _top_level(self.tree.body):
            for name in _defined(statement):
                found.setdefault(name, []).append(statement)
        return found

    @cached_property
    def imports(self) -> dict[str, Definition]:
        return dict(_imports((s for s in _top_level(self.tree.body)), self.package))


@lru_cache(maxsize=1024)
def _module(name: str, file: SourceFile) -> _Module:
    return _Module(name, file)


def _top_level(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield a module's statements, those below `if`, `try`, `with` and loops too."""
    for statement in body:
        match statement:
            case ast.If() | ast.For() | ast.While():
                yield from _top_level([*statement.body, *statement.orelse])
            case ast.With():
                yield from _top_level(statement.body)
            case ast.Try():
                handled = [inner for handler in statement.handlers for inner in handler.body]
                yield from _top_level([*statement.body, *handled, *statement.orelse, *statement.finalbody])
            case _:
                yield statement


def _defined(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement makes or changes."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Assign(targets=targets):
            yield from (name for target in targets for name in _roots(target))
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            yield from _roots(target)
        case ast.Expr(value=ast.Call(func=ast.Attribute() as called)):
            yield from _roots(called)  # `TABLE.update(...)` changes TABLE
        case _:
            pass


def _roots(target: ast.expr) -> Iterator[str]:
    match target:
        case ast.Name(id=name):
            yield name
        case ast.Tuple(elts=items) | ast.List(elts=items):
            for item in items:
                yield from _roots(item)
        case ast.Attribute(value=inner) | ast.Subscript(value=inner) | ast.Starred(value=inner):
            yield from _roots(inner)
        case _:
            pass


def _imports(body: Iterable[ast.stmt], package: str) -> Iterator[tuple[str, Definition]]:
    """Yield the names that imports bind, with what they stand for."""
    for statement in body:
        for node in ast.walk(statement):
            match node:
                case ast.Import(names=names):
                    for alias in names:
                        if alias.asname:
                            yield alias.asname, (alias.name, "")
                        else:
                            first = alias.name.partition(".")[0]
                            yield first, (first, "")
                case ast.ImportFrom(names=names):
                    source = _absolute(node, package)
                    for alias in names:
                        yield alias.asname or alias.name, (source, alias.name)
                case _:
                    pass


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    above = parts[: len(parts) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def _globals(body: list[ast.stmt]) -> set[str]:
    """Return the names that statements take from around them, as Python's scopes have it."""
    text = ast.unparse(ast.Module(body, []))
    found: set[str] = set()
    tables = [symtable.symtable(text, "<task>", "exec")]
    top = tables[0]
    while tables:
        table = tables.pop()
        tables.extend(table.get_children())
        found.update(
            symbol.get_name()
            for symbol in table.get_symbols()
            if symbol.is_referenced() and (table is top or symbol.is_global())
        )
    return found


def _chains(body: Iterable[ast.stmt]) -> Iterator[list[str]]:
    """Yield `a.b.c` as its names, and a name alone."""
    inside: set[int] = set()  # parts of longer ones, which the walk comes to later
    for statement in body:
        for node in ast.walk(statement):
            if id(node) in inside:
                continue
            names: list[str] = []
            inner: ast.AST = node
            while isinstance(inner, ast.Attribute):
                names.append(inner.attr)
                inner = inner.value
                inside.add(id(inner))
            if isinstance(inner, ast.Name):
                yield [inner.id, *reversed(names)]


def _bare(statement: ast.stmt, *, without_task: bool) -> ast.stmt:
    """Return a definition without the decorator that makes it a task: its options have places of their own."""
    if not without_task or not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        return statement
    bare = copy.copy(statement)
    bare.decorator_list = [one for one in statement.decorator_list if not _makes_task(one)]
    return bare


def _makes_task(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
    return name in {"task", "dynamic", "eager"}


def _said(node: object) -> str:
    """Return what a piece of syntax says, the same on every version of Python that has it."""
    match node:
        case ast.AST():
            parts = [f"{name}={_said(value)}" for name, value in _fields(node)]
            return f"{type(node).__name__}({','.join(parts)})"
        case list():
            return f"[{','.join(_said(item) for item in node)}]"
        case _:
            return repr(node)


def _fields(node: ast.AST) -> Iterator[tuple[str, object]]:
    for name, value in ast.iter_fields(node):
        if name in {"ctx", "kind", "type_comment"} or value is None or value == []:
            continue
        if name == "body" and isinstance(value, list) and _is_docstring(value[0]):
            yield name, value[1:]
        else:
            yield name, value


def _is_docstring(statement: object) -> bool:
    match statement:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
        case _:
            return False
