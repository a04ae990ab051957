"""Secrets that a task asked for: `current_context().secrets`."""

from collections.abc import Mapping
from pathlib import Path

from flytelike.model.diagnostic import Diagnostic, DiagnosticError

PREFIX = "_FSEC_"
FOLDER = "/etc/secrets"
"""Where Flyte's pods have secrets: as variables and as files."""


class Secrets:
    """Reads secrets from the environment or from files, where Flyte's platforms put them."""

    def __init__(self, env: Mapping[str, str]) -> None:
        """Read from `env`; `FLYTE_SECRETS_ENV_PREFIX` and `FLYTE_SECRETS_DEFAULT_DIR` in it say where to look."""
        self._env = env
        self._prefix = env.get("FLYTE_SECRETS_ENV_PREFIX", PREFIX)
        self._folder = Path(env.get("FLYTE_SECRETS_DEFAULT_DIR", FOLDER))

    def get(self, group: str = "", key: str = "", group_version: str = "") -> str:
        """Return a secret's text.

        Raises:
            DiagnosticError: `secret-not-found`, with the places that were looked at.
        """
        variable = self._prefix + "_".join(part for part in (group, group_version, key) if part).upper()
        if variable in self._env:
            return self._env[variable]
        file = self.file(group, key, group_version)
        if file.is_file():
            return file.read_text(encoding="utf-8").strip()
        name = "/".join(filter(None, (group, key)))
        raise DiagnosticError(
            [
                Diagnostic(
                    "secret-not-found",
                    f"there is no secret `{name}`",
                    help=(
                        f"looked for the variable {variable} and the file {file}",
                        f"ask for it: `@task(secret_requests=[Secret(group={group!r}, key={key!r})])`",
                    ),
                )
            ]
        )

    def file(self, group: str = "", key: str = "", group_version: str = "") -> Path:
        """Return where a secret's file is, if it is mounted as one."""
        parts = (part.lower() for part in (group, group_version, key) if part)
        return self._folder.joinpath(*parts)
