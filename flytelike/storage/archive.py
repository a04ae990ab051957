"""Archives of code: packed the same everywhere, unpacked without trusting them."""

import gzip
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from flytelike.storage.errors import InvalidUri, TooLarge

FILES_MAX = 50_000
BYTES_MAX = 1024 * 1024 * 1024


def pack(files: Mapping[str, Path]) -> bytes:
    """Return a tar.gz of files by their names in it.

    Order, times, owners and modes are fixed, so that equal files give equal bytes on every machine.
    """
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted(files):
            content = files[name].read_bytes()
            info = tarfile.TarInfo(name)
            info.size = len(content)
            info.mode = 0o755 if os.access(files[name], os.X_OK) else 0o644
            tar.addfile(info, io.BytesIO(content))
    return gzip.compress(raw.getvalue(), compresslevel=6, mtime=0)


def extract(content: bytes, target: Path) -> None:
    """Unpack an archive into `target`, which appears whole or not at all; one that is there is kept.

    Raises:
        InvalidUri: it holds links, devices, or names that lead outside.
        TooLarge: it holds more than `FILES_MAX` files or `BYTES_MAX` bytes.
    """
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=target.parent, prefix=".tmp-"))
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as tar:
            unpack(tar, draft)
        try:
            draft.rename(target)
        except OSError:
            if not target.exists():
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def unpack(tar: tarfile.TarFile, folder: Path) -> None:
    """Write an archive's files below `folder`."""
    files = size = 0
    for member in tar:
        name = PurePosixPath(member.name)
        if name.is_absolute() or ".." in name.parts or not (member.isfile() or member.isdir()):
            raise InvalidUri(member.name, "the archive holds a link, a device, or a name that leads outside")
        files, size = files + 1, size + member.size
        if files > FILES_MAX or size > BYTES_MAX:
            raise TooLarge(member.name, "the archive holds too much")
        if member.isdir():
            continue
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        source = tar.extractfile(member)
        assert source is not None
        with path.open("wb") as file:
            shutil.copyfileobj(source, file)
        path.chmod(0o755 if member.mode & 0o100 else 0o644)
