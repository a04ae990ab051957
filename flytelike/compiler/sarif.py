"""Diagnostics as SARIF 2.1.0, the format in which CI systems take findings to annotate pull requests.

The rules are those of the OASIS standard: one run, its tool's rules once each, results that
point at them; lines and columns count from 1.
"""

from collections.abc import Iterable

from flytelike.model.diagnostic import Diagnostic, Label, Severity
from flytelike.model.span import SourceSpan
from flytelike.model.types import Json

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning"}


def render_sarif(diagnostics: Iterable[Diagnostic], version: str) -> Json:
    """Return a SARIF log of the diagnostics; `version` is Flytelike's own."""
    found = tuple(diagnostics)
    codes = tuple(dict.fromkeys(diagnostic.code for diagnostic in found))
    driver: Json = {"name": "flytelike", "version": version, "rules": [rule(code) for code in codes]}
    results: list[Json] = [result(diagnostic, codes.index(diagnostic.code)) for diagnostic in found]
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}],
    }


def rule(code: str) -> Json:
    """Return what is said of a code once."""
    return {"id": code, "help": {"text": f"flytelike explain {code}"}}


def result(diagnostic: Diagnostic, index: int) -> Json:
    """Return one finding."""
    text = ". ".join([diagnostic.headline, *diagnostic.help])
    found: dict[str, Json] = {
        "ruleId": diagnostic.code,
        "ruleIndex": index,
        "level": LEVELS[diagnostic.severity],
        "message": {"text": text},
    }
    if diagnostic.primary is not None and diagnostic.primary.span is not None:
        found["locations"] = [{"physicalLocation": location(diagnostic.primary.span)}]
    related = [related_location(label, label.span) for label in diagnostic.related if label.span is not None]
    if related:
        found["relatedLocations"] = related
    return found


def related_location(label: Label, span: SourceSpan) -> Json:
    """Return another place that a finding is about."""
    return {"physicalLocation": location(span), "message": {"text": label.text or "see here"}}


def location(span: SourceSpan) -> Json:
    """Return a place in a file."""
    artifact: Json = {"uri": span.file.replace("\\", "/").replace(" ", "%20")}
    if not span.line:
        return {"artifactLocation": artifact}
    region: dict[str, Json] = {"startLine": span.line}
    if span.column:
        region["startColumn"] = span.column
    if span.end_line >= span.line:
        region["endLine"] = span.end_line
        if span.end_column:
            region["endColumn"] = span.end_column
    return {"artifactLocation": artifact, "region": region}
