"""Making diagnostics of the author's side."""

from collections.abc import Iterable

from flytelike.model.diagnostic import Diagnostic, DiagnosticError, Label, Severity
from flytelike.model.span import SourceSpan
from flytelike.sdk.source import source_file


class ArgumentError(DiagnosticError, TypeError):
    """A call that doesn't fit the callee's signature. It is a `TypeError` too, as in Python."""


def fault(
    code: str,
    headline: str,
    span: SourceSpan | None,
    text: str = "",
    *,
    help: Iterable[str] = (),  # noqa: A002  (the diagnostic's own word)
    related: Iterable[Label] = (),
) -> Diagnostic:
    """Return an error with the source lines of its primary place."""
    return Diagnostic(code, headline, label(span, text), tuple(related), tuple(help))


def label(span: SourceSpan | None, text: str) -> Label:
    """Return a label that carries the lines it points at."""
    return Label(span, text, source_file(span.file).text(span) if span else ())


def raise_faults(faults: Iterable[Diagnostic]) -> None:
    """Raise all faults together; do nothing if none is an error."""
    unique = tuple(dict.fromkeys(faults))
    if any(found.severity is Severity.ERROR for found in unique):
        raise DiagnosticError(unique)
