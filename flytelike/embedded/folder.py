"""The data folder of an embedded platform: its layout, its lock, its version.

<folder>/
  lock             held (flock) by the process that runs the platform
  format           version of this layout
  endpoint.json    where that process answers
  controlplane.db  registry and executions        propeller.db  the engine's states
  store/           object store                   logs/         what attempts printed
  code/            unpacked code bundles
  secrets/         what `flytelike secret set` keeps
  owner-token      while callers must log in: the token of the folder's owner and of workers
  images.yaml      optional: container images and the virtual environments they stand for
  retention.yaml   optional: how long executions and cached results stay
"""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from flytelike.model.diagnostic import Diagnostic, DiagnosticError

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a platform answers: gRPC `host:port`, and the base url of its HTTP side."""

    grpc: str
    http: str
    pid: int


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Paths below one data folder."""

    root: Path

    @classmethod
    def at(cls, path: Path) -> "DataFolder":
        """Return the data folder at `path`, made absolute."""
        return cls(path.expanduser().resolve())

    @property
    def store(self) -> Path:
        """Return the object store's folder."""
        return self.root / "store"

    @property
    def logs(self) -> Path:
        """Return the folder of the attempts' output."""
        return self.root / "logs"

    @property
    def code(self) -> Path:
        """Return the folder of unpacked code bundles."""
        return self.root / "code"

    @property
    def secrets(self) -> Path:
        """Return the folder of secrets, which is there once one is set."""
        return self.root / "secrets"

    @property
    def owner_token(self) -> Path:
        """Return the file with which the folder's owner, and what runs here, may do everything."""
        return self.root / "owner-token"

    @property
    def images_file(self) -> Path:
        """Return the file in which its owner may say which images stand for which environment."""
        return self.root / "images.yaml"

    @property
    def retention_file(self) -> Path:
        """Return the file in which its owner may say how long things stay."""
        return self.root / "retention.yaml"

    @property
    def controlplane_db(self) -> Path:
        """Return the control plane's SQLite file."""
        return self.root / "controlplane.db"

    @property
    def propeller_db(self) -> Path:
        """Return the engine's SQLite file."""
        return self.root / "propeller.db"

    @property
    def endpoint_file(self) -> Path:
        """Return the file that tells where the running platform answers."""
        return self.root / "endpoint.json"

    def prepare(self) -> None:
        """Create the folder, or check that this program can use the one that is there.

        Raises:
            DiagnosticError: `data-folder-unusable` when it cannot be created or written;
                `newer-data-folder` when a newer Flytelike made it.
        """
        try:
            for folder in (self.root, self.store, self.logs, self.code):
                folder.mkdir(parents=True, exist_ok=True)
            marker = self.root / "format"
            if not marker.exists():
                marker.write_text(f"{FORMAT}\n")
            found = int(marker.read_text().strip() or FORMAT)
        except (OSError, ValueError) as error:
            raise DiagnosticError([unusable(self.root, error)]) from None
        if found > FORMAT:
            raise DiagnosticError([newer(self.root, found)])

    @contextmanager
    def locked(self) -> Iterator[bool]:
        """Yield whether this process now owns the folder; it is given back at the end.

        The lock is the kernel's (flock), so it ends with the process however that ends.
        """
        with (self.root / "lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
            yield True

    def announce(self, endpoint: Endpoint) -> None:
        """Tell other processes where the platform answers; atomic."""
        draft = self.endpoint_file.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(asdict(endpoint)))
        draft.replace(self.endpoint_file)

    def give_token(self) -> Path:
        """Write a new token for the folder's owner, which nobody else may read; return its file."""
        draft = self.owner_token.with_suffix(f".{os.getpid()}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{secrets.token_urlsafe(32)}\n")
        draft.replace(self.owner_token)
        return self.owner_token

    def take_token(self) -> None:
        """Remove the token of the folder's owner: nobody has to say who they are."""
        self.owner_token.unlink(missing_ok=True)

    def retract(self) -> None:
        """Remove the announcement."""
        self.endpoint_file.unlink(missing_ok=True)

    def endpoint(self) -> Endpoint | None:
        """Return what was announced last, which may be out of date; None when nothing is."""
        try:
            return Endpoint(**json.loads(self.endpoint_file.read_text()))
        except (OSError, ValueError, TypeError):
            return None


def unusable(root: Path, error: Exception) -> Diagnostic:
    """Return the diagnostic for a folder that cannot be used."""
    return Diagnostic(
        "data-folder-unusable",
        f"the data folder {root} cannot be used: {error}",
        help=("choose another with `--data FOLDER` or `FLYTELIKE_HOME`",),
    )


def newer(root: Path, found: int) -> Diagnostic:
    """Return the diagnostic for a folder of a newer version."""
    return Diagnostic(
        "newer-data-folder",
        f"the data folder {root} has format {found}; this Flytelike knows formats up to {FORMAT}",
        help=("upgrade Flytelike, or choose another folder with `--data FOLDER`",),
    )
