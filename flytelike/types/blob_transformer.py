"""A transformer for classes whose values are one file, for plugins to fill in."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flytelike.model.literals import Literal
from flytelike.model.types import BlobType, LiteralType
from flytelike.types.blobs import read_blob, stored_blob
from flytelike.types.context import ValueContext
from flytelike.types.faults import mismatch, undecodable
from flytelike.types.transformer import Hint


class BlobTransformer:
    """A class and its subclasses to a file of one format."""

    def __init__(
        self,
        cls: type,
        *,
        name: str,
        file_format: str,
        file_name: str,
        write: Callable[[Any, Path], object],
        read: Callable[[Path], Any],
    ) -> None:
        """Handle `cls`.

        Args:
            cls: The class; its subclasses are handled too.
            name: The tag in unions.
            file_format: The format that the literal type states.
            file_name: What files are called in the store.
            write: Writes a value to a path.
            read: Reads a value from a path.
        """
        self.name: str = name
        self._class = cls
        self._kind = BlobType(file_format)
        self._file_name = file_name
        self._write = write
        self._read = read

    def handles(self, hint: Hint) -> bool:
        """Tell whether the annotation is the class or one below it."""
        return isinstance(hint, type) and issubclass(hint, self._class)

    def literal_type(self, hint: Hint) -> LiteralType:  # noqa: ARG002 - always the same
        """Return the blob type."""
        return LiteralType(self._kind)

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401 - any value
        """Store the value's file."""
        if not isinstance(value, hint):
            raise mismatch(hint, value)
        return stored_blob(self._kind, self._file_name, ctx, lambda path: self._write(value, path))

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> Any:  # noqa: ANN401 - any value
        """Return the value of the file."""
        value = read_blob(literal, hint, ctx, self._read)
        if not isinstance(value, hint):
            raise undecodable(hint, f"a file that holds a {type(value).__name__}")
        return value
