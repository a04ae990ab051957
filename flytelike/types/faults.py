"""Errors of types and values: what was expected, and what was found."""

from dataclasses import replace

from flytelike.model.diagnostic import Diagnostic, DiagnosticError


class TypeFault(DiagnosticError):
    """An annotation that has no literal type, or a value that does not fit one."""


def unsupported(hint: object, reason: str, help_: str) -> TypeFault:
    """Return the error for an annotation that cannot be an input or output."""
    headline = f"`{shown(hint)}` cannot be the type of an input or output: {reason}"
    return TypeFault([Diagnostic("unsupported-type", headline, help=(help_,))])


def missing_argument(hint: object, example: str) -> TypeFault:
    """Return the error for a generic annotation that does not say what is inside."""
    headline = f"`{shown(hint)}` does not say what it holds"
    return TypeFault([Diagnostic("missing-type-argument", headline, help=(f"write `{example}`, for example",))])


def mismatch(expected: object, value: object, reason: str = "") -> TypeFault:
    """Return the error for a value that does not fit its annotation."""
    got = f"{type(value).__qualname__} {abridged(value)}"
    headline = f"expected `{shown(expected)}`, got {got}" + (f": {reason}" if reason else "")
    return TypeFault([Diagnostic("value-mismatch", headline)])


def undecodable(expected: object, what: str) -> TypeFault:
    """Return the error for a literal that cannot be read as the annotation says."""
    return TypeFault([Diagnostic("value-mismatch", f"expected `{shown(expected)}`, got {what}")])


def within(step: str, fault: TypeFault) -> TypeFault:
    """Return the fault with a step such as `[3]` or `.name` put before the place it names."""
    return TypeFault(
        replace(
            found,
            headline=f"${step}{found.headline[1:]}" if found.headline.startswith("$") else f"${step}: {found.headline}",
        )
        for found in fault.diagnostics
    )


def shown(hint: object) -> str:
    """Return a type as its author would write it."""
    for extra in getattr(hint, "__metadata__", ()):
        if isinstance(name := getattr(extra, "shown_as", None), str):
            return name
    if isinstance(hint, type) and not getattr(hint, "__args__", None):
        return hint.__qualname__
    return str(hint).replace("typing.", "")


def abridged(value: object, limit: int = 80) -> str:
    """Return a value's text, cut to a line."""
    text = repr(value).replace("\n", " ")
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
