"""The namespace of a project's domain: which one it is, and what it says of itself in labels and annotations.

The control plane makes it with the first execution; who prefers to, makes it by hand. By it propeller knows which
projects there are.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from propeller.kube.fields import Fields, MalformedResource
from propeller.kube.ports import Json

PROJECT = "flytelike.dev/project"
DOMAIN = "flytelike.dev/domain"
STATE = "flytelike.dev/state"
"""A label: `archived` if the project is; active without it."""
ARCHIVED = "archived"

ATTRIBUTES = "flytelike.dev/attributes"
"""An annotation: values for templates, as a JSON object of texts."""
ATTRIBUTES_KEPT = "flytelike.dev/attributes-kept"
"""An annotation: `true` where the control plane keeps those values, by the settings of the project and its domain."""
PREPARED = "flytelike.dev/prepared"
"""An annotation: `true` once all objects that belong into the namespace were there."""
TROUBLE = "flytelike.dev/trouble"
"""An annotation: why they are not as they should be."""

RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
"""Labels by which a namespace takes pods of the restricted profile alone."""


@dataclass(frozen=True, slots=True)
class ProjectDomain:
    """A namespace as it was last seen.

    Attributes:
        namespace: Its name.
        project: Whose it is.
        domain: Which of the project's domains.
        archived: Whether the project is.
        attributes: Values for templates that count for this namespace alone.
        prepared: Whether all objects that belong into it were there once.
        trouble: Why they are not as they should be; empty if they are.
        ending: Whether it is being deleted.
    """

    namespace: str
    project: str
    domain: str
    archived: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    prepared: bool = False
    trouble: str = ""
    ending: bool = False


def namespace_name(project: str, domain: str) -> str:
    """Return the namespace of a project's domain, as Flyte names it."""
    return f"{project}-{domain}"


def namespace_to_json(project: str, domain: str) -> Json:
    """Return the namespace to be made for a project's domain."""
    labels = {PROJECT: project, DOMAIN: domain, "app.kubernetes.io/managed-by": "flytelike", **RESTRICTED}
    metadata = {"name": namespace_name(project, domain), "labels": labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def project_domain_from_json(document: Json) -> ProjectDomain:
    """Return what a namespace says of itself. Raises `MalformedResource`."""
    metadata = Fields(document).below("metadata")
    labels, notes = metadata.text_map("labels"), metadata.text_map("annotations")
    return ProjectDomain(
        namespace=metadata.text("name"),
        project=labels.get(PROJECT, ""),
        domain=labels.get(DOMAIN, ""),
        archived=labels.get(STATE) == ARCHIVED,
        attributes=_attributes(notes.get(ATTRIBUTES, "{}")),
        prepared=notes.get(PREPARED) == "true",
        trouble=notes.get(TROUBLE, ""),
        ending=metadata.text("deletionTimestamp", "") != "",
    )


def _attributes(text: str) -> dict[str, str]:
    path = f"metadata.annotations[{ATTRIBUTES}]"
    try:
        found = Fields(json.loads(text), path)
    except ValueError as error:
        raise MalformedResource(path, f"not JSON: {error}") from error
    return {name: found.text(name) for name in found.names()}
