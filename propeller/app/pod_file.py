"""The file that says how pods are made: YAML, all faults told at once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from marshmallow import Schema, ValidationError, fields, post_load, validate

from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.policies import ResourceName
from flytelike.model.quantity import amount_of
from propeller.executors.pod import Calling, PodExecutorSettings, PodSettings, SecurityProfile

CA_BYTES_MAX = 64 * 1024
"""What an authority's certificates may have to go along with a pod, whose annotations may have four times as much."""

_RESOURCES = {
    "cpu": ResourceName.CPU,
    "memory": ResourceName.MEMORY,
    "gpu": ResourceName.GPU,
    "ephemeral-storage": ResourceName.EPHEMERAL_STORAGE,
}


def pods_from_file(path: Path, logs: str, watched: str = "") -> PodExecutorSettings:
    """Return how pods are made, as a file says; see `PodSettings` and `PodExecutorSettings` for its keys.

    Args:
        path: The file.
        logs: Uri below which what pods print is kept.
        watched: The namespace whose pods are watched; all without one.

    Raises:
        DiagnosticError: It cannot be read, or says what cannot be.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        given = _File().load(document)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DiagnosticError([Diagnostic("invalid-pod-settings", f"{path} cannot be read: {error}")]) from error
    except ValidationError as error:
        faults = [Diagnostic("invalid-pod-settings", f"{path}: {line}") for line in _lines(error.messages)]
        raise DiagnosticError(faults) from error
    for name in ("requests", "limits", "most"):
        if name in given:
            given[name] = {_RESOURCES[key]: str(text) for key, text in given[name].items()}
    own = {name: given.pop(name) for name in ("creations", "streams", "log_bytes", "kept_s") if name in given}
    return replace(PodExecutorSettings(PodSettings(**given), logs, watched=watched), **own)


def _quantity(text: object) -> None:
    try:
        amount_of(str(text))
    except ValueError as error:
        raise ValidationError(str(error)) from None


def _amounts() -> fields.Dict:
    """Return a field of quantities by the names of resources."""
    keys = fields.String(validate=validate.OneOf(sorted(_RESOURCES)))
    return fields.Dict(keys=keys, values=fields.Raw(validate=_quantity))


class _Template(Schema):
    """What is read of a pod template; the rest is the API server's to judge."""

    metadata = fields.Dict(keys=fields.String())
    spec = fields.Dict(keys=fields.String())


def _certificates(path: Path) -> None:
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ValidationError(f"it cannot be read: {error}") from None
    if "BEGIN CERTIFICATE" not in text or len(text) > CA_BYTES_MAX:
        raise ValidationError(f"it has no certificates, or more than {CA_BYTES_MAX} bytes of them")


class _Calling(Schema):
    endpoint = fields.String(required=True, validate=validate.Regexp(r"(https?://)?[^/\s]+:[0-9]+\Z"))
    audience = fields.String(validate=validate.Length(min=1))
    ca_file = fields.Function(deserialize=lambda text: Path(str(text)), validate=_certificates)
    expires_s = fields.Integer(strict=True, validate=validate.Range(min=600))

    @post_load
    def _made(self, given: dict[str, Any], **_: object) -> Calling:
        return Calling(**given)


class _File(Schema):
    platform = fields.String()
    namespace = fields.String(validate=validate.Length(min=1))
    template = fields.Nested(_Template)
    interruptible = fields.Nested(_Template)
    uninterruptible = fields.Nested(_Template)
    by_resource = fields.Dict(keys=fields.String(), values=fields.Nested(_Template))
    template_name = fields.String()
    template_namespace = fields.String()
    service_account = fields.String()
    requests = _amounts()
    limits = _amounts()
    most = _amounts()
    gpu_resource = fields.String()
    accelerator_label = fields.String()
    partition_label = fields.String()
    kueue_queue = fields.String()
    profile = fields.Enum(SecurityProfile, by_value=True)
    run_as_user = fields.Integer(strict=True, validate=validate.Range(min=1))
    secret_name = fields.String()
    priority_classes = fields.Dict(keys=fields.String(), values=fields.Integer(strict=True))
    own_image = fields.String()
    env = fields.Dict(keys=fields.String(), values=fields.String())
    calling = fields.Nested(_Calling)
    grace_s = fields.Integer(strict=True, validate=validate.Range(min=0))
    start_allowance_s = fields.Integer(strict=True, validate=validate.Range(min=0))
    creations = fields.Integer(strict=True, validate=validate.Range(min=1))
    streams = fields.Integer(strict=True, validate=validate.Range(min=0))
    log_bytes = fields.Integer(strict=True, validate=validate.Range(min=0))
    kept_s = fields.Float(validate=validate.Range(min=0))


def _lines(messages: Any, path: str = "") -> list[str]:  # noqa: ANN401 - marshmallow's
    if isinstance(messages, dict):
        return [
            line for name, inner in messages.items() for line in _lines(inner, f"{path}.{name}" if path else str(name))
        ]
    return [f"{path}: {message}" for message in messages]
