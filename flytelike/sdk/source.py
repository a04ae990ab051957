"""The text of an author's file: where parameters, decorators and arguments stand.

A file is read and parsed once, and only when a span finer than a line is asked for.
"""

import ast
import linecache
from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from types import CodeType, FrameType
from typing import TypeAlias

from flytelike.model.span import SourceSpan

Extent: TypeAlias = tuple[int, int, int, int]
"""First line, last line, first column, column behind the last; columns in UTF-8 bytes from 0."""

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


class SourceFile:
    """One file's text and syntax tree. A file that can't be read or parsed has neither."""

    def __init__(self, path: str) -> None:
        """Remember where the file lies; `path` may also be a notebook cell's name."""
        self.path = path

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The file's lines without their ends."""
        return tuple(line.rstrip("\r\n") for line in linecache.getlines(self.path))

    @cached_property
    def tree(self) -> ast.Module:
        """The file's syntax, empty where it has faults; whoever reads it leaves it as it is."""
        try:
            return ast.parse("\n".join(self.lines))
        except SyntaxError:
            return ast.Module([], [])

    @cached_property
    def _index(self) -> tuple[dict[tuple[int, str], FunctionNode], dict[Extent, ast.Call]]:
        functions: dict[tuple[int, str], FunctionNode] = {}
        calls: dict[Extent, ast.Call] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                calls[extent_of(node)] = node
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.decorator_list[0].lineno if node.decorator_list else node.lineno
                functions[first, node.name] = node
        return functions, calls

    def function(self, first_line: int, name: str) -> FunctionNode | None:
        """Return the definition that starts (with its decorators) on a line."""
        return self._index[0].get((first_line, name))

    def top_level_functions(self) -> tuple[FunctionNode, ...]:
        """Return the functions that the module itself defines, in order; none if it can't be parsed."""
        return tuple(node for node in self._index[0].values() if node.col_offset == 0)

    def call(self, extent: Extent) -> ast.Call | None:
        """Return the call expression that stands exactly there."""
        return self._index[1].get(extent)

    def span(self, extent: Extent) -> SourceSpan:
        """Return an extent as a span, counting characters from 1."""
        line, end_line, column, end_column = extent
        return SourceSpan(
            self.path,
            line,
            self._character(line, column),
            end_line,
            self._character(end_line, end_column),
        )

    def line_span(self, line: int) -> SourceSpan:
        """Return the span of a line's text without its indentation."""
        if not 1 <= line <= len(self.lines):
            return SourceSpan(self.path, line)
        text = self.lines[line - 1]
        first = len(text) - len(text.lstrip()) + 1
        return SourceSpan(self.path, line, first, line, len(text.rstrip()) + 1)

    def text(self, span: SourceSpan) -> tuple[str, ...]:
        """Return the lines a span covers."""
        return self.lines[max(span.line - 1, 0) : max(span.end_line, span.line)]

    def _character(self, line: int, column: int) -> int:
        if not 1 <= line <= len(self.lines):
            return column + 1
        text = self.lines[line - 1]
        return column + 1 if text.isascii() else len(text.encode()[:column].decode(errors="ignore")) + 1


def source_file(path: str) -> SourceFile:
    """Return a file's source, read again only if the file has changed."""
    try:
        stamp = Path(path).stat().st_mtime_ns
    except OSError:
        stamp = 0
    return _source_file(path, stamp)


@lru_cache(maxsize=1024)
def _source_file(path: str, _stamp: int) -> SourceFile:
    linecache.checkcache(path)
    return SourceFile(path)


def extent_of(node: ast.expr | ast.arg | ast.keyword | ast.stmt) -> Extent:
    """Return where a piece of syntax stands."""
    return (node.lineno, node.end_lineno or node.lineno, node.col_offset, node.end_col_offset or 0)


# --- functions --------------------------------------------------------------------------


def definition(code: CodeType) -> tuple[SourceFile, FunctionNode | None]:
    """Return a function's file and, if it can be read, its definition."""
    file = source_file(code.co_filename)
    return file, file.function(code.co_firstlineno, code.co_name)


