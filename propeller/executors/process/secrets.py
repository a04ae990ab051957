"""The secrets of an attempt: gathered before it starts, given as variables or files, taken out of what it shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flytelike.model.failure import Failure, Fault
from flytelike.model.graph import SecretRequest
from flytelike.model.redactor import Redactor
from flytelike.model.secret_names import file_of, spoken, variable_of
from propeller.ports import AttemptSpec
from propeller.ports_secrets import Secrets, SecretsUnavailable

SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105 - an error code
SECRETS_UNAVAILABLE = "SecretsUnavailable"
FOLDER_VARIABLE = "FLYTE_SECRETS_DEFAULT_DIR"


@dataclass(frozen=True, slots=True)
class GivenSecrets:
    """What an attempt is given. Its representation holds no value."""

    found: tuple[tuple[SecretRequest, str], ...] = field(default=(), repr=False)

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self.found)

    @property
    def need_files(self) -> bool:
        """Whether some must be files."""
        return any(request.mount_as_file for request, _ in self.found)

    def redactor(self) -> Redactor:
        """Return what takes the values out of the attempt's output."""
        return Redactor(value for _, value in self.found)

    def mounted(self, folder: Path) -> Mapping[str, str]:
        """Write those that must be files below a folder; return the variables that hold or name the secrets."""
        env: dict[str, str] = {}
        for request, value in self.found:
            if not request.mount_as_file:
                env[variable_of(request)] = value
                if request.env_var:
                    env[request.env_var] = value
                continue
            path = folder.joinpath(*file_of(request))
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(value, encoding="utf-8")
            env[FOLDER_VARIABLE] = str(folder)
            if request.env_var:
                env[request.env_var] = str(path)
        return env


NONE_GIVEN = GivenSecrets()


async def gathered(spec: AttemptSpec, secrets: Secrets) -> GivenSecrets | Failure:
    """Return the secrets that an attempt's task asks for, or why it cannot start."""
    task = spec.task
    if not task.secrets:
        return NONE_GIVEN
    found: list[tuple[SecretRequest, str]] = []
    missing: list[SecretRequest] = []
    for request in task.secrets:
        try:
            value = await secrets.find(task.id.project, task.id.domain, request)
        except SecretsUnavailable as error:
            text = f"The secret `{spoken(request)}` cannot be read: {error}"
            return Failure(SECRETS_UNAVAILABLE, text, Fault.SYSTEM, retryable=True)
        if value is None:
            missing.append(request)
        elif any(not _is_path_part(part) for part in file_of(request)) or "\0" in value:
            text = (
                f"The secret `{spoken(request)}` cannot be given to a task: its name or value has forbidden characters."
            )
            return Failure(SECRET_NOT_FOUND, text, Fault.USER, retryable=False)
        else:
            found.append((request, value))
    return not_found(missing) if missing else GivenSecrets(tuple(found))


def not_found(missing: list[SecretRequest]) -> Failure:
    """Return the failure of an attempt whose secrets nobody knows, with what to do."""
    names = ", ".join(f"`{spoken(request)}`" for request in missing)
    first = missing[0]
    words = " ".join(part or "''" for part in (first.group, first.key))
    text = (
        f"There is no secret {names}, which the task asks for. "
        f"Set it with `flytelike secret set {words}`, or start the platform with the variable {variable_of(first)}."
    )
    return Failure(SECRET_NOT_FOUND, text, Fault.USER, retryable=False)


def _is_path_part(part: str) -> bool:
    return part not in {".", ".."} and "/" not in part and "\0" not in part
