"""Dynamic tasks: from their arguments to `futures.pb`, which says what to run next."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from flytelike.model.diagnostic import Diagnostic, DiagnosticError, Label, Severity
from flytelike.model.dynamic_job import DynamicJob
from flytelike.model.failure import Failure, Fault
from flytelike.model.graph import Entity
from flytelike.model.ids import Identifier
from flytelike.runtime.contract import ExpandableTask
from flytelike.runtime.failures import AttemptError, of_task
from flytelike.runtime.source_trace import shortened
from flytelike.types.context import ValueContext

BUILD_FAILED = "DynamicWorkflowBuildFailed"
"""Flyte's code for a dynamic task whose nodes cannot be run."""


def expanded(
    task: ExpandableTask,
    inputs: Mapping[str, object],
    identifier: Identifier,
    values: ValueContext,
    code: str,
    root: str,
) -> DynamicJob | Mapping[str, object]:
    """Run a dynamic task's function; return the graph that it gives, checked, or its outputs by name.

    The platform checks again, since it trusts no task. Here the author's source is at hand to show.

    Raises:
        AttemptError: The function raised, or its graph is faulty.
    """
    folder = Path(root) if root else _home_of(task)
    try:
        job = task.expand(inputs, task=identifier, values=values, code=code, root=folder)
        if isinstance(job, DynamicJob):
            _check(job)
    except DiagnosticError as error:
        raise AttemptError(_build_failure(error.diagnostics, folder)) from error
    except BaseException as error:
        raise AttemptError(of_task(error, root)) from error
    return job


def _check(job: DynamicJob) -> None:
    from flytelike.compiler import check  # noqa: PLC0415 - what other tasks need not pay when they start

    entities: tuple[Entity, ...] = (*job.tasks, *job.sub_workflows, *job.launch_plans, job.workflow)
    faults = check(entities, job.references)
    if any(found.severity is Severity.ERROR for found in faults):
        raise DiagnosticError(faults)


def _build_failure(diagnostics: Sequence[Diagnostic], root: Path) -> Failure:
    from flytelike.compiler.render import render_text  # noqa: PLC0415 - needed for a failure only

    told = "\n\n".join(render_text(_placed(found, root), _lines, color=False) for found in diagnostics)
    return Failure(BUILD_FAILED, shortened(told), Fault.USER, retryable=False)


def _placed(found: Diagnostic, root: Path) -> Diagnostic:
    """Return a diagnostic whose places are relative to the code, with the lines of source to show."""

    def placed(label: Label | None) -> Label | None:
        if label is None or label.span is None or label.source_lines:
            return label
        path = Path(label.span.file)
        lines = _lines(str(path if path.is_absolute() else root / path))
        inside = path.is_relative_to(root)
        span = replace(label.span, file=path.relative_to(root).as_posix()) if inside else label.span
        line = label.span.line
        return Label(span, label.text, tuple(lines[line - 1 : line]) if lines and line else ())

    related = tuple(label for label in map(placed, found.related) if label is not None)
    return replace(found, primary=placed(found.primary), related=related)


def _lines(file: str) -> Sequence[str] | None:
    try:
        return Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None


def _home_of(task: ExpandableTask) -> Path:
    """Return the folder that installed code is imported from."""
    module = sys.modules.get(task.function.__module__)
    file = Path(getattr(module, "__file__", None) or os.devnull)
    return file.parents[task.function.__module__.count(".")] if module else file.parent
