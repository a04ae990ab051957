"""Warnings about sound entities: what works, and is likely not what its author means."""

import ast
import typing
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from flytelike.model.diagnostic import Diagnostic, Severity
from flytelike.sdk.cache import Cache
from flytelike.sdk.entity import AnyEntity
from flytelike.sdk.faults import fault, label
from flytelike.sdk.source import SourceFile, source_file
from flytelike.sdk.task import Task
from flytelike.sdk.workflow import Workflow

DECORATORS = {"task", "workflow", "dynamic", "eager"}
"""Names that make an entity of a function."""


def remarks(entities: Iterable[AnyEntity]) -> Iterator[Diagnostic]:
    """Yield what is worth a second look, in the order of the entities."""
    files: dict[str, None] = {}
    for entity in entities:
        if isinstance(entity, Task | Workflow):
            files.setdefault(entity.signature.code.co_filename)
            yield from mutable_defaults(entity)
            if isinstance(entity, Task):
                yield from unstable_inputs(entity)
    for path in files:
        yield from shadowed(source_file(path))


def mutable_defaults(entity: AnyEntity) -> Iterator[Diagnostic]:
    """Find defaults that one call can change for all later ones."""
    for name, found in entity.signature.inputs.items():
        if isinstance(found.default, list | dict | set):
            kind = type(found.default).__name__
            yield warning(
                fault(
                    "mutable-default",
                    f"the default of `{name}` is a {kind}, which all calls in a process share",
                    entity.signature.input_span(name),
                    "a call that changes it changes it for the next one",
                    help=(f"write `{name}: ... | None = None` and make the {kind} inside the function",),
                )
            )


def unstable_inputs(task: Task[..., Any]) -> Iterator[Diagnostic]:
    """Find inputs of cached tasks for which nothing tells that two values are equal."""
    cache = task.options.get("cache", False)
    ignored = cache.ignored_inputs if isinstance(cache, Cache) else task.options.get("cache_ignore_input_vars", ())
    for name, found in task.signature.inputs.items():
        counts = name not in ((ignored,) if isinstance(ignored, str) else ignored)
        if cache and counts and is_unstable(found.hint):
            yield warning(
                fault(
                    "unstable-cache-input",
                    f"`{name}` of the cached task `{task.short_name}` is pickled, and equal values give other pickles",
                    task.signature.input_span(name),
                    "a cached result is seldom found by it",
                    help=(
                        f"say what makes values equal: `{name}: Annotated[FlytePickle[...], HashMethod(...)]`",
                        f"or leave it out: `cache_ignore_input_vars=({name!r},)`",
                    ),
                )
            )


def is_unstable(hint: object) -> bool:
    """Tell whether a pickle without a HashMethod is in an annotation."""
    extras = getattr(hint, "__metadata__", ())
    if any(type(extra).__name__ == "HashMethod" for extra in extras):
        return False
    if any(type(extra).__name__ == "Pickled" for extra in extras):
        return True
    return any(is_unstable(inner) for inner in typing.get_args(hint))


def shadowed(file: SourceFile) -> Iterator[Diagnostic]:
    """Find entities at a module's top level that a later one of the same name hides."""
    seen: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
    for node in file.top_level_functions():
        if not any(decorator_name(found) in DECORATORS for found in node.decorator_list):
            continue
        earlier = seen.get(node.name)
        seen[node.name] = node
        if earlier is not None:
            yield warning(
                fault(
                    "shadowed-entity",
                    f"`{node.name}` is defined twice; the first cannot be reached by its name",
                    file.line_span(node.lineno),
                    "this definition takes the name",
                    help=("rename one of the two",),
                    related=(label(file.line_span(earlier.lineno), "the first is here"),),
                )
            )


def decorator_name(decorator: ast.expr) -> str:
    """Return the last part of a decorator's name, whether it is called or not."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def warning(diagnostic: Diagnostic) -> Diagnostic:
    """Return a diagnostic that does not stop the work."""
    return replace(diagnostic, severity=Severity.WARNING)
