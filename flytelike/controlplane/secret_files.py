"""Files with secrets: one line for each accepted value, read again when they change."""

from pathlib import Path

from flytelike.model.diagnostic import Diagnostic, DiagnosticError

TOKEN_CHARACTERS_MIN = 16
KEY_BYTES_MIN = 32


class SecretFile:
    """The lines of a file, as they are now."""

    def __init__(self, path: Path, characters_min: int = TOKEN_CHARACTERS_MIN) -> None:
        """Read the file.

        Raises:
            DiagnosticError: `unusable-secret-file`: it cannot be read, is empty or has a line that is too short.
        """
        self._path = path
        self._min = characters_min
        self._seen: tuple[int, int] | None = None
        self._lines: tuple[str, ...] = ()
        fault = self._read()
        if fault:
            raise DiagnosticError([Diagnostic("unusable-secret-file", f"{path}: {fault}")])

    @property
    def lines(self) -> tuple[str, ...]:
        """The values. A file that cannot be used just now is taken as it was."""
        self._read()
        return self._lines

    def _read(self) -> str:
        """Read the file if it has changed; return what is wrong with it."""
        try:
            stat = self._path.stat()
            seen = (stat.st_mtime_ns, stat.st_size)
            if seen == self._seen:
                return ""
            lines = tuple(self._path.read_text(encoding="ascii").split())
        except (OSError, UnicodeDecodeError) as error:
            return f"it cannot be read: {error}"
        if not lines or any(len(line) < self._min for line in lines):
            return f"each line is a secret of {self._min} characters or more, without spaces; there is one at least"
        self._seen, self._lines = seen, lines
        return ""
