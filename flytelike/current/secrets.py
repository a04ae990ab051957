"""Secrets that a task asked for: `current_context().secrets`."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.graph import SecretRequest
from flytelike.model.secret_names import VARIABLE_PREFIX, file_of, variable_of

FOLDER = "/etc/secrets"
"""Where Flyte's pods have secrets that are files."""
TEXT_BYTES_MAX = 1 << 20
"""Larger files are no texts that somebody quotes."""


class Secrets:
    """Reads secrets from the environment or from files, where Flyte's platforms put them."""

    def __init__(self, env: Mapping[str, str]) -> None:
        """Read from `env`; `FLYTE_SECRETS_ENV_PREFIX` and `FLYTE_SECRETS_DEFAULT_DIR` in it say where to look."""
        self._env = env
        self._prefix = env.get("FLYTE_SECRETS_ENV_PREFIX", VARIABLE_PREFIX)
        self._folder = env.get("FLYTE_SECRETS_DEFAULT_DIR", FOLDER)

    def get(self, group: str = "", key: str = "", group_version: str = "") -> str:
        """Return a secret's text.

        Raises:
            DiagnosticError: `secret-not-found`, with the places that were looked at.
        """
        variable = variable_of(SecretRequest(group, key, group_version), self._prefix)
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

    def known(self) -> Iterator[str]:
        """Yield the texts of all secrets that are there: whoever tells others of the task takes them out."""
        yield from (text for name, text in self._env.items() if name.startswith(self._prefix))
        for file in sorted(Path(self._folder).rglob("*")):
            with suppress(OSError):  # what cannot be read was not read by the task either
                if file.is_file() and file.stat().st_size <= TEXT_BYTES_MAX:
                    yield file.read_text(encoding="utf-8", errors="replace")

    def file(self, group: str = "", key: str = "", group_version: str = "") -> Path:
        """Return where a secret's file is, if it is mounted as one."""
        return Path(self._folder, *file_of(SecretRequest(group, key, group_version)))
