"""Looking through folders of a store and deleting what is in them: whole folders, or all but some objects.

On this machine no symbolic link is followed: tasks write below the folders that are swept, and a link of
theirs must not lead the deletion elsewhere.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flytelike.storage.errors import InvalidUri, NotFound, from_os_error
from flytelike.storage.store import Store
from flytelike.storage.uri import RESERVED, Scheme, parse

Keep = Callable[[str], bool]
"""Tells of an object's path, relative to the folder that is swept, whether it stays."""


DEPTH_MIN = 2
"""Folders nearer to the root than this are no store's."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much lies somewhere. `newest_ns` is when it was last written to, in nanoseconds since 1970."""

    objects: int = 0
    size_bytes: int = 0
    newest_ns: int = 0

    def __add__(self, other: "Extent") -> "Extent":
        """Return the extent of both together."""
        return Extent(
            self.objects + other.objects, self.size_bytes + other.size_bytes, max(self.newest_ns, other.newest_ns)
        )


def names(store: Store, prefix: str) -> Iterator[str]:
    """Yield the names of what lies directly in a folder, each once, in no order; nothing when it is missing."""
    location = parse(prefix)
    if location.scheme is not Scheme.FILE:
        yield from store.names(prefix)
        return
    try:
        with os.scandir(location.key) as entries:
            for entry in entries:
                if not entry.name.startswith(RESERVED) and not entry.is_symlink():
                    yield entry.name
    except OSError as error:
        fault = from_os_error(prefix, error)
        if not isinstance(fault, NotFound):
            raise fault from None


def extent(store: Store, prefix: str, keep: Keep | None = None) -> Extent:
    """Return how much lies below a folder, or at the uri of one object, without what `keep` says."""
    return _swept(store, prefix, keep, delete=False)


def delete_below(store: Store, prefix: str, keep: Keep | None = None) -> Extent:
    """Delete everything below a folder, or the one object at a uri, but for what `keep` says; return how much went.

    What is missing is fine: a deletion that was interrupted is simply made again.
    """
    location = parse(prefix)
    if len([step for step in location.key.split("/") if step]) < DEPTH_MIN:
        raise InvalidUri(prefix, "this is too near to the root to be deleted")
    return _swept(store, prefix, keep, delete=True)


def delete_unfinished(prefix: str, before_ns: int, *, dry_run: bool) -> Extent:
    """Delete what writers that died left of unfinished files, written to last before `before_ns`.

    Only folders of this machine have such files: buckets drop unfinished uploads themselves.
    """
    location = parse(prefix)
    if location.scheme is not Scheme.FILE:
        return Extent()
    gone = Extent()
    for folder, _, files in os.walk(location.key):
        for name in files:
            if not name.startswith(RESERVED):
                continue
            path = f"{folder}/{name}"
            found = _extent_of(path)
            if found.objects and found.newest_ns < before_ns:
                gone += found
                if not dry_run:
                    with contextlib.suppress(OSError):
                        os.unlink(path)  # noqa: PTH108 - plain strings, as in all of this file
    return gone


def _swept(store: Store, prefix: str, keep: Keep | None, *, delete: bool) -> Extent:
    """Return how much is below a folder but for what is kept, and with `delete` delete it."""
    location = parse(prefix)
    if location.scheme is Scheme.FILE:
        try:
            return _swept_locally(location.key, keep, delete=delete)
        except OSError as error:
            raise from_os_error(prefix, error, writing=True) from None
    found = Extent()
    root = prefix.rstrip("/")
    doomed: list[str] = []
    for head in list(store.everything(root)):
        if keep is None or not keep(head.uri[len(root) + 1 :]):
            found += Extent(1, head.size_bytes, head.modified_ns)
            doomed.append(head.uri)
    if delete:
        store.delete_many(doomed)
    return found


def _swept_locally(root: str, keep: Keep | None, *, delete: bool) -> Extent:
    if not os.path.isdir(root) or os.path.islink(root):  # noqa: PTH112, PTH114
        found = Extent() if keep is not None and keep("") else _extent_of(root)
        if delete and found.objects:
            os.unlink(root)  # noqa: PTH108
        return found
    found = Extent()
    for folder, folders, files in os.walk(root, topdown=False):
        links = [name for name in folders if os.path.islink(f"{folder}/{name}")]  # noqa: PTH114
        for name in (*files, *links):
            path = f"{folder}/{name}"
            if keep is not None and keep(path[len(root) + 1 :]):
                continue
            found += _extent_of(path)
            if delete and keep is not None:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)  # noqa: PTH108
        if delete and keep is not None:
            with contextlib.suppress(OSError):  # it holds something that stays
                os.rmdir(folder)  # noqa: PTH106
    if delete and keep is None:
        with contextlib.suppress(FileNotFoundError):  # somebody else deletes it, too
            shutil.rmtree(root)
    return found


def _extent_of(path: str) -> Extent:
    try:
        status = os.lstat(path)
    except OSError:
        return Extent()
    return Extent(1, status.st_size, status.st_mtime_ns)
