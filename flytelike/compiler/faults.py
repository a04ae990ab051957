"""Making the compiler's diagnostics."""

from flytelike.model.diagnostic import Diagnostic, Label, Severity
from flytelike.model.span import SourceSpan


def entity_fault(
    code: str,
    headline: str,
    span: SourceSpan | None,
    text: str,
    help_: str,
    *related: Label,
    severity: Severity = Severity.ERROR,
) -> Diagnostic:
    """Return a diagnostic with its place, related places and one line of help."""
    primary = Label(span, text) if span is not None else None
    # A place that is shown already says nothing new.
    elsewhere = tuple(label for label in related if label.span and label.span != span)
    return Diagnostic(code, headline, primary, elsewhere, (help_,), severity)
