"""A fault in an author's code or input, as data. Renderers live with the compiler.

Every fault a user can cause has a stable code. A headline stands alone in one phrase;
labels show the places; help says what to do.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from flytelike.model.span import SourceSpan


class Severity(Enum):
    """Whether a diagnostic stops the work."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Label:
    """A place and what is to be seen there. `span` is None when no place is known."""

    span: SourceSpan | None
    text: str
    source_lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault or remark.

    `code` is what is wrong in kebab case, such as `mismatching-types`; each has a page
    `docs/errors/<code>.md`.
    """

    code: str
    headline: str
    primary: Label | None = None
    related: tuple[Label, ...] = ()
    help: tuple[str, ...] = ()
    severity: Severity = Severity.ERROR


class DiagnosticError(Exception):
    """Raised with all diagnostics that stop the work, in source order."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Keep the diagnostics; there is at least one."""
        self.diagnostics: tuple[Diagnostic, ...] = tuple(diagnostics)
        super().__init__("; ".join(f"{d.headline} [{d.code}]" for d in self.diagnostics))
