"""Files that say which teams, projects and quotas there are to be."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from marshmallow import RAISE, Schema, ValidationError, fields, pre_load, validate
from typing_extensions import override

from flytelike.model.diagnostic import Diagnostic, DiagnosticError, Label
from flytelike.model.quota import RESOURCES, QuotaPlace, QuotaTerms, amount_from, is_resource
from flytelike.model.span import SourceSpan
from flytelike.remote import tenancy
from flytelike_idl.service import tenancy_pb2 as pb

FILE_BYTES_MAX = 10 << 20
LINE_WIDTH = 200

Steps = tuple[object, ...]


class Amounts(fields.Field[dict[str, int]]):
    """Resources and how much of each."""

    @override
    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> dict[str, int]:
        if not isinstance(value, dict):
            raise ValidationError("resources and amounts are wanted, such as {cpu: 16, memory: 64Gi}")
        amounts, faults = {}, {}
        for name, said in value.items():
            if not is_resource(str(name)):
                faults[name] = [f"there is no such resource; known are {', '.join(RESOURCES)} and gpu/<type>"]
                continue
            try:
                amounts[str(name)] = amount_from(str(name), "" if isinstance(said, bool) else str(said))
            except ValueError as error:
                faults[name] = [str(error)]
        if faults:
            raise ValidationError(faults)
        return amounts


class _Strict(Schema):
    """A mapping with known keys; an empty one may be left out."""

    class Meta:
        """Keys that are not known are faults."""

        unknown = RAISE

    error_messages = {  # noqa: RUF012 - marshmallow's way
        "type": "names and values are wanted",
        "unknown": "there is no such setting",
    }

    @pre_load
    def _nothing(self, data: object, **_: object) -> object:
        return {key: said for key, said in data.items() if said is not None} if isinstance(data, dict) else data


class _Quota(_Strict):
    limits = Amounts()
    guaranteed = Amounts()
    weight = fields.Float(validate=validate.Range(min=0, min_inclusive=False))


class _Domain(_Strict):
    quota = fields.Nested(_Quota)


def _dict(values: fields.Field[Any]) -> fields.Dict:
    """Return a field for names and what they stand for."""
    return fields.Dict(keys=fields.String(), values=values, error_messages={"invalid": "names and values are wanted"})


class _Team(_Strict):
    description = fields.String()
    labels = _dict(fields.String())
    archived = fields.Boolean(truthy={True}, falsy={False})
    quota = fields.Nested(_Quota)


class _Project(_Team):
    team = fields.String()
    domains = _dict(fields.Nested(_Domain, allow_none=True))


class _File(_Strict):
    platform = fields.Nested(_Domain)
    teams = _dict(fields.Nested(_Team, allow_none=True))
    projects = _dict(fields.Nested(_Project, allow_none=True))


@dataclass(frozen=True, slots=True)
class TenancyFile:
    """What a file wants."""

    wishes: Sequence[pb.TenancyWish]


def read(file: Path) -> TenancyFile:
    """Return what a file wants.

    Raises:
        DiagnosticError: `invalid-tenancy-file` for each thing in it that cannot be meant so, with its line.
    """
    text = ""
    try:
        if file.stat().st_size > FILE_BYTES_MAX:
            raise DiagnosticError([_fault(file, None, "", f"it has more than {FILE_BYTES_MAX >> 20} MiB")])
        text = file.read_text(encoding="utf-8")
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        raise DiagnosticError([_fault(file, None, "", f"it cannot be read: {error}")]) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        told = getattr(error, "problem", None) or "it is no YAML"
        raise DiagnosticError([_fault(file, mark, "", str(told), text)]) from None
    faults = [_fault(file, mark, "", "the key is there twice", text) for mark in _twice(tree)]
    try:
        loaded = _File().load({} if document is None else document)
    except ValidationError as error:
        faults += [_fault(file, _mark(tree, steps), _path(steps), told, text) for steps, told in _told(error.messages)]
        loaded = {}
    if faults:
        raise DiagnosticError(faults)
    return TenancyFile(list(_wishes(loaded)))


def _wishes(document: Mapping[str, Any]) -> Iterator[pb.TenancyWish]:
    yield from _quota(QuotaPlace(), document.get("platform", {}))
    for name, said in document.get("teams", {}).items():
        team = said or {}
        yield tenancy.team_wish(name, team.get("description"), team.get("labels"), team.get("archived"))
        yield from _quota(QuotaPlace(team=name), team)
    for name, said in document.get("projects", {}).items():
        project = said or {}
        fields_said = (project.get("description"), project.get("labels"), project.get("archived"), project.get("team"))
        yield tenancy.project_wish(name, *fields_said)
        yield from _quota(QuotaPlace(project=name), project)
        for domain, settings in project.get("domains", {}).items():
            yield from _quota(QuotaPlace(project=name, domain=domain), settings or {})


def _quota(place: QuotaPlace, settings: Mapping[str, Any]) -> Iterator[pb.TenancyWish]:
    if "quota" in settings:
        said = settings["quota"]
        terms = QuotaTerms(said.get("limits", {}), said.get("guaranteed", {}), said.get("weight", 1.0))
        yield tenancy.quota_wish(place, terms)


def _told(messages: object, steps: Steps = ()) -> Iterator[tuple[Steps, str]]:
    """Yield what marshmallow found, each with the way there."""
    match messages:
        case dict():
            for key, below in messages.items():
                # A dictionary's own faults are told as those of its keys and values.
                skipped = key == "_schema" or (key in {"key", "value"} and isinstance(below, dict | list))
                yield from _told(below, steps if skipped else (*steps, key))
        case list():
            for text in messages:
                yield steps, str(text).rstrip(".")
        case _:
            yield steps, str(messages)


def _mark(node: yaml.Node | None, steps: Steps) -> yaml.Mark | None:
    """Return where a key stands, or the last one on the way to it that is there."""
    mark = node.start_mark if node is not None else None
    for step in steps:
        if not isinstance(node, yaml.MappingNode):
            break
        found = next((pair for pair in node.value if str(pair[0].value) == str(step)), None)
        if found is None:
            break
        mark, node = found[0].start_mark, found[1]
    return mark


def _twice(node: yaml.Node | None) -> Iterator[yaml.Mark]:
    """Yield where keys stand that are there twice: YAML's reader would take the last one."""
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[object] = set()
    for key, value in node.value:
        if str(key.value) in seen:
            yield key.start_mark
        seen.add(str(key.value))
        yield from _twice(value)


def _path(steps: Steps) -> str:
    return ".".join(str(step) for step in steps)


def _fault(file: Path, mark: yaml.Mark | None, path: str, told: str, text: str = "") -> Diagnostic:
    headline = f"{path}: {told}" if path else told
    if mark is None:
        return Diagnostic("invalid-tenancy-file", f"{file}: {headline}")
    line = text.splitlines()[mark.line : mark.line + 1]
    span = SourceSpan(str(file), mark.line + 1, mark.column + 1, mark.line + 1, mark.column + 2)
    return Diagnostic("invalid-tenancy-file", headline, Label(span, "", tuple(one[:LINE_WIDTH] for one in line)))
