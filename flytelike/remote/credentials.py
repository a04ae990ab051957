"""Where logins are kept: a file that only its owner may read, in the user's folder of settings."""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from typing_extensions import override


@dataclass(frozen=True, slots=True)
class Login:
    """What a provider gave at a login, and how it is renewed; `expires_s` counts seconds since 1970.

    Its text names no token, so that none gets into a log.
    """

    access_token: str
    expires_s: float
    refresh_token: str = ""
    token_endpoint: str = ""
    client_id: str = ""

    @override
    def __repr__(self) -> str:
        return (
            f"Login(expires_s={self.expires_s}, token_endpoint={self.token_endpoint!r}, client_id={self.client_id!r})"
        )


def default_folder() -> Path:
    """Return the user's folder of settings: `$XDG_CONFIG_HOME/flytelike`, or `~/.config/flytelike`."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "flytelike"


class Credentials:
    """Logins by server, in `credentials.json`."""

    def __init__(self, folder: Path | None = None) -> None:
        """Keep them in a folder; by default the user's."""
        self._folder = folder or default_folder()
        self._file = self._folder / "credentials.json"

    def find(self, server: str) -> Login | None:
        """Return the login at a server; None without one."""
        found = self._read().get(_name(server))
        try:
            return None if found is None else Login(**found)
        except TypeError:
            return None

    def keep(self, server: str, login: Login) -> None:
        """Keep a login; raises OSError."""
        with self.locked():
            self._write(self._read() | {_name(server): asdict(login)})

    def forget(self, server: str) -> bool:
        """Forget a login; tell whether there was one. Raises OSError."""
        if self.find(server) is None:
            return False
        with self.locked():
            kept = self._read()
            kept.pop(_name(server), None)
            self._write(kept)
        return True

    def stamp(self) -> tuple[int, int]:
        """Return what changes when the file does."""
        try:
            stat = self._file.stat()
        except OSError:
            return (0, 0)
        return stat.st_mtime_ns, stat.st_ino

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from changing the file meanwhile."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / "credentials.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def renewed(self, server: str, login: Login) -> None:
        """Keep a login while `locked`."""
        self._write(self._read() | {_name(server): asdict(login)})

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, kept: dict[str, dict[str, Any]]) -> None:
        # `mkstemp` lets nobody else read what it makes.
        handle, draft = tempfile.mkstemp(dir=self._folder, prefix=".credentials-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(kept, file, indent=2)
        Path(draft).replace(self._file)


def _name(server: str) -> str:
    return server.removeprefix("dns:///").removeprefix("http://").removeprefix("https://").rstrip("/")
