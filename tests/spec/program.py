"""Running the programs of specifications: what the compiler tells, what commands print."""

import contextlib
import io
import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

from flytelike.cli.check import examined
from flytelike.cli.failure import run_guarded, source_lines
from flytelike.cli.main import cli
from flytelike.compiler import check
from flytelike.compiler.render import render_text
from flytelike.model.graph import Entity
from flytelike.sdk import launch_plan
from tests.spec.markdown import Case

PROMPT = "$ flytelike "
SENT = "sent.py"
"""A program that stands for what a client sends: its `ENTITIES` are templates."""


@contextlib.contextmanager
def laid_out(files: Mapping[str, str], folder: Path) -> Iterator[list[Path]]:
    """Write files below a folder and go there; forget what was imported from there at the end."""
    paths = []
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    before = list(sys.path)
    here = Path.cwd()
    os.chdir(folder)
    try:
        yield paths
    finally:
        os.chdir(here)
        sys.path[:] = before
        forget(folder)


def forget(folder: Path) -> None:
    """Make modules of a folder, and launch plans they made, unknown."""
    gone = {
        name
        for name, module in sys.modules.items()
        if (file := getattr(module, "__file__", None)) and Path(file).is_relative_to(folder)
    }
    for name in gone:
        del sys.modules[name]
    plans = launch_plan._created
    for name in [name for name, plan in plans.items() if plan.module in gone or plan.module not in sys.modules]:
        del plans[name]


def told(case: Case, folder: Path) -> str:
    """Return what comes of a case's program: rendered diagnostics, or a transcript."""
    with laid_out(case.files, folder) as paths:
        if case.expected is not None and case.expected.language == "console":
            return transcript(case.expected.lines)
        if SENT in case.files:
            diagnostics = check(sent(case.files[SENT]), {})
        else:
            _, diagnostics = examined(paths)
        return "\n\n".join(render_text(found, source_lines, color=False) for found in diagnostics)


def sent(text: str) -> Iterable[Entity]:
    """Return the entities that a program says a client sends."""
    names: dict[str, Any] = {}
    exec(compile(text, SENT, "exec"), names)
    return names["ENTITIES"]


def transcript(lines: tuple[str, ...]) -> str:
    """Run the commands among a transcript's lines; return them with what they print."""
    out: list[str] = []
    for line in lines:
        if line.startswith(PROMPT):
            out += [line, *printed(shlex.split(line.removeprefix("$ "))).splitlines()]
    return "\n".join(text.rstrip() for text in out)


def printed(words: list[str]) -> str:
    """Run `flytelike` in this process; return what it prints on stdout and stderr."""
    stream = io.StringIO()
    with (
        patch.object(sys, "argv", words),
        patch.dict(os.environ, {"FLYTELIKE_HOME": "data", "COLUMNS": "100"}),
        contextlib.redirect_stdout(stream),
        contextlib.redirect_stderr(stream),
    ):
        run_guarded(cli)
    return stream.getvalue()
