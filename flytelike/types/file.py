"""Files: `FlyteFile`, whose content lies in the object store and is fetched when it is opened."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, BinaryIO, ClassVar, Self

from typing_extensions import override

from flytelike.model.ids import Digest
from flytelike.model.literals import Blob, Literal
from flytelike.model.types import BlobType, LiteralType
from flytelike.storage import Store
from flytelike.types.context import ValueContext
from flytelike.types.faults import mismatch, undecodable
from flytelike.types.places import local_path
from flytelike.types.primitives import unwrapped
from flytelike.types.stored_path import F, StoredPath
from flytelike.types.transformer import Hint

BUFFER_BYTES = 1 << 20
"""How much a stream reads at once; a store is asked less often than a disk."""


class FlyteFile(StoredPath[F]):
    """A file that travels between tasks.

    A task that returns one has the file at `path` stored; a task that takes one gets a
    path to a copy, which is fetched when the file is first opened.

    `FlyteFile["csv"]` (or, for type checkers, `FlyteFile[Literal["csv"]]`) states a format.
    """

    title: ClassVar[str] = "FlyteFile"

    def __init__(self, path: str | os.PathLike[str], remote_path: str | None = None) -> None:
        """Stand for the file at `path`, a local path or a uri.

        Args:
            path: where the file is.
            remote_path: the uri to store it at; by default one is made.
        """
        super().__init__(path)
        self.remote_path = remote_path
        self._stream: Callable[[], BinaryIO] | None = None

    @classmethod
    def stored(cls, uri: str, fetch: Callable[[], str], digest: str, stream: Callable[[], BinaryIO]) -> Self:
        """Return a file that lies at `uri`; `fetch` copies it here and returns the path, `stream` opens it there."""
        file = cls(uri)
        file.remote_source = uri
        file._fetch = fetch
        file._stream = stream
        file._hash = digest
        return file

    @classmethod
    def new(cls, name: str) -> Self:
        """Return a file in the working folder that is yet to be written."""
        return cls(Path.cwd() / name)

    @classmethod
    def from_source(cls, source: str | os.PathLike[str]) -> Self:
        """Return a file that lies at a path or uri, and is not copied."""
        return cls(source)

    @staticmethod
    @override
    def fetched(uri: str) -> str:
        import tempfile  # noqa: PLC0415 - seldom needed

        path = Path(tempfile.mkdtemp(prefix="flytelike-")) / Path(uri).name
        Store().download_file(uri, path)
        return str(path)

    def open(
        self,
        mode: str = "r",
        cache_type: str | None = None,  # noqa: ARG002 - taken for callers of the stock SDK; copies need no cache
        cache_options: dict[str, Any] | None = None,  # noqa: ARG002
        **options: Any,  # noqa: ANN401 - as Python's open
    ) -> IO[Any]:
        """Open the file as Python's `open` does.

        A stored file that was not fetched yet is read where it lies, piece by piece; nothing is held to its digest
        then. For writing its content is fetched first, and it is another file from then on.
        """
        if mode.replace("t", "") in {"r", "rb"} and (raw := self._opened()) is not None:
            buffering = options.pop("buffering", -1)
            buffered = io.BufferedReader(raw, buffering if buffering > 1 else BUFFER_BYTES)  # type: ignore[type-var]
            return buffered if "b" in mode else io.TextIOWrapper(buffered, **{"encoding": "utf-8", **options})
        path = self.download()
        if any(letter in mode for letter in "wax+"):  # from now on it is another file than the stored one
            self.remote_source = self._hash = ""
        return open(path, mode, **options)  # noqa: PTH123 - the caller closes it

    def _opened(self) -> BinaryIO | None:
        """Return the stored content as a stream; None for what is here already."""
        if self._fetch is not None:
            return self._stream() if self._stream is not None else None
        return Store().open_read(self.path) if local_path(self.path) is None else None


class FileTransformer:
    """FlyteFile to a blob. Paths (`str`, `os.PathLike`) are taken as values too."""

    name = "FlyteFilePath"

    def handles(self, hint: Hint) -> bool:
        """Tell whether the annotation is a FlyteFile, or `os.PathLike` itself."""
        return hint is os.PathLike or hint is Path or (isinstance(hint, type) and issubclass(hint, FlyteFile))

    def literal_type(self, hint: Hint) -> LiteralType:
        """Return the blob type."""
        return LiteralType(BlobType(getattr(hint, "format", "")))

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401 - any value
        """Store the file unless it is stored already; the literal carries its content's digest."""
        if not isinstance(value, FlyteFile | str | os.PathLike):
            raise mismatch(hint, value)
        file = value if isinstance(value, FlyteFile) else FlyteFile(value)
        kind = BlobType(getattr(hint, "format", ""))
        if file.remote_source:
            return Literal(Blob(file.remote_source, kind), hash=file._hash)  # noqa: SLF001 - our own class
        path = local_path(file.path)
        if path is None:
            return Literal(Blob(file.path, kind))
        if not path.is_file():
            raise mismatch(hint, file.path, "there is no such file")
        done = ctx.store.upload_file(path, file.remote_path or ctx.new_uri(path.name))
        return Literal(Blob(done.uri, kind), hash=done.digest)

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> Any:  # noqa: ANN401 - a path or file
        """Return a file that is fetched when opened (a path is fetched at once)."""
        found = unwrapped(literal)
        if not isinstance(found.value, Blob) or found.value.type.multipart:
            raise undecodable(hint, type(found.value).__name__)
        uri = found.value.uri

        def fetch() -> str:
            # A copy even of a local file: a task that changes its input must not change the store.
            path = ctx.new_path(Path(uri).name)
            promised = Digest(found.hash) if found.hash.startswith("sha256:") else None
            ctx.store.download_file(uri, path, expected=promised)
            return str(path)

        if hint is os.PathLike or hint is Path:
            return Path(fetch())
        return hint.stored(uri, fetch, found.hash, lambda: ctx.store.open_read(uri))
