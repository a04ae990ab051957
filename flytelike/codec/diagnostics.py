"""Diagnostics: a service's answer about what is wrong with what it was sent."""

from flytelike.codec.ids import fill_span, span_from_proto
from flytelike.model.diagnostic import Diagnostic, Label, Severity
from flytelike_idl.service import registration_pb2 as pb

_TO_WIRE = {Severity.ERROR: pb.Diagnostic.SEVERITY_ERROR, Severity.WARNING: pb.Diagnostic.SEVERITY_WARNING}


def diagnostic_to_proto(diagnostic: Diagnostic) -> pb.Diagnostic:
    """Return the message of a diagnostic."""
    return pb.Diagnostic(
        code=diagnostic.code,
        severity=_TO_WIRE[diagnostic.severity],
        headline=diagnostic.headline,
        primary=None if diagnostic.primary is None else _label_to_proto(diagnostic.primary),
        related=[_label_to_proto(label) for label in diagnostic.related],
        help=diagnostic.help,
    )


def diagnostic_from_proto(message: pb.Diagnostic) -> Diagnostic:
    """Return the diagnostic of a message; a severity that is not known counts as an error."""
    warning = message.severity == pb.Diagnostic.SEVERITY_WARNING
    return Diagnostic(
        message.code,
        message.headline,
        _label_from_proto(message.primary) if message.HasField("primary") else None,
        tuple(_label_from_proto(label) for label in message.related),
        tuple(message.help),
        Severity.WARNING if warning else Severity.ERROR,
    )


def _label_to_proto(label: Label) -> pb.DiagnosticLabel:
    out = pb.DiagnosticLabel(text=label.text, source_lines=label.source_lines)
    if label.span is not None:
        fill_span(label.span, out.span)
    return out


def _label_from_proto(message: pb.DiagnosticLabel) -> Label:
    span = span_from_proto(message.span) if message.HasField("span") else None
    return Label(span, message.text, tuple(message.source_lines))
