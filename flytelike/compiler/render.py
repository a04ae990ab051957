"""Diagnostics as text for terminals, and as JSON."""

from collections.abc import Callable, Sequence

from flytelike.model.diagnostic import Diagnostic, Label, Severity
from flytelike.model.span import SourceSpan
from flytelike.model.types import Json

Sources = Callable[[str], Sequence[str] | None]
"""Gives the lines of a file, or None when it cannot be read."""

RESET, BOLD, RED, YELLOW, BLUE, CYAN = "\033[0m", "\033[1m", "\033[31m", "\033[33m", "\033[34m", "\033[36m"


def render_text(diagnostic: Diagnostic, sources: Sources, *, color: bool) -> str:
    """Return a diagnostic as lines of text: headline, places with their source, help."""
    paint = painter(color)
    tint = RED if diagnostic.severity is Severity.ERROR else YELLOW
    lines = [
        paint(f"{diagnostic.severity.value}[{diagnostic.code}]", BOLD + tint) + paint(f": {diagnostic.headline}", BOLD)
    ]
    if diagnostic.primary is not None:
        lines += place(diagnostic.primary, sources, "^", tint, paint)
    for label in diagnostic.related:
        lines += place(label, sources, "-", BLUE, paint)
    lines += [f"  {paint('help', BOLD + CYAN)}: {text}" for text in diagnostic.help]
    return "\n".join(lines)


Paint = Callable[[str, str], str]


def painter(color: bool) -> Paint:
    """Return a function that colours text, or leaves it as it is."""
    return (lambda text, code: f"{code}{text}{RESET}") if color else (lambda text, _: text)


def place(label: Label, sources: Sources, mark: str, tint: str, paint: Paint) -> list[str]:
    """Return the lines for one place: where it is, its source line, and marks below it."""
    span = label.span
    if span is None:
        return [f"  {label.text}"] if label.text else []
    lines = [f"  {paint('-->', BLUE)} {span}"]
    source = source_line(label, span, sources)
    if source is None or not span.line:
        return [*lines, f"      {label.text}"] if label.text else lines
    number = str(span.line)
    bar = paint("|", BLUE)
    pad = " " * len(number)
    start, width = marked(span, source)
    below = " " * start + mark * width + (f" {label.text}" if label.text else "")
    return [
        *lines,
        f"  {pad} {bar}",
        f"  {paint(number, BLUE)} {bar} {source}",
        f"  {pad} {bar} {paint(below, tint)}",
    ]


def marked(span: SourceSpan, source: str) -> tuple[int, int]:
    """Return where in the line the marks start, and how many there are."""
    if not span.column:
        start = len(source) - len(source.lstrip())
        return start, max(1, len(source.strip()))
    start = span.column - 1
    ends_here = span.end_column and span.end_line in {0, span.line}
    end = span.end_column - 1 if ends_here else len(source)
    return start, max(1, end - start)


def source_line(label: Label, span: SourceSpan, sources: Sources) -> str | None:
    """Return the first source line of a place."""
    if label.source_lines:
        return label.source_lines[0].replace("\t", " ")
    found = sources(span.file)
    if found is None or not 1 <= span.line <= len(found):
        return None
    return found[span.line - 1].replace("\t", " ")


def render_json(diagnostic: Diagnostic) -> Json:
    """Return a diagnostic as JSON data with a stable shape."""
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "headline": diagnostic.headline,
        "primary": label_json(diagnostic.primary) if diagnostic.primary else None,
        "related": [label_json(label) for label in diagnostic.related],
        "help": list(diagnostic.help),
    }


def label_json(label: Label) -> Json:
    """Return a place as JSON data."""
    span = label.span
    return {
        "file": span.file if span else None,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "end_line": span.end_line if span else None,
        "end_column": span.end_column if span else None,
        "text": label.text,
    }
