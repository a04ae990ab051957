"""Folders: `FlyteDirectory`, whose content lies in the object store and is fetched when needed."""

import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self

from typing_extensions import override

from flytelike.model.literals import Blob, Literal
from flytelike.model.types import BlobType, LiteralType
from flytelike.storage import Store
from flytelike.types.context import ValueContext
from flytelike.types.faults import mismatch, undecodable
from flytelike.types.file import FileTransformer, FlyteFile
from flytelike.types.places import local_path
from flytelike.types.primitives import unwrapped
from flytelike.types.stored_path import F, StoredPath
from flytelike.types.transformer import Hint


class FlyteDirectory(StoredPath[F]):
    """A folder that travels between tasks; see FlyteFile."""

    title: ClassVar[str] = "FlyteDirectory"

    def __init__(self, path: str | os.PathLike[str], remote_directory: str | None = None) -> None:
        """Stand for the folder at `path`, a local path or a uri.

        Args:
            path: where the folder is.
            remote_directory: the uri to store it at; by default one is made.
        """
        super().__init__(path)
        self.remote_directory = remote_directory
        self._ctx: ValueContext | None = None

    @classmethod
    def stored(cls, uri: str, fetch: Callable[[], str], digest: str, ctx: ValueContext) -> Self:
        """Return a folder that lies at `uri`; `fetch` copies it here and returns the path."""
        folder = cls(uri)
        folder._ctx = ctx
        folder.remote_source = uri
        folder._fetch = fetch
        folder._hash = digest
        return folder

    @classmethod
    def new(cls, name: str) -> Self:
        """Return a new folder in the working folder."""
        path = Path.cwd() / name
        path.mkdir(parents=True, exist_ok=True)
        return cls(path)

    @staticmethod
    @override
    def fetched(uri: str) -> str:
        import tempfile  # noqa: PLC0415 - seldom needed

        path = Path(tempfile.mkdtemp(prefix="flytelike-"))
        Store().download_directory(uri, path)
        return str(path)

    def listdir(self) -> "list[FlyteFile[Any] | FlyteDirectory[Any]]":
        """Return the files and folders right below, by name; nothing is fetched until one is opened.

        Raises:
            StorageError: the folder is gone or cannot be reached.
        """
        if self._fetch is None or self._ctx is None:
            found = sorted(Path(self.download()).iterdir())
            return [FlyteDirectory(path) if path.is_dir() else FlyteFile(path) for path in found]
        uri, ctx = self.remote_source.rstrip("/"), self._ctx
        below: dict[str, bool] = {}
        for head in ctx.store.list(uri):
            name, slash, _ = head.uri.removeprefix(f"{uri}/").partition("/")
            below[name] = bool(slash)
        files, folders = FileTransformer(), DirectoryTransformer()
        return [
            folders.to_python(Literal(Blob(f"{uri}/{name}", BlobType(multipart=True))), FlyteDirectory, ctx)
            if is_folder
            else files.to_python(Literal(Blob(f"{uri}/{name}", BlobType())), FlyteFile, ctx)
            for name, is_folder in sorted(below.items())
        ]

    def new_file(self, name: str | None = None) -> "FlyteFile[Any]":
        """Return a file in the folder that is yet to be written; it gets a name of its own if none is given."""
        return FlyteFile(Path(self.download()) / (name or uuid.uuid4().hex))

    def new_dir(self, name: str | None = None) -> "FlyteDirectory[Any]":
        """Return a new folder in the folder."""
        path = Path(self.download()) / (name or uuid.uuid4().hex)
        path.mkdir(parents=True, exist_ok=True)
        return FlyteDirectory(path)


class DirectoryTransformer:
    """FlyteDirectory to a blob of many parts."""

    name = "FlyteDirectory"

    def handles(self, hint: Hint) -> bool:
        """Tell whether the annotation is a FlyteDirectory."""
        return isinstance(hint, type) and issubclass(hint, FlyteDirectory)

    def literal_type(self, hint: Hint) -> LiteralType:
        """Return the blob type."""
        return LiteralType(BlobType(hint.format, multipart=True))

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401 - any value
        """Store the folder unless it is stored already; the literal carries its content's digest."""
        if not isinstance(value, FlyteDirectory | str | os.PathLike):
            raise mismatch(hint, value)
        folder = value if isinstance(value, FlyteDirectory) else FlyteDirectory(value)
        kind = BlobType(hint.format, multipart=True)
        if folder.remote_source:
            return Literal(Blob(folder.remote_source, kind), hash=folder._hash)  # noqa: SLF001 - our own class
        path = local_path(folder.path)
        if path is None:
            return Literal(Blob(folder.path, kind))
        if not path.is_dir():
            raise mismatch(hint, folder.path, "there is no such folder")
        done = ctx.store.upload_directory(path, folder.remote_directory or ctx.new_uri(path.name))
        return Literal(Blob(done.uri, kind), hash=done.digest)

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> Any:  # noqa: ANN401 - a folder
        """Return a folder that is fetched when its path is asked for."""
        found = unwrapped(literal)
        if not isinstance(found.value, Blob) or not found.value.type.multipart:
            raise undecodable(hint, type(found.value).__name__)
        uri = found.value.uri

        def fetch() -> str:
            path = ctx.new_path(Path(uri).name)
            ctx.store.download_directory(uri, path)
            return str(path)

        return hint.stored(uri, fetch, found.hash, ctx)
