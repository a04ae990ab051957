"""Packs: many small objects of a local folder in one file.

An object of a few hundred bytes in a file of its own costs a folder or two, a file and a rename, about 0.3 ms; as a
record at the end of a file it costs some microseconds. A pack is one file in a folder, `PACK`, and holds objects that
lie in that folder by name, at most `LEVELS` - 1 folders deep. It is only added to: of two records with one name the
later counts. Who reads an object by its uri does not see the difference.

A pack begins with random bytes of its own. A record is the checksum of the rest, the lengths of name and data, name,
data. What follows a record that is not whole (somebody died, the power was cut) does not count, and is cut off before
the first record that another process adds. One process adds to a pack at a time; any may read it.
"""

import os
import struct
import threading
import weakref
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

PACK = "documents.flytelike-pack"
LEVELS = 4
"""In how many folders above an object a pack of it is looked for."""
PACKS_KEPT = 64
"""Of how many packs the places of objects are remembered."""
PACKS_OPEN = 32
"""How many packs stay open for what is added next."""

_IDENTITY_BYTES = 16
_HEAD = struct.Struct(">IHI")
_LENGTHS = struct.Struct(">HI")


@dataclass(frozen=True, slots=True)
class Packed:
    """Where an object lies in a pack."""

    pack: str
    offset: int
    size_bytes: int
    modified_ns: int

    def read(self) -> bytes:
        """Return the object's bytes. Raises OSError."""
        descriptor = os.open(self.pack, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(descriptor, self.size_bytes, self.offset)
        finally:
            os.close(descriptor)


@dataclass(slots=True)
class _Index:
    """What was seen of a pack: the places of its objects, and where its last whole record ends."""

    identity: bytes
    end: int = _IDENTITY_BYTES
    seen: tuple[int, int] = (0, 0)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)

    def go_on(self, descriptor: int, size: int) -> Self:
        """Read the records that were added."""
        data = os.pread(descriptor, max(0, size - self.end), self.end)
        at = 0
        while at + _HEAD.size <= len(data):
            checksum, name_length, length = _HEAD.unpack_from(data, at)
            begin = at + _HEAD.size
            end = begin + name_length + length
            if end > len(data) or zlib.crc32(data[at + 4 : end]) != checksum:
                break
            name = data[begin : begin + name_length].decode(errors="replace")
            self.places[name] = (self.end + begin + name_length, length)
            at = end
        self.end += at
        return self


def packs_for(key: str) -> Iterator[str]:
    """Yield the packs that may hold the object at a path, the nearest first."""
    folder = key.rpartition("/")[0]
    for _ in range(LEVELS):
        if not folder:
            return
        yield f"{folder}/{PACK}"
        folder = folder.rpartition("/")[0]


class Packs:
    """The packs that one process reads and adds to. May be used by many threads."""

    def __init__(self) -> None:
        """Know of none."""
        self._indexes: OrderedDict[str, _Index] = OrderedDict()
        self._open: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()
        weakref.finalize(self, _close, self._open)

    def add(self, folder: str, documents: Mapping[str, bytes]) -> None:
        """Add objects, by their paths in the folder, which must be there; they come last, or not at all.

        Raises OSError.
        """
        pack = f"{folder}/{PACK}"
        data = b"".join(_record(name.encode(), document) for name, document in documents.items())
        with self._lock:
            descriptor = self._opened(pack)
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
            except OSError:
                os.close(self._open.pop(pack))  # who opens it next cuts off what was half written
                raise

    def _opened(self, pack: str) -> int:
        """Return a descriptor of a pack that ends with a whole record; it stays open, since opening costs more."""
        descriptor = self._open.get(pack)
        if descriptor is not None:
            if os.fstat(descriptor).st_nlink:
                self._open.move_to_end(pack)
                return descriptor
            os.close(self._open.pop(pack))  # its folder was deleted, and may have been made anew
        descriptor = os.open(pack, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            _cut(descriptor)
        except OSError:
            os.close(descriptor)
            raise
        self._open[pack] = descriptor
        if len(self._open) > PACKS_OPEN:
            os.close(self._open.popitem(last=False)[1])
        return descriptor

    def find(self, key: str) -> Packed | None:
        """Return where the object at a path lies in a pack; None if it lies in none. Raises OSError."""
        for pack in packs_for(key):
            found = self._find(pack, key[len(pack) - len(PACK) :])
            if found is not None:
                return found
        return None

    def _find(self, pack: str, name: str) -> Packed | None:
        try:
            status = os.stat(pack)  # noqa: PTH116 - paths are plain strings, as in `folder`
        except (FileNotFoundError, NotADirectoryError):
            return None
        with self._lock:
            index = self._indexes.get(pack)
            seen = (status.st_size, status.st_mtime_ns)
            if index is None or index.seen != seen:
                index = self._indexes[pack] = _read_on(pack, index)
                index.seen = seen
            self._indexes.move_to_end(pack)
            if len(self._indexes) > PACKS_KEPT:
                self._indexes.popitem(last=False)
            place = index.places.get(name)
        return None if place is None else Packed(pack, *place, status.st_mtime_ns)


def _read_on(pack: str, index: _Index | None) -> _Index:
    """Return what is in a pack; only what was added to what an index tells is read, if it is the same pack still."""
    descriptor = os.open(pack, os.O_RDONLY | os.O_CLOEXEC)
    try:
        identity, size = os.pread(descriptor, _IDENTITY_BYTES, 0), os.fstat(descriptor).st_size
        known = index is not None and index.identity == identity and index.end <= size
        return (index if index is not None and known else _Index(identity)).go_on(descriptor, size)
    finally:
        os.close(descriptor)


def _record(name: bytes, document: bytes) -> bytes:
    rest = _LENGTHS.pack(len(name), len(document)) + name + document
    return zlib.crc32(rest).to_bytes(4) + rest


def _cut(descriptor: int) -> None:
    """Cut off what is no whole record: what is added behind it would not be found."""
    size = os.fstat(descriptor).st_size
    if size < _IDENTITY_BYTES:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, os.urandom(_IDENTITY_BYTES))
        return
    whole = _Index(b"").go_on(descriptor, size).end
    if whole < size:
        os.ftruncate(descriptor, whole)


def _close(descriptors: OrderedDict[str, int]) -> None:
    """Close what is open of packs that nobody uses any more."""
    while descriptors:
        os.close(descriptors.popitem()[1])
