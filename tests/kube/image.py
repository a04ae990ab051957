"""The image of the tests' pods, made without a registry or a builder.

It holds next to nothing: programs, Python and this project come from the host, read-only and at their own places; the
node's runtime mounts them into each container.
"""

import hashlib
import io
import json
import platform
import re
import shutil
import ssl
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from flytelike.model.image import PLATFORM_IMAGE

ROOT = Path(__file__).resolve().parents[2]

NAME = PLATFORM_IMAGE
"""What tasks ask for that name no image."""

USER = 1000
"""Whom containers run as."""

BYTECODE = "/bytecode"
"""Where Python keeps what it compiled: it sees its sources read-only, and each pod would compile them anew."""

_LINKS = ("bin", "sbin", "lib", "lib64")
_FOLDERS = ("dev", "etc", "home/task", "proc", "run", "sys", "usr", "var/tmp")
_FILES = {
    "etc/passwd": f"root:x:0:0:root:/:/bin/sh\ntask:x:{USER}:{USER}:task:/home/task:/bin/sh\n",
    "etc/group": f"root:x:0:\ntask:x:{USER}:\n",
}


def mounted() -> list[Path]:
    """Return the host's folders that containers see."""
    places = [Path("/usr"), Path(sys.base_prefix), Path(sys.prefix), ROOT]
    places += [Path("/", name) for name in _LINKS if Path("/", name).is_dir() and not Path("/", name).is_symlink()]
    outer = sorted({place.resolve() for place in places})
    return [place for place in outer if not any(other in place.parents for other in outer)]


def write_image(archive: Path) -> None:
    """Write the image as `docker save` does."""
    sleep, loader, libraries = _pause()
    layer = _layer([sleep, loader, *libraries])
    config = json.dumps(
        {
            "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()],
            "os": "linux",
            "config": {
                "User": str(USER),
                "WorkingDir": "/home/task",
                "Env": [
                    f"PATH={sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin",
                    "HOME=/home/task",
                    f"PYTHONPYCACHEPREFIX={BYTECODE}",
                ],
                "Cmd": [f"/pause/{loader.name}", "--library-path", "/pause", "/pause/sleep", "infinity"],
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
            "history": [],
        }
    ).encode()
    named = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps([{"Config": named, "RepoTags": [NAME], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(archive, "w") as tar:
        for name, data in ((named, config), ("layer.tar", layer), ("manifest.json", manifest)):
            _add(tar, name, data)


def _pause() -> tuple[Path, Path, list[Path]]:
    """Return the program that holds a pod's namespaces, its loader and its libraries: nothing is mounted there."""
    program = shutil.which("sleep")
    assert program is not None
    told = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    needed = [Path(path).resolve() for path in re.findall(r"(/\S+) \(0x", told)]
    (loader,) = (path for path in needed if path.name.startswith("ld-"))
    return Path(program), loader, [path for path in needed if path != loader]


def _layer(pause: Sequence[Path]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder in (*_FOLDERS, "tmp"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            if folder == "home/task":
                entry.uid = entry.gid = USER
            tar.addfile(entry)
        for name in _LINKS:
            if Path("/", name).is_symlink():
                entry = tarfile.TarInfo(name)
                entry.type, entry.linkname = tarfile.SYMTYPE, str(Path("/", name).readlink())
                tar.addfile(entry)
        for path in pause:
            _add(tar, f"pause/{path.name}", path.read_bytes(), 0o755)
        for name, text in {**_FILES, "etc/ssl/certs/ca-certificates.crt": authorities()}.items():
            _add(tar, name, text.encode())
    return buffer.getvalue()


def authorities() -> str:
    """Return the certificates that this host trusts: HTTP clients want some, whomever they talk to."""
    known = ssl.create_default_context().get_ca_certs(binary_form=True)
    return "".join(ssl.DER_cert_to_PEM_cert(one) for one in known)


def _add(tar: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    tar.addfile(entry, io.BytesIO(data))
