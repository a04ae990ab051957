"""The environment of an attempt, divided by whom it belongs to."""

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flytelike.model.graph import TaskTemplate
from flytelike.model.secret_names import VARIABLE_PREFIX
from propeller.executors.contract import contract_variables
from propeller.executors.process.devices import VISIBLE
from propeller.executors.process.settings import ProcessSettings
from propeller.ports import AttemptSpec

_OF_ATTEMPT = re.compile(r"FLYTE_|_F_|_FSEC_")
"""What names beginning so hold may differ from attempt to attempt without another process."""

_OF_INTERPRETER = re.compile(r"PYTHON(?!UNBUFFERED$)|LD_|DYLD_|MALLOC_|GLIBC_TUNABLES$")
"""What names beginning so hold acts when an interpreter starts: a forked worker is too late for it."""

ENDPOINT = "FLYTELIKE_ENDPOINT"
"""Where the platform answers."""

_EAGER_FAILURE_HANDLER = "eager_failure_handler_task"
"""The type that flytekit gives the failure handlers of eager tasks."""

_DURABLE = "FLYTELIKE_DURABLE"
_DURABLE_DOCUMENTS = "FLYTELIKE_DURABLE_DOCUMENTS"
_SMALL_OUTPUTS_TOLD = "FLYTELIKE_SMALL_OUTPUTS_TOLD"


@dataclass(frozen=True, slots=True)
class AttemptEnvironment:
    """`own` changes with every attempt; `worker` is equal for all attempts a worker may run.

    `fresh` tells that the attempt needs an interpreter of its own.
    """

    own: Mapping[str, str]
    worker: tuple[tuple[str, str], ...]
    fresh: bool


def environment_of(spec: AttemptSpec) -> AttemptEnvironment:
    """Return the environment that an attempt's task, node and execution ask for."""
    declared = spec.task.container.env if spec.task.container is not None else {}
    own = contract_variables(spec)
    if not declared and not spec.env:
        return AttemptEnvironment(own, (), fresh=False)
    asked = {**declared, **spec.env}
    shared: dict[str, str] = {}
    for name, value in asked.items():
        (own if _OF_ATTEMPT.match(name) else shared)[name] = value
    fresh = any(_OF_INTERPRETER.match(name) for name in shared)
    return AttemptEnvironment(own, tuple(sorted(shared.items())), fresh)


def base_environment(settings: ProcessSettings) -> dict[str, str]:
    """Return what every attempt's environment begins with."""
    inherited = {name: value for name, value in os.environ.items() if not _is_secret(name)}
    inherited = inherited if settings.inherit_env else {}
    # Programs installed beside this interpreter (pyflyte-execute, say) shall be found.
    path = os.pathsep.join(filter(None, [str(Path(sys.executable).parent), inherited.get("PATH", os.defpath)]))
    return {
        **inherited,
        "PATH": path,
        # Who asks for no GPU sees none; what an attempt was given, and a task's own word, go before this.
        **({VISIBLE: ""} if settings.gpus else {}),
        **settings.env,
        _DURABLE: str(int(settings.durable)),
        _DURABLE_DOCUMENTS: str(int(settings.durable and settings.durable_documents)),
        _SMALL_OUTPUTS_TOLD: str(int(not settings.small_outputs_stored)),
    }


def asks_platform(task: TaskTemplate) -> bool:
    """Tell whether a task asks the platform by a stock client of its own.

    Eager tasks call so, and the failure handlers that flytekit adds to them end what was called.
    """
    return task.metadata.is_eager or task.type == _EAGER_FAILURE_HANDLER


def platform_address(env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which stock clients find the platform that runs an attempt; none where it has no address.

    Args:
        env: What every attempt is given; `FLYTELIKE_ENDPOINT` is `host:port`, or `file:` and a JSON file that names it.
    """
    told = env.get(ENDPOINT, "")
    if told.startswith("file:"):
        try:
            told = str(json.loads(Path(told.removeprefix("file:")).read_text(encoding="utf-8"))["grpc"])
        except (OSError, ValueError, KeyError):
            return {}
    return {"FLYTE_PLATFORM_URL": told, "FLYTE_PLATFORM_INSECURE": "true"} if told else {}


def _is_secret(name: str) -> bool:
    """Tell whether a variable of the platform's own holds a secret, or tells where some are."""
    prefix = os.environ.get("FLYTE_SECRETS_ENV_PREFIX") or VARIABLE_PREFIX
    return name.startswith((prefix, VARIABLE_PREFIX, "FLYTE_SECRETS_"))
