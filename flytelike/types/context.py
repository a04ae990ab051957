"""What transformers need to store and fetch values."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from flytelike.storage import Store
from flytelike.storage.uri import join


@dataclass(frozen=True, slots=True)
class ValueContext:
    """Where values live.

    `raw_prefix` is the uri below which data of any size is stored; `local_dir` a folder for
    copies and drafts, which lives as long as the task does.
    """

    store: Store
    raw_prefix: str
    local_dir: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def new_uri(self, *names: str) -> str:
        """Return a uri below `raw_prefix` that was not given out before."""
        return join(self.raw_prefix, f"{next(self._numbers):04x}", *names)

    def new_path(self, name: str) -> Path:
        """Return a local path that was not given out before; its folder exists."""
        folder = self.local_dir / f"{next(self._numbers):04x}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / name
