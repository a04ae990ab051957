"""The file that says what belongs into the namespaces of projects: YAML, all faults told at once."""

from pathlib import Path
from typing import Any

import yaml
from marshmallow import Schema, ValidationError, fields, validate
from typing_extensions import override

from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from propeller.app.cluster_resources import ClusterResourceSettings
from propeller.kube.cluster_templates import templates_from


def cluster_resources_from_file(path: Path) -> ClusterResourceSettings:
    """Return what a file says; see `ClusterResourceSettings`.

    Its key `templates` names a folder, from the file's own: all `*.yaml` of it are templates.

    Raises:
        DiagnosticError: It or a template cannot be read, or says what cannot be.
    """
    try:
        given = _File().load(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
        folder = path.parent / given["templates"]
        texts = {
            one.name: one.read_text(encoding="utf-8") for one in folder.iterdir() if one.suffix in {".yaml", ".yml"}
        }
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DiagnosticError([_fault(f"{path} cannot be read: {error}")]) from error
    except ValidationError as error:
        raise DiagnosticError([_fault(f"{path}: {line}") for line in _lines(error.messages)]) from error
    return ClusterResourceSettings(
        templates=templates_from(texts),
        defaults=given["defaults"],
        domains=given["domains"],
        projects=given["projects"],
        keep_archived=given["archived"] == "keep",
    )


class _Value(fields.Field[str]):
    """A text, or a number or truth that YAML made of one."""

    @override
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str | int | float):
            return str(value)
        raise ValidationError("expected a text")


def _values() -> fields.Dict:
    return fields.Dict(keys=fields.String(), values=_Value(), load_default=dict)


def _values_by_name() -> fields.Dict:
    return fields.Dict(keys=fields.String(), values=_values(), load_default=dict)


class _File(Schema):
    templates = fields.String(required=True)
    defaults = _values()
    domains = _values_by_name()
    projects = _values_by_name()
    archived = fields.String(load_default="keep", validate=validate.OneOf(["keep", "remove"]))


def _lines(messages: Any, path: str = "") -> list[str]:  # noqa: ANN401 - marshmallow's
    if isinstance(messages, dict):
        return [
            line for name, inner in messages.items() for line in _lines(inner, f"{path}.{name}" if path else str(name))
        ]
    return [f"{path}: {message}" for message in messages]


def _fault(headline: str) -> Diagnostic:
    return Diagnostic("invalid-cluster-resources", headline)
