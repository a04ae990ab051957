"""What an attempt leaves to the next one: `current_context().checkpoint`."""

from pathlib import Path
from typing import BinaryIO

from flytelike.storage import Store

WRITTEN = "_dst_cp"
"""What bytes are stored as, as the stock SDK does."""


class Checkpoint:
    """Progress that outlives an attempt: a retry reads what the attempt before it wrote.

    A write replaces what this attempt wrote before, and is there whole or not at all.
    """

    def __init__(self, store: Store, prefix: str, previous_prefix: str = "") -> None:
        """Write below `prefix`, and read below it or, as long as nothing is there, below `previous_prefix`."""
        self._store = store
        self._prefix = prefix.rstrip("/")
        self._previous_prefix = previous_prefix.rstrip("/")
        self._latest = self._previous_prefix

    @property
    def previous_exists(self) -> bool:
        """Whether the attempt before this one left something."""
        return bool(self._previous_prefix) and any(True for _ in self._store.list(self._previous_prefix))

    def read(self) -> bytes | None:
        """Return what was written last, by this attempt or the one before; None if there is nothing.

        Raises:
            ValueError: It is a folder of several files; use `restore`.
        """
        found = [head.uri for head in self._store.list(self._latest)] if self._latest else []
        if len(found) > 1:
            raise ValueError(f"the checkpoint holds {len(found)} files; use restore() to get them")
        return self._store.get(found[0]) if found else None

    def write(self, content: bytes | BinaryIO) -> None:
        """Store bytes, or all that a file gives.

        Raises:
            ValueError: This attempt has no place for checkpoints.
        """
        data = content if isinstance(content, bytes) else content.read()
        self._store.put(f"{self._place()}/{WRITTEN}", data, durable=True)
        self._latest = self._prefix

    def save(self, path: str | Path) -> None:
        """Store a file, or a folder with all that is in it.

        Raises:
            ValueError: This attempt has no place for checkpoints.
            FileNotFoundError: There is nothing at the path.
        """
        place, source = self._place(), Path(path)
        if source.is_dir():
            self._store.upload_directory(source, place, durable=True)
        elif source.is_file():
            self._store.upload_file(source, f"{place}/{source.name}", durable=True)
        else:
            raise FileNotFoundError(source)
        self._latest = self._prefix

    def restore(self, path: str | Path) -> Path | None:
        """Copy what was saved last into a folder, which is made; return it, or None if there is nothing."""
        if not self._latest or not any(True for _ in self._store.list(self._latest)):
            return None
        folder = Path(path)
        self._store.download_directory(self._latest, folder)
        return folder

    def _place(self) -> str:
        if not self._prefix:
            raise ValueError("this attempt has no place for checkpoints")
        return self._prefix
