"""Archives of code: packed the same everywhere."""

import gzip
import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path


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
