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


def promise_inside(value: object, what: str, span: SourceSpan, declared: SourceSpan) -> Diagnostic:
    """Return the error for a promise inside of a value that is no list or dict; `what` takes the value."""
    return fault(
        "promise-inside-value",
        f"{what}: a promise inside of a {type(value).__name__} cannot be bound",
        span,
        "given here",
        help=("pass promises directly, or in lists and dicts; build other values inside a task",),
        related=(label(declared, "declared here"),),
    )


def raise_faults(faults: Iterable[Diagnostic]) -> None:
    """Raise all faults together; do nothing if none is an error."""
    unique = tuple(dict.fromkeys(faults))
    if any(found.severity is Severity.ERROR for found in unique):
        raise DiagnosticError(unique)