def definition_span(code: CodeType) -> SourceSpan:
    """Return the span of a function's `def` line."""
    file, node = definition(code)
    return file.line_span(node.lineno if node else code.co_firstlineno)


def parameter_span(code: CodeType, name: str) -> SourceSpan:
    """Return the span of a parameter with its annotation; of the `def` line if it can't be found."""
    file, node = definition(code)
    for argument in _parameters(node) if node else ():
        if argument.arg == name:
            return file.span(extent_of(argument))
    return definition_span(code)


def return_span(code: CodeType) -> SourceSpan:
    """Return the span of the return annotation; of the `def` line if there is none."""
    file, node = definition(code)
    if node and node.returns:
        return file.span(extent_of(node.returns))
    return definition_span(code)


def option_span(code: CodeType, option: str) -> SourceSpan:
    """Return the span of `option=...` in a function's decorator."""
    return option_site(code, option).span


def option_site(code: CodeType, option: str) -> "CallSite":
    """Return the place of `option=...` in a function's decorator; of its first line if it can't be found."""
    _, node = definition(code)
    for decorator in node.decorator_list if node else ():
        for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
            if keyword.arg == option:
                return CallSite(code.co_filename, extent_of(keyword))
    return CallSite(code.co_filename, (code.co_firstlineno, code.co_firstlineno, 0, 0))


def returns(code: CodeType) -> tuple[SourceFile, tuple[ast.Return, ...]]:
    """Return the `return <value>` statements of a function, without those of functions inside it."""
    file, node = definition(code)
    return file, tuple(_returns(node)) if node else ()


def _parameters(node: FunctionNode) -> Iterator[ast.arg]:
    arguments = node.args
    yield from (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    if arguments.vararg:
        yield arguments.vararg
    if arguments.kwarg:
        yield arguments.kwarg


def _returns(node: ast.AST) -> Iterator[ast.Return]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(child, ast.Return) and child.value is not None:
            yield child
        yield from _returns(child)


# --- call sites -------------------------------------------------------------------------


class CallSite:
    """The expression a frame is evaluating. Cheap to keep; spans are made when asked for."""

    __slots__ = ("extent", "path")

    def __init__(self, path: str, extent: Extent) -> None:
        """Keep the file and where in it the expression stands."""
        self.path: str = path
        self.extent: Extent = extent

    @property
    def span(self) -> SourceSpan:
        """The expression's span."""
        file = source_file(self.path)
        return file.span(self.extent) if self.extent[3] else file.line_span(self.extent[0])

    def argument_spans(self) -> dict[str, SourceSpan]:
        """Return the span of each keyword argument, if the expression is a call."""
        file = source_file(self.path)
        call = file.call(self.extent)
        if call is None:
            return {}
        return {word.arg: file.span(extent_of(word.value)) for word in call.keywords if word.arg}


def call_site(frame: FrameType) -> CallSite:
    """Return the expression that a frame is evaluating."""
    return _call_sites(frame.f_code)[frame.f_lasti // 2]


_sites: dict[tuple[str, int, bytes], list[CallSite]] = {}
"""By file, first line and table of positions: equal code in two files is one key to Python."""
_SITES_KEPT = 1024
"""Bodies whose positions are kept; a loop in a workflow asks for the same few again and again."""


def _call_sites(code: CodeType) -> list[CallSite]:
    path, first = code.co_filename, code.co_firstlineno
    key = (path, first, code.co_linetable)
    known = _sites.get(key)
    if known is None:
        if len(_sites) >= _SITES_KEPT:
            _sites.clear()
        shared: dict[Extent, CallSite] = {}
        known = _sites[key] = []
        for line, end_line, column, end_column in code.co_positions():
            extent = (line or first, end_line or line or first, column or 0, end_column or 0)
            known.append(shared.get(extent) or shared.setdefault(extent, CallSite(path, extent)))
    return known
