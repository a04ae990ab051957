"""The local file system as a store.

Plain system calls: for the small messages that tasks exchange they take a fifth of the time of
a general object-store library (docs/adr/0004). A write goes to a reserved name beside its
target, is synced if asked, and renamed: readers see the old bytes or the new ones.
"""

import contextlib
import errno
import io
import itertools
import os
import stat
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from flytelike.storage.digest import digest_of_stream
from flytelike.storage.errors import InvalidUri, NotFound, TooLarge, UnsafePath, from_os_error
from flytelike.storage.packs import PACK, Packed, Packs
from flytelike.storage.stored import Head, Uploaded
from flytelike.storage.uri import RESERVED, file_uri

DEPTH_MAX = 100
"""Deepest folder that is walked; deeper ones are almost surely a mistake."""
SYNCED_AT_ONCE = 500
"""How many files below a folder are synced together, each of their folders once."""
FRESH_FOLDERS = 3
"""How many folders above an object `sync` takes for new."""

_PROCESS = os.urandom(4).hex()
_COUNTER = itertools.count()
_SEEN: set[str] = set()
"""Folders that this process has seen; they may be gone again."""
_SEEN_MAX = 10_000


class Folder:
    """Files on this machine; keys are absolute paths. Where there is no file, an object may lie in a pack."""

    def __init__(self) -> None:
        """Know of no packs yet."""
        self._packs = Packs()

    def get(self, uri: str, key: str, max_bytes: int) -> bytes:
        """Return a file's bytes."""
        try:
            descriptor = os.open(key, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError) as error:
            return self._get_packed(uri, key, max_bytes, error)
        except OSError as error:
            raise from_os_error(uri, error) from None
        try:
            return read_bounded(uri, descriptor, max_bytes)
        except OSError as error:
            raise from_os_error(uri, error) from None
        finally:
            os.close(descriptor)

    def _get_packed(self, uri: str, key: str, max_bytes: int, missing: OSError) -> bytes:
        found = self._packed(uri, key)
        if found is None:
            raise from_os_error(uri, missing) from None
        if found.size_bytes > max_bytes:
            raise TooLarge(uri, f"{found.size_bytes} bytes, at most {max_bytes} are allowed")
        try:
            return found.read()
        except OSError as error:
            raise from_os_error(uri, error) from None

    def _packed(self, uri: str, key: str) -> Packed | None:
        try:
            return self._packs.find(key)
        except OSError as error:
            raise from_os_error(uri, error) from None

    def pack(self, uri: str, key: str, documents: Mapping[str, bytes]) -> None:
        """Write small objects below a folder into its pack; none of them is synced."""
        try:
            if key not in _SEEN:
                make_folders(key, durable=False)
                _saw(key)
            try:
                self._packs.add(key, documents)
            except FileNotFoundError:
                make_folders(key, durable=False)
                self._packs.add(key, documents)
        except OSError as error:
            raise from_os_error(uri, error, writing=True) from None

    def put(self, uri: str, key: str, data: bytes, *, durable: bool) -> None:
        """Write a file at once."""
        with FileSink(uri, key, durable=durable) as sink:
            sink.write(data)
            sink.commit()

    def put_new(self, uri: str, key: str, data: bytes, *, durable: bool) -> bool:
        """Write a file at once if there is none; tell whether it was written."""
        with FileSink(uri, key, durable=durable) as sink:
            sink.write(data)
            return sink.commit_new()

    def head(self, uri: str, key: str) -> Head:
        """Return a file's size and time. Its digest is not known: anybody may have changed the file."""
        try:
            status = os.stat(key)  # noqa: PTH116 - paths are plain strings on the hot way
        except OSError as error:
            found = self._packed(uri, key) if isinstance(error, FileNotFoundError | NotADirectoryError) else None
            if found is None:
                raise from_os_error(uri, error) from None
            return Head(uri, found.size_bytes, found.modified_ns)
        if not stat.S_ISREG(status.st_mode):
            raise NotFound(uri, "this is not a file")
        return Head(uri, status.st_size, status.st_mtime_ns)

    def walk(self, uri: str, key: str) -> Iterator[tuple[str, Head]]:
        """Yield the files below a folder; links that lead out of it are left out."""
        try:
            for relative, path in files_below(key, strict=False):
                status = os.stat(path)  # noqa: PTH116
                yield relative, Head(file_uri(path), status.st_size, status.st_mtime_ns)
        except OSError as error:
            raise from_os_error(uri, error) from None

    def delete(self, uri: str, key: str) -> None:
        """Delete a file; a missing one is fine."""
        try:
            os.unlink(key)  # noqa: PTH108
        except FileNotFoundError:
            return
        except OSError as error:
            raise from_os_error(uri, error) from None

    def sync(self, uri: str, key: str) -> None:
        """Sync a file that is there, its folder, and those above it that may be as new as the file."""
        if not os.path.exists(key):  # noqa: PTH110
            packed = self._packed(uri, key)
            key = key if packed is None else packed.pack
        try:
            sync_path(key)
            folder = os.path.dirname(key)  # noqa: PTH120
            sync_path(folder)
            for _ in range(FRESH_FOLDERS - 1):
                folder = os.path.dirname(folder)  # noqa: PTH120
                with contextlib.suppress(PermissionError):  # it is not ours, so not new
                    sync_path(folder)
        except OSError as error:
            raise from_os_error(uri, error) from None

    def sync_all(self, keys: Collection[str], stopped: Callable[[], bool] = lambda: False) -> None:
        """Do as `sync` for many files, each folder once; files that are not there are passed over.

        It ends early, between two files, once it is `stopped`.
        """
        folders: set[str] = set()
        packs: set[str] = set()
        path = ""
        try:
            for path in keys:
                if stopped():
                    return
                try:
                    sync_path(path)
                    folders.update(_above(path))
                except FileNotFoundError:
                    packed = self._packs.find(path)
                    packs.update([packed.pack] if packed is not None else [])
            for path in packs:
                with contextlib.suppress(FileNotFoundError):
                    sync_path(path)
                    folders.update(_above(path))
            for path in sorted(folders, key=len, reverse=True):
                if stopped():
                    return
                with contextlib.suppress(PermissionError, FileNotFoundError):
                    sync_path(path)
        except OSError as error:
            raise from_os_error(file_uri(path), error) from None

    def sync_below(self, key: str, stopped: Callable[[], bool] = lambda: False) -> None:
        """Sync all files below a folder, its pack, and the folders they lie in; some at a time."""
        try:
            below = (path for _, path in files_below(key, strict=False))
            while paths := list(itertools.islice(below, SYNCED_AT_ONCE)):
                self.sync_all(paths, stopped)
        except FileNotFoundError:
            return  # Nothing was ever written there, or it is being deleted.
        except OSError as error:
            raise from_os_error(file_uri(key), error) from None
        self.sync_all([f"{key}/{PACK}"], stopped)

    def reader(self, uri: str, key: str) -> BinaryIO:
        """Open a file for reading."""
        try:
            return open(key, "rb")  # noqa: PTH123
        except (FileNotFoundError, NotADirectoryError) as error:
            return io.BytesIO(self._get_packed(uri, key, sys.maxsize, error))
        except OSError as error:
            raise from_os_error(uri, error) from None

    def sink(self, uri: str, key: str, *, durable: bool) -> "FileSink":
        """Open a new file for writing."""
        return FileSink(uri, key, durable=durable)


