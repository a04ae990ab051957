"""The catalog port: cached results, and who is computing one right now. Asked in batches."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from flytelike.model.caching import CacheEntry, CacheKey, CatalogUse, Claim, Reserved


class Catalog(Protocol):
    """Keeps results by the digest of their key. Whatever it raises costs time and never a result."""

    async def lookup(self, keys: Mapping[str, CacheKey]) -> Mapping[str, CacheEntry]:
        """Return the entries that are there and have not expired; keys and entries by digest."""

    async def put(self, entry: CacheEntry) -> None:
        """Keep a result durably instead of an older one, and free its key. Puts made at once share a commit."""

    async def put_many(self, entries: Sequence[CacheEntry]) -> None:
        """Keep many results as `put` does, in one commit; of two for one key the later one."""

    async def drop(self, digests: Collection[str], why: str) -> None:
        """Drop entries; `why` is a reason in snake case that is remembered for a while."""

    async def reserve(self, claims: Sequence[Claim], lease_ns: int) -> Mapping[str, Reserved]:
        """Reserve what is free for `lease_ns`, renew what the claim's own holder has, and return who has each."""

    async def release(self, claims: Sequence[Claim]) -> None:
        """Free what these holders have; what others have is left alone."""

    async def count(self, uses: Sequence[CatalogUse]) -> None:
        """Count uses for the statistics; returns at once, and a crash may lose the last second's."""


class NoCatalog:
    """A catalog that keeps nothing."""

    async def lookup(self, keys: Mapping[str, CacheKey]) -> Mapping[str, CacheEntry]:  # noqa: ARG002 - the port's
        """Return nothing."""
        return {}

    async def put(self, entry: CacheEntry) -> None:
        """Keep nothing."""

    async def put_many(self, entries: Sequence[CacheEntry]) -> None:
        """Keep nothing."""

    async def drop(self, digests: Collection[str], why: str) -> None:
        """Do nothing."""

    async def reserve(self, claims: Sequence[Claim], lease_ns: int) -> Mapping[str, Reserved]:
        """Let everybody do everything."""
        return {claim.digest: Reserved(claim.holder, lease_ns) for claim in claims}

    async def release(self, claims: Sequence[Claim]) -> None:
        """Do nothing."""

    async def count(self, uses: Sequence[CatalogUse]) -> None:
        """Do nothing."""
