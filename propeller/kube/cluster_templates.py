"""What belongs into the namespace of a project's domain, from YAML templates as Flyte's cluster resources are. Pure.

`{{ project }}`, `{{ domain }}`, `{{ namespace }}` and attributes stand for texts. They are put into values, not into
YAML: no attribute makes another object of a template.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import yaml

from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from propeller.kube.ports import NAMESPACES, Json, ResourceKind
from propeller.kube.project_domain import ProjectDomain

MANAGED = "flytelike.dev/cluster-resource"
"""The label of what was made of a template."""

_RBAC = ("rbac.authorization.k8s.io", "v1")

KINDS: Mapping[tuple[str, str], ResourceKind] = MappingProxyType(
    {
        ("v1", "Namespace"): NAMESPACES,
        ("v1", "ServiceAccount"): ResourceKind("", "v1", "serviceaccounts"),
        ("v1", "ResourceQuota"): ResourceKind("", "v1", "resourcequotas"),
        ("v1", "LimitRange"): ResourceKind("", "v1", "limitranges"),
        ("networking.k8s.io/v1", "NetworkPolicy"): ResourceKind("networking.k8s.io", "v1", "networkpolicies"),
        ("rbac.authorization.k8s.io/v1", "Role"): ResourceKind(*_RBAC, "roles"),
        ("rbac.authorization.k8s.io/v1", "RoleBinding"): ResourceKind(*_RBAC, "rolebindings"),
        ("v1", "PodTemplate"): ResourceKind("", "v1", "podtemplates"),
    }
)
"""What templates may make, by apiVersion and kind, in the order in which it is made.

