"""A catalog in memory: for tests and simulations."""

from collections.abc import Callable, Collection, Mapping, Sequence

from flytelike.model.caching import CacheEntry, CacheKey, CatalogUse, Claim, Reserved


class MemoryCatalog:
    """Entries, reservations and uses, by the digest of their key."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        """Start empty; `now_ns` tells the time."""
        self.entries: dict[str, CacheEntry] = {}
        self.dropped: dict[str, str] = {}
        self.reserved: dict[str, Reserved] = {}
        self.uses: list[CatalogUse] = []
        self._now_ns = now_ns

    async def lookup(self, keys: Mapping[str, CacheKey]) -> Mapping[str, CacheEntry]:
        """Return the entries that are there and have not expired; keys and entries by digest."""
        now_ns = self._now_ns()
        found = {digest: self.entries[digest] for digest in keys if digest in self.entries}
        return {digest: entry for digest, entry in found.items() if not 0 < entry.expires_ns <= now_ns}

    async def put(self, entry: CacheEntry) -> None:
        """Keep a result instead of an older one, and free its key."""
        digest = entry.key.digest
        self.entries[digest] = entry
        self.dropped.pop(digest, None)
        self.reserved.pop(digest, None)

    async def put_many(self, entries: Sequence[CacheEntry]) -> None:
        """Keep many results."""
        for entry in entries:
            await self.put(entry)

    async def drop(self, digests: Collection[str], why: str) -> None:
        """Drop entries and remember why."""
        for digest in digests:
            if self.entries.pop(digest, None) is not None:
                self.dropped[digest] = why

    async def reserve(self, claims: Sequence[Claim], lease_ns: int) -> Mapping[str, Reserved]:
        """Reserve what is free, renew what a claim's own holder has, and return who has each."""
        now_ns = self._now_ns()
        for claim in claims:
            held = self.reserved.get(claim.digest)
            if held is None or held.holder == claim.holder or held.until_ns <= now_ns:
                self.reserved[claim.digest] = Reserved(claim.holder, now_ns + lease_ns)
        return {claim.digest: self.reserved[claim.digest] for claim in claims}

    async def release(self, claims: Sequence[Claim]) -> None:
        """Free what these holders have."""
        for claim in claims:
            held = self.reserved.get(claim.digest)
            if held is not None and held.holder == claim.holder:
                del self.reserved[claim.digest]

    async def count(self, uses: Sequence[CatalogUse]) -> None:
        """Remember uses."""
        self.uses.extend(uses)
