"""Making the compiler's diagnostics."""

from flytelike.model.diagnostic import Diagnostic, Label, Severity
from flytelike.model.graph import Node, WorkflowTemplate
from flytelike.model.span import SourceSpan


def entity_fault(
    code: str,
    headline: str,
    span: SourceSpan | None,
    text: str,
    help_: str,
    *related: Label,
    where: str = "",
    severity: Severity = Severity.ERROR,
) -> Diagnostic:
    """Return a diagnostic with its place, related places and one line of help.

    `where` names the place in words, for templates of clients that send no spans.
    """
    words = Label(None, where) if where else None
    primary = Label(span, text) if span is not None else words
    # A place that is shown already says nothing new.
    elsewhere = tuple(label for label in related if label.span and label.span != span)
    return Diagnostic(code, headline, primary, elsewhere, (help_,), severity)


def within(workflow: WorkflowTemplate, node: Node | None = None) -> str:
    """Return the words for a place in a workflow."""
    name = f"in the workflow `{workflow.id}`"
    return f"{name}, at the node `{node.id}`" if node else name
