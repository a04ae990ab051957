"""Secrets in the data folder of an embedded platform: one file each, readable by its owner only.

<data folder>/secrets/<group>/<key>, or <data folder>/secrets/<key> for one without a group. Names count without case.
"""

import os
import re
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.graph import SecretRequest
from flytelike.model.secret_names import file_of, spoken

SECRET_BYTES_MAX = 1 << 20
"""As much as Kubernetes keeps in one secret."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class SecretFolder:
    """The secrets below one folder."""

    root: Path

    def find(self, request: SecretRequest) -> str | None:
        """Return a secret's text; None when there is none.

        Raises:
            DiagnosticError: `insecure-secret` when others may read it, `invalid-secret` when it is no text.
        """
        parts = file_of(request)
        if not parts or not all(_NAME.fullmatch(part) for part in parts):
            return None
        path = self.root.joinpath(*parts)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise DiagnosticError([invalid(spoken(request), f"{path} cannot be opened: {error.strerror}")]) from None
        with os.fdopen(fd, "rb") as file:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                return None
            if status.st_mode & _OTHERS or status.st_uid != os.geteuid():
                raise DiagnosticError([insecure(path)])
            data = file.read(SECRET_BYTES_MAX + 1)
        return text_of(data, spoken(request))

    def set(self, request: SecretRequest, value: str) -> None:
        """Keep a secret, durably and at once or not at all.

        Raises:
            DiagnosticError: `invalid-secret` for a name or value that cannot be kept.
        """
        path = self.root.joinpath(*checked(request))
        text_of(value.encode(), spoken(request))
        for folder in (self.root, path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.is_dir():
            raise DiagnosticError([invalid(spoken(request), "it is the name of a group of secrets")])
        fd, draft = tempfile.mkstemp(prefix=".", dir=path.parent)  # only its owner may read it
        try:
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write(value)
                file.flush()
                os.fsync(fd)
            Path(draft).replace(path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise

    def names(self) -> Iterator[str]:
        """Yield the names of all secrets, sorted."""
        for path in sorted(self.root.rglob("*")) if self.root.is_dir() else ():
            if path.is_file() and not path.name.startswith("."):
                yield path.relative_to(self.root).as_posix()

    def delete(self, request: SecretRequest) -> bool:
        """Remove a secret; tell whether there was one. Raises DiagnosticError for what is no name."""
        path = self.root.joinpath(*checked(request))
        if not path.is_file():
            return False
        path.unlink()
        if path.parent != self.root and not any(path.parent.iterdir()):
            path.parent.rmdir()
        return True


def checked(request: SecretRequest) -> tuple[str, ...]:
    """Return where a secret is kept; raises DiagnosticError for what is no name."""
    parts = file_of(request)
    wrong = [part for part in parts if not _NAME.fullmatch(part)]
    if wrong or not parts:
        reason = "its group and key may hold letters, digits, `_`, `-` and `.`, and must not begin with `-` or `.`"
        raise DiagnosticError([invalid(spoken(request), reason)])
    return parts


def text_of(data: bytes, name: str) -> str:
    """Return a secret's bytes as text; raises DiagnosticError without telling them."""
    if not data or len(data) > SECRET_BYTES_MAX or b"\0" in data:
        reason = f"a value has 1 to {SECRET_BYTES_MAX:,} bytes and no NUL; this one has {len(data):,}"
        raise DiagnosticError([invalid(name, reason)])
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise DiagnosticError([invalid(name, "its value is no text in UTF-8")]) from None


def invalid(name: str, reason: str) -> Diagnostic:
    """Return the diagnostic for a secret that cannot be kept."""
    return Diagnostic("invalid-secret", f"`{name}` cannot be a secret: {reason}")


def insecure(path: Path) -> Diagnostic:
    """Return the diagnostic for a secret's file that others may read."""
    return Diagnostic(
        "insecure-secret",
        f"the secret's file {path} belongs to somebody else, or others may read it",
        help=(f"let only its owner read it: `chmod 600 {path}`; if others saw it, change the secret",),
    )
