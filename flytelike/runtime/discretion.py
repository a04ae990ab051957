"""What is told of a failed task, without the secrets that it was given."""

from collections.abc import Mapping
from dataclasses import replace

from flytelike.current.secrets import Secrets
from flytelike.model.failure import Failure
from flytelike.model.redactor import Redactor


def without_secrets(failure: Failure, env: Mapping[str, str]) -> Failure:
    """Return a failure whose message holds none of the secrets that an attempt with `env` finds."""
    return replace(failure, message=Redactor(Secrets(env).known()).text(failure.message))
