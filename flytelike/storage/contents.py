"""What lies at an address, by content: for values that name data without saying what it is."""

from collections import OrderedDict
from threading import Lock

from flytelike.model.ids import Digest
from flytelike.storage.digest import digest_of_stream, digest_of_tree
from flytelike.storage.errors import NotFound
from flytelike.storage.store import Store
from flytelike.storage.stored import Head

READ_BYTES_MAX = 8 * 1024**3
"""Larger objects go by address, size and time of change: to read them would take minutes."""
KEPT = 10_000


class Contents:
    """Digests of objects and folders; those of objects that have not changed since are remembered."""

    def __init__(self, store: Store) -> None:
        """Read through `store`."""
        self._store = store
        self._kept: OrderedDict[tuple[str, int, int], Digest] = OrderedDict()
        self._lock = Lock()

    def digest(self, uri: str) -> Digest | None:
        """Return the digest of an object or folder, that of an upload of the same content; None if there is nothing.

        Raises `StorageError`.
        """
        try:
            return self._object(self._store.head(uri))
        except NotFound:
            pass
        parts = [(relative, self._object(head)) for relative, head in self._store.walk(uri)]
        return digest_of_tree(parts) if parts or self._store.measure(uri) is not None else None

    def _object(self, head: Head) -> Digest:
        if head.size_bytes > READ_BYTES_MAX:
            return Digest(f"as changed at {head.modified_ns}: {head.size_bytes} bytes at {head.uri}")
        name = (head.uri, head.size_bytes, head.modified_ns)
        with self._lock:
            known = self._kept.get(name)
        if known is None:
            with self._store.open_read(head.uri) as stream:
                known = digest_of_stream(stream)
            with self._lock:
                self._kept[name] = known
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
        return known
