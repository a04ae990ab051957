"""The author's code on this machine: fetched once per digest, checked, unpacked, kept."""

import contextlib
import gzip
import hashlib
import io
import os
import re
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from flytelike.runtime.failures import CODE_CORRUPT, CODE_NOT_FOUND, AttemptError, user_error
from flytelike.storage import NotFound, Store

UPLOAD_PREFIX = "FLYTELIKE_UPLOAD_PREFIX"
CODE_CACHE = "FLYTELIKE_CODE_CACHE"

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")

MAX_ARCHIVE_BYTES = 1 << 30
MAX_FILES = 100_000
MAX_BYTES = 4 << 30
"""Bounds on what an archive may unpack to, so that a small hostile one cannot fill the disk."""


def code_folder(code: str, env: Mapping[str, str], store: Store) -> str:
    """Return the folder with the unpacked bundle, fetching it when it is not there yet.

    Several processes may do so at once: the first to finish wins, the others use its folder.

    Args:
        code: `sha256:<hex>`.
        env: Tells where bundles lie (`FLYTELIKE_UPLOAD_PREFIX`, project and domain) and where
            they are kept (`FLYTELIKE_CODE_CACHE`, a folder).
        store: Reads the bundle.

    Raises:
        AttemptError: The bundle is not there, or is not what its digest says, or is unsafe.
    """
    match = _DIGEST.fullmatch(code)
    if match is None:
        raise user_error(CODE_NOT_FOUND, f"{code!r} is no code digest; expected sha256:<64 hexadecimal digits>")
    folder = f"{env.get(CODE_CACHE) or _default_cache(env)}/{match[1]}"
    if not os.path.isdir(folder):  # noqa: PTH112 - each attempt comes here, and a Path costs ten times as much
        _fetch(match[1], Path(folder), _bundle_uri(match[1], env), store)
    return folder


def _default_cache(env: Mapping[str, str]) -> str:
    home = env.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return f"{home}/flytelike/code"


def _bundle_uri(hexadecimal: str, env: Mapping[str, str]) -> str:
    names = (UPLOAD_PREFIX, "FLYTE_INTERNAL_TASK_PROJECT", "FLYTE_INTERNAL_TASK_DOMAIN")
    missing = [name for name in names if not env.get(name)]
    if missing:
        raise user_error(
            CODE_NOT_FOUND, f"the environment does not tell where code bundles lie: {', '.join(missing)} is not set"
        )
    prefix, project, domain = (env[name] for name in names)
    return f"{prefix.rstrip('/')}/{project}/{domain}/{hexadecimal}/bundle.tar.gz"


def _fetch(hexadecimal: str, folder: Path, uri: str, store: Store) -> None:
    try:
        archive = store.get(uri, max_bytes=MAX_ARCHIVE_BYTES)
    except NotFound:
        raise user_error(CODE_NOT_FOUND, f"there is no code bundle at {uri}. Register again.") from None
    found = hashlib.sha256(archive).hexdigest()
    if found != hexadecimal:
        raise user_error(CODE_CORRUPT, f"the code bundle at {uri} has digest sha256:{found}, not sha256:{hexadecimal}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{hexadecimal[:12]}-", dir=folder.parent))
    try:
        _unpack(archive, partial, uri)
        _make_read_only(partial)
        with contextlib.suppress(OSError):  # another process was first
            partial.rename(folder)
    finally:
        if partial.exists():
            _remove(partial)
    if not folder.is_dir():
        raise user_error(CODE_CORRUPT, f"the code bundle from {uri} could not be kept at {folder}")


def _unpack(archive: bytes, folder: Path, uri: str) -> None:
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:*") as tar:
            size = 0
            for files, member in enumerate(tar, 1):
                size += member.size
                if files > MAX_FILES or size > MAX_BYTES:
                    raise _bad(uri, f"it holds more than {MAX_FILES} files or {MAX_BYTES >> 30} GiB")
                _unpack_member(tar, member, folder, uri)
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise _bad(uri, str(error)) from error


def _unpack_member(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, uri: str) -> None:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or not (member.isfile() or member.isdir()):
        raise _bad(uri, f"{member.name} is a link or a device, or leads outside")
    path = folder / name
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    source = tar.extractfile(member)
    if source is None:
        raise _bad(uri, f"{member.name} has no content")
    with path.open("wb") as file:
        shutil.copyfileobj(source, file)
    path.chmod(0o755 if member.mode & 0o100 else 0o644)


def _bad(uri: str, reason: str) -> AttemptError:
    return user_error(CODE_CORRUPT, f"the code bundle at {uri} cannot be unpacked: {reason}")


def _make_read_only(folder: Path) -> None:
    """Keep tasks from changing what later tasks see (root is not kept from it)."""
    for path, _, _ in os.walk(folder, topdown=False):
        if path != str(folder):  # the top must stay writable to be renamed into place
            Path(path).chmod(0o555)


def _remove(folder: Path) -> None:
    for path, _, _ in os.walk(folder):
        Path(path).chmod(0o755)
    shutil.rmtree(folder, ignore_errors=True)
