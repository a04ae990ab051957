"""Places in an author's source."""

from dataclasses import dataclass

from typing_extensions import override


@dataclass(frozen=True, slots=True, order=True)
class SourceSpan:
    """A stretch of source text. Lines and columns count from 1; 0 means not known.

    `file` is a path relative to the root of the author's code once a spec is built from
    it, and absolute while the author's module is being traced. `end_column` lies behind
    the last character.
    """

    file: str
    line: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0

    @override
    def __str__(self) -> str:
        """Return `file:line:column` without the parts that are not known."""
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)
