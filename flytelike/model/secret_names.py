"""What a secret is called where a task finds it: the names of Flyte's task contract."""

from flytelike.model.graph import SecretRequest

VARIABLE_PREFIX = "_FSEC_"


def variable_of(request: SecretRequest, prefix: str = VARIABLE_PREFIX) -> str:
    """Return the variable of the environment that holds a secret."""
    return prefix + "_".join(_parts(request)).upper()


def file_of(request: SecretRequest) -> tuple[str, ...]:
    """Return the path of a secret's file below the folder of secrets, part by part."""
    return tuple(part.lower() for part in (request.group, request.group_version, request.key) if part)


def spoken(request: SecretRequest) -> str:
    """Return a secret's name as people write it."""
    return "/".join(filter(None, (request.group, request.group_version, request.key)))


def _parts(request: SecretRequest) -> list[str]:
    return [part for part in (request.group, request.group_version, request.key) if part]
