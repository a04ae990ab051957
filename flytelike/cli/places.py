"""Places in diagnostics, as somebody in the working folder would write them."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from flytelike.model.diagnostic import Diagnostic, Label


def from_here(diagnostics: Iterable[Diagnostic], root: Path) -> tuple[Diagnostic, ...]:
    """Return diagnostics whose files are named from the working folder instead of from `root`.

    Specs name files from the project's root, so that they are the same on every machine.
    """
    return tuple(
        replace(
            told,
            primary=moved(told.primary, root) if told.primary else None,
            related=tuple(moved(label, root) for label in told.related),
        )
        for told in diagnostics
    )


def moved(label: Label, root: Path) -> Label:
    """Return a label whose file is named from the working folder; files above it keep their whole path."""
    span = label.span
    if span is None or span.file.startswith("<"):
        return label
    path = root / span.file
    here = Path.cwd()
    if not path.exists():
        return label
    name = os.path.relpath(path, here) if path.is_relative_to(here) else str(path)
    return replace(label, span=replace(span, file=name))