Secrets are not among it: propeller may not read them.
"""

_HOLE = re.compile(r"\{\{\s*\.?([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_OPEN, _CLOSE = "\ue000", "\ue001"
_FILLED = re.compile(f"{_OPEN}([A-Za-z0-9_]+){_CLOSE}")
_WHOLE_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)")


class ObjectName(NamedTuple):
    """Names an object of a namespace."""

    kind: ResourceKind
    name: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """An object that is to be there."""

    at: ObjectName
    document: Json


@dataclass(frozen=True, slots=True)
class _Hole:
    """A value that is nothing but a variable, without quotes: numbers and truths stay what they are."""

    name: str


@dataclass(frozen=True, slots=True)
class ClusterTemplates:
    """Parsed templates. Made by `templates_from`."""

    documents: Sequence[tuple[str, Json]]
    """Each with the name of its file."""

    def rendered(self, place: ProjectDomain, attributes: Mapping[str, str]) -> Sequence[Wanted]:
        """Return what belongs into a namespace.

        Raises:
            DiagnosticError: `invalid-cluster-template`: variables without a value, names twice or that are none.
        """
        own = {"project": place.project, "domain": place.domain, "namespace": place.namespace}
        found: dict[ObjectName, Json] = {}
        faults: list[Diagnostic] = []
        for file, document in self.documents:
            missing = sorted({name for name in _names(document) if name not in own and name not in attributes})
            if missing:
                told = ", ".join(f"`{name}`" for name in missing)
                faults.append(_fault(f"{file}: there is no value for {told} in {place.project}/{place.domain}"))
                continue
            filled = _filled(document, own, attributes)
            faults += [_fault(f"{file}: {problem}") for problem in _problems(filled, place, found)]
            made = _marked(filled, place)
            found[_name_of(made)] = made
        if faults:
            raise DiagnosticError(faults)
        order = list(KINDS.values())
        return [Wanted(at, found[at]) for at in sorted(found, key=lambda at: order.index(at.kind))]


def templates_from(texts: Mapping[str, str]) -> ClusterTemplates:
    """Return the templates of files, by their names.

    Raises:
        DiagnosticError: `invalid-cluster-template`, for everything that is wrong with them.
    """
    documents: list[tuple[str, Json]] = []
    faults: list[Diagnostic] = []
    for file, text in sorted(texts.items()):
        try:
            read = list(_read(text))
        except yaml.YAMLError as error:
            faults.append(_fault(f"{file} is not YAML: {error}"))
            continue
        for document in read:
            problem = _shape(document)
            if problem:
                faults.append(_fault(f"{file}: {problem}"))
            else:
                documents.append((file, document))
    if faults:
        raise DiagnosticError(faults)
    return ClusterTemplates(documents)


def to_remove(wanted: Sequence[Wanted], found: Sequence[ObjectName]) -> Sequence[ObjectName]:
    """Return what was made of templates before and is not wanted any more, what hangs on others first."""
    order = list(KINDS.values())
    gone = set(found) - {one.at for one in wanted}
    return sorted(gone, key=lambda at: (-order.index(at.kind), at.name))


# --- reading ------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """Tells values that are nothing but a variable from those in quotes."""


def _text(loader: _Loader, node: yaml.ScalarNode) -> str | _Hole:
    whole = _FILLED.fullmatch(node.value)
    return _Hole(whole.group(1)) if whole is not None and node.style is None else str(loader.construct_scalar(node))


_Loader.add_constructor("tag:yaml.org,2002:str", _text)


def _read(text: str) -> Iterator[Any]:
    text = text.replace(_OPEN, "").replace(_CLOSE, "")
    marked = _HOLE.sub(lambda hole: f"{_OPEN}{hole.group(1)}{_CLOSE}", text)
    return (document for document in yaml.load_all(marked, _Loader) if document is not None)


def _shape(document: Any) -> str:  # noqa: ANN401 - any YAML
    """Return what keeps a document from being a template; nothing if it is one."""
    if not isinstance(document, dict):
        return "expected an object"
    kind = (str(document.get("apiVersion")), str(document.get("kind")))
    if kind not in KINDS:
        known = ", ".join(name for _, name in KINDS)
        return f"templates cannot make {kind[0]}/{kind[1]}; they can make {known}"
    metadata = document.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str | _Hole):
        return "metadata.name: required"
    return ""


def _problems(filled: Json, place: ProjectDomain, found: Mapping[ObjectName, Json]) -> Iterator[str]:
    at, namespace = _name_of(filled), filled["metadata"].get("namespace", place.namespace)
    name = at.name
    if at in found:
        yield f"{filled['kind']} {name} is made twice"
    if namespace != place.namespace:
        yield f"{filled['kind']} {name} would lie in {namespace}; leave metadata.namespace away"
    if at.kind == NAMESPACES and name != place.namespace:
        yield f"the Namespace is to be named {{{{ namespace }}}}, not {name}"


# --- filling in ---------------------------------------------------------------------------------


def _names(value: Any) -> Iterator[str]:  # noqa: ANN401 - any YAML
    match value:
        case _Hole(name):
            yield name
        case str():
            yield from _FILLED.findall(value)
        case dict():
            for key, item in value.items():
                yield from _names(key)
                yield from _names(item)
        case list():
            for item in value:
                yield from _names(item)
        case _:
            return


def _filled(value: Any, own: Mapping[str, str], attributes: Mapping[str, str]) -> Any:  # noqa: ANN401 - any YAML
    match value:
        case _Hole(name):
            return own[name] if name in own else _plain(attributes[name])
        case str():
            values = {**attributes, **own}
            return _FILLED.sub(lambda hole: values[hole.group(1)], value)
        case dict():
            return {_key(key, own, attributes): _filled(item, own, attributes) for key, item in value.items()}
        case list():
            return [_filled(item, own, attributes) for item in value]
        case _:
            return value


def _key(key: Any, own: Mapping[str, str], attributes: Mapping[str, str]) -> str:  # noqa: ANN401 - any YAML
    return str(_filled(key, own, attributes))


def _plain(text: str) -> str | int | bool:
    if text in {"true", "false"}:
        return text == "true"
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else text


def _name_of(filled: Json) -> ObjectName:
    return ObjectName(KINDS[filled["apiVersion"], filled["kind"]], str(filled["metadata"]["name"]))


def _marked(filled: Json, place: ProjectDomain) -> Json:
    """Return an object in its namespace, with the label of what was made of templates.

    A namespace has no such label: it is never removed.
    """
    metadata = {**filled["metadata"], "name": str(filled["metadata"]["name"])}
    texts = {part: _texts(metadata[part]) for part in ("labels", "annotations") if isinstance(metadata.get(part), dict)}
    if filled["kind"] == "Namespace":
        metadata.pop("namespace", None)
        return {**filled, "metadata": {**metadata, **texts}}
    labels = {**texts.get("labels", {}), MANAGED: "true"}
    return {**filled, "metadata": {**metadata, **texts, "namespace": place.namespace, "labels": labels}}


def _texts(found: Json) -> Json:
    """Return labels or annotations, whose values are always texts."""
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in found.items()}


def _fault(headline: str) -> Diagnostic:
    return Diagnostic("invalid-cluster-template", headline)