class FileSink:
    """A file that is being written under a reserved name."""

    def __init__(self, uri: str, key: str, *, durable: bool) -> None:
        """Make the folder if it is missing and open the reserved name in it."""
        self._uri = uri
        self._target = key
        self._durable = durable
        self._parent, name = os.path.split(key)
        if not name:
            raise InvalidUri(uri, "this is the root folder, not a file")
        self._unfinished = f"{self._parent}/{RESERVED}{_PROCESS}-{os.getpid()}-{next(_COUNTER)}"
        self._descriptor = self._opened()

    def __enter__(self) -> Self:
        """Return this sink."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Discard what was not committed."""
        self.discard()

    def write(self, data: bytes | memoryview) -> None:
        """Append the bytes."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            raise from_os_error(self._uri, error, writing=True) from None

    def commit(self) -> None:
        """Sync if durable, then rename to the target."""
        descriptor, self._descriptor = self._descriptor, -1
        try:
            try:
                if self._durable:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.rename(self._unfinished, self._target)  # noqa: PTH104
            if self._durable:
                sync_path(self._parent)
        except OSError as error:
            self._forget()
            raise from_os_error(self._uri, error, writing=True) from None

    def commit_new(self) -> bool:
        """Do as `commit` if nothing has the target's name; tell whether it was so."""
        try:
            if self._durable:
                os.fsync(self._descriptor)
            os.link(self._unfinished, self._target)
            if self._durable:
                sync_path(self._parent)
        except FileExistsError:
            return False
        except OSError as error:
            raise from_os_error(self._uri, error, writing=True) from None
        finally:
            self.discard()
        return True

    def discard(self) -> None:
        """Remove the unfinished file; harmless after `commit`."""
        if self._descriptor < 0:
            return
        os.close(self._descriptor)
        self._descriptor = -1
        self._forget()

    def _forget(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self._unfinished)  # noqa: PTH108

    def _opened(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            if self._parent not in _SEEN:  # most objects are the first of their folder
                make_folders(self._parent, durable=self._durable)
                _saw(self._parent)
            try:
                return os.open(self._unfinished, flags, 0o666)
            except FileNotFoundError:
                make_folders(self._parent, durable=self._durable)
                return os.open(self._unfinished, flags, 0o666)
        except OSError as error:
            raise from_os_error(self._uri, error, writing=True) from None


def take_into_folder(path: Path, uri: str, key: str, *, durable: bool) -> Uploaded | None:
    """Rename a file into place and digest it; None, with nothing done, where it lies on another disk."""
    parent = os.path.dirname(key)  # noqa: PTH120
    try:
        make_folders(parent, durable=durable)
        with path.open("rb") as stream:
            digest, size_bytes = digest_of_stream(stream), stream.tell()
            if durable:
                os.fsync(stream.fileno())
        os.rename(path, key)  # noqa: PTH104
        if durable:
            sync_path(parent)
    except OSError as error:
        if error.errno == errno.EXDEV:
            return None
        raise from_os_error(uri, error, writing=True) from None
    return Uploaded(uri, digest, size_bytes)


def read_bounded(uri: str, descriptor: int, max_bytes: int) -> bytes:
    """Read an open file to its end; raises TooLarge, or NotFound when it is a folder."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise NotFound(uri, "this is not a file")
    if status.st_size > max_bytes:
        raise TooLarge(uri, f"{status.st_size} bytes, at most {max_bytes} are allowed")
    chunks: list[bytes] = []
    left = status.st_size
    while left > 0 and (chunk := os.read(descriptor, left)):
        chunks.append(chunk)
        left -= len(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def make_folders(path: str, *, durable: bool) -> None:
    """Make a folder and those above it; with `durable` each new name is synced too."""
    missing = [path]
    while missing:
        folder = missing[-1]
        try:
            os.mkdir(folder)  # noqa: PTH102
        except FileNotFoundError:
            missing.append(os.path.dirname(folder))  # noqa: PTH120
            continue
        except FileExistsError:
            pass
        else:
            if durable:
                sync_path(os.path.dirname(folder))  # noqa: PTH120
        missing.pop()


def _saw(folder: str) -> None:
    if len(_SEEN) >= _SEEN_MAX:
        _SEEN.clear()
    _SEEN.add(folder)


def sync_path(path: str) -> None:
    """Make a file's bytes, or the names in a folder, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _above(path: str) -> Iterator[str]:
    """Yield the folders above a file that may be as new as the file."""
    for _ in range(FRESH_FOLDERS):
        path = os.path.dirname(path)  # noqa: PTH120
        yield path


def files_below(root: str, *, strict: bool) -> Iterator[tuple[str, str]]:
    """Yield `(relative path, path)` of all files below `root`, in the order of the relative paths.

    Symbolic links are followed when they stay inside `root` and lead in no circle; with
    `strict` others raise UnsafePath, without they are left out. Reserved names are left out.
    """
    real_root = os.path.realpath(root)
    yield from _files(root, "", (real_root,), strict=strict)


def _files(folder: str, prefix: str, above: tuple[str, ...], *, strict: bool) -> Iterator[tuple[str, str]]:
    if len(above) > DEPTH_MAX:
        raise UnsafePath(file_uri(folder), f"folders are nested more than {DEPTH_MAX} deep")
    with os.scandir(folder) as entries:
        found = [entry for entry in entries if not entry.name.startswith(RESERVED)]
    # A folder sorts as its name with a slash, so that the order is that of the whole paths.
    for entry in sorted(found, key=lambda e: f"{e.name}/" if e.is_dir() else e.name):
        if entry.is_symlink() and (fault := _link_fault(entry, above)):
            if strict:
                raise UnsafePath(file_uri(entry.path), fault)
            continue
        if entry.is_dir():
            inside = (*above, os.path.realpath(entry.path))
            yield from _files(entry.path, f"{prefix}{entry.name}/", inside, strict=strict)
        elif entry.is_file():
            yield f"{prefix}{entry.name}", entry.path


def _link_fault(entry: os.DirEntry[str], above: tuple[str, ...]) -> str:
    target = os.path.realpath(entry.path)
    if not Path(target).is_relative_to(above[0]):
        return "a symbolic link that leads out of the folder"
    if target in above:
        return "a symbolic link that leads in a circle"
    if not os.path.exists(target):  # noqa: PTH110
        return "a symbolic link that leads nowhere"
    return ""
