"""Names in Kubernetes for things of the platform: as readable as its rules allow, and never the same for two."""

import hashlib
import re

from flytelike.model.ids import ExecutionId
from propeller.ports import AttemptKey

NAME_MAX = 63
"""Of a label's value, and of a pod's name where it is to be a host's name too (RFC 1123)."""

PROJECT_DOMAIN = "{project}-{domain}"
"""The namespace of an execution's pods where nothing else is said."""

_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_LABEL_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_HASH = 10
_ENDING = re.compile(rf"-(0|[1-9][0-9]{{0,8}})-[0-9a-f]{{{_HASH}}}\Z")


def pod_name(key: AttemptKey) -> str:
    """Return the name of an attempt's pod: always the same, and another one for each attempt.

    It ends with the attempt's number and a digest of all that names the attempt: cut and rewritten parts alone
    would be the same for some.
    """
    execution = key.execution
    whole = "\0".join((execution.project, execution.domain, execution.name, key.path, str(key.attempt)))
    ending = f"-{key.attempt}-{_digest(whole)}"
    readable = _dns(f"{execution.name}-{key.path}")[: NAME_MAX - len(ending)].strip("-")
    return f"{readable or 'a'}{ending}"


def attempt_in_name(name: str) -> int | None:
    """Return the number of the attempt that a pod's name tells; None if it cannot be the name of an attempt's pod."""
    found = _ENDING.search(name)
    return None if found is None else int(found[1])


def namespace_in(template: str, execution: ExecutionId) -> str:
    """Return the namespace of an execution's pods: a template with `{project}` and `{domain}` filled in."""
    return template.replace("{project}", execution.project).replace("{domain}", execution.domain)


def label_value(text: str) -> str:
    """Return a text as a label's value. One that has to be changed for it ends with a digest of the whole."""
    if len(text) <= NAME_MAX and _LABEL_VALUE.fullmatch(text):
        return text
    readable = re.sub(r"[^-A-Za-z0-9_.]+", "-", text)[: NAME_MAX - _HASH - 1].strip("-_.")
    return f"{readable}-{_digest(text)}".lstrip("-")


def is_label_name(name: str) -> bool:
    """Tell whether a label or annotation may have this name, which may begin with a domain and a slash."""
    prefix, slash, rest = name.rpartition("/")
    if slash and (len(prefix) > 253 or not _DNS_SUBDOMAIN.fullmatch(prefix)):
        return False
    return len(rest) <= NAME_MAX and _LABEL_NAME.fullmatch(rest) is not None


def is_dns_label(name: str) -> bool:
    """Tell whether a container may have this name."""
    return len(name) <= NAME_MAX and _DNS_LABEL.fullmatch(name) is not None


def is_object_name(name: str) -> bool:
    """Tell whether an object such as a Secret may have this name."""
    return len(name) <= 253 and _DNS_SUBDOMAIN.fullmatch(name) is not None


def _dns(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH]
