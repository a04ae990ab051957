"""What `execute` is pointed at: an entity in a file, or a registered name."""

from dataclasses import dataclass
from pathlib import Path

import click


@dataclass(frozen=True, slots=True)
class FileTarget:
    """An entity in a source file; an empty `entity` means the file's only workflow."""

    path: Path
    entity: str


@dataclass(frozen=True, slots=True)
class RegisteredTarget:
    """A launch plan or task of the registry; an empty `version` means the newest."""

    name: str
    version: str


Target = FileTarget | RegisteredTarget


def parse(words: tuple[str, ...]) -> tuple[Target, tuple[str, ...]]:
    """Split the words after `execute` into the target and the rest (its flags).

    Accepted are `FILE.py:ENTITY`, `FILE.py ENTITY`, `FILE.py`, `NAME` and `NAME@VERSION`.
    """
    if not words:
        raise click.UsageError("what should be executed?  flytelike execute FILE.py WORKFLOW")
    first, rest = words[0], words[1:]
    if first.startswith("-"):
        raise click.UsageError(f"the target comes before its flags; got `{first}` first")
    path, colon, entity = first.rpartition(":")
    if colon and path.endswith(".py"):
        return FileTarget(Path(path), entity), rest
    if first.endswith(".py"):
        if rest and not rest[0].startswith("-"):
            return FileTarget(Path(first), rest[0]), rest[1:]
        return FileTarget(Path(first), ""), rest
    name, _, version = first.partition("@")
    return RegisteredTarget(name, version), rest
