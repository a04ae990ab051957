"""Collecting a project's files into an archive whose bytes depend on their content alone."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import pathspec

from flytelike.bundle import archive
from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.ids import Digest
from flytelike.storage.digest import digest_of_bytes

IGNORE_FILES = (".gitignore", ".dockerignore", ".flytelikeignore")
NEVER = (
    ".git/", ".hg/", ".svn/", "__pycache__/", "*.pyc", ".venv/", "venv/", "node_modules/", ".mypy_cache/",
    ".ruff_cache/", ".pytest_cache/", ".hypothesis/", ".flytelike/", ".DS_Store",
)  # fmt: skip
BYTES_MAX = 200 * 1024 * 1024


class Copy(Enum):
    """What of a project goes into its bundle."""

    AUTO = "auto"
    """The modules that were imported from the root, and nothing else."""
    ALL = "all"
    """Every file below the root that is not ignored."""
    NONE = "none"
    """Nothing: the code is in the image already."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """An archive with its digest; `files` are relative paths in order."""

    digest: Digest
    content: bytes
    files: tuple[str, ...]


def collect(root: Path, copy: Copy = Copy.AUTO) -> Bundle:
    """Return the bundle of a project.

    Args:
        root: the folder that modules are imported from.
        copy: what goes in.

    Raises:
        DiagnosticError: `bundle-too-large`, with the largest files.
    """
    files = loaded_modules(root) if copy is Copy.AUTO else wanted(root)
    total = sum(path.stat().st_size for path in files)
    if total > BYTES_MAX:
        raise DiagnosticError([too_large(root, files, total)])
    names = {path.relative_to(root).as_posix(): path for path in files}
    content = archive.pack(names)
    return Bundle(digest_of_bytes(content), content, tuple(sorted(names)))


def loaded_modules(root: Path) -> list[Path]:
    """Return the files of the modules imported from below `root`, and of the packages they lie in."""
    found: set[Path] = set()
    for module in list(sys.modules.values()):
        name = getattr(module, "__file__", None)
        if not name or not name.endswith(".py"):
            continue
        path = Path(name).resolve()
        if path.is_relative_to(root) and not installed(path, root):
            found.add(path)
    return sorted(found)


def installed(path: Path, root: Path) -> bool:
    """Tell whether a file belongs to an environment below the root rather than to the project."""
    parts = path.relative_to(root).parts
    return "site-packages" in parts or any(part in {".venv", "venv"} for part in parts)


def wanted(root: Path) -> list[Path]:
    """Return the files below `root` that no ignore file names; links that lead outside are left out."""
    lines = list(NEVER)
    for name in IGNORE_FILES:
        if (root / name).is_file():
            lines += (root / name).read_text(encoding="utf-8", errors="replace").splitlines()
    ignored = pathspec.GitIgnoreSpec.from_lines(lines)
    return sorted(
        root / name
        for name in ignored.match_tree_files(root, negate=True)
        if (root / name).resolve().is_relative_to(root)
    )


def too_large(root: Path, files: Iterable[Path], total: int) -> Diagnostic:
    """Return the diagnostic for a bundle that is too large."""
    largest = sorted(files, key=lambda path: -path.stat().st_size)[:5]
    listed = ", ".join(f"{path.relative_to(root)} ({path.stat().st_size / 1e6:.1f} MB)" for path in largest)
    return Diagnostic(
        "bundle-too-large",
        f"the code below {root.name} has {total / 1e6:.0f} MB; the limit is {BYTES_MAX / 1e6:.0f} MB",
        help=(f"the largest files are {listed}", "leave data out with a `.flytelikeignore`, or use `--copy auto`"),
    )
