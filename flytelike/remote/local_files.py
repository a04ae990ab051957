"""Files and folders of this machine that inputs name: checked, and uploaded for a distant platform."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from flytelike.model.types import BlobType
from flytelike.remote.client import Client
from flytelike.remote.uploads import md5_of, upload
from flytelike.storage.folder import files_below
from flytelike.types.inputs import Stored


@dataclass(slots=True)
class LocalFiles:
    """Remembers the paths that inputs name, and the uris they get once they are uploaded.

    Read the inputs with `locate`, `upload`, and read them again: the second reading gives the uris.
    """

    uris: dict[Path, str] = field(default_factory=dict)
    waiting: set[Path] = field(default_factory=set)

    def locate(self, text: str, kind: Stored) -> str:
        """Return a uri as it is, an uploaded path's uri, and any other path made absolute.

        Raises:
            ValueError: nothing lies there, or a file where a folder is wanted, or the reverse.
        """
        if "://" in text:
            return text
        path = Path(text).expanduser().absolute()
        if not path.exists():
            raise ValueError(f"there is no file or folder {path}")
        if isinstance(kind, BlobType) and path.is_dir() != kind.multipart:
            wanted, got = ("folder", "file") if kind.multipart else ("file", "folder")
            raise ValueError(f"expected a {wanted}, but {path} is a {got}")
        if path not in self.uris:
            self.waiting.add(path)
        return self.uris.get(path, str(path))

    async def upload(self, client: Client, project: str, domain: str) -> bool:
        """Upload what was named since the last time; tells whether there was anything.

        Content goes to where its digest says, so that the same file travels once.

        Raises:
            RemoteError: the platform refused a file, or did not take its bytes.
            OSError: a file could not be read.
        """
        waiting = sorted(self.waiting)
        for path in waiting:
            send = uploaded_folder if path.is_dir() else uploaded_file
            self.uris[path] = await send(client, path, project, domain)
        self.waiting.clear()
        return bool(waiting)


async def uploaded_file(client: Client, path: Path, project: str, domain: str) -> str:
    """Upload a file and return its uri."""
    folder = md5_of(path).hex()
    done = await upload(client, path, project=project, domain=domain, folder=folder, filename=path.name)
    return done.uri


async def uploaded_folder(client: Client, path: Path, project: str, domain: str) -> str:
    """Upload a folder's files below one uri and return that."""
    files = list(files_below(str(path), strict=True))
    if not files:
        raise ValueError(f"the folder {path} is empty")
    running = hashlib.md5(usedforsecurity=False)
    for relative, place in files:
        running.update(f"{len(relative)}:{relative} ".encode("utf-8", "surrogateescape") + md5_of(Path(place)))
    uri = ""
    for relative, place in files:
        name = f"{path.name}/{relative}"
        done = await upload(
            client, Path(place), project=project, domain=domain, folder=running.hexdigest(), filename=name
        )
        uri = done.uri.removesuffix(f"/{relative}")
    return uri
