"""What the catalog has: entries count as long as everything is there that they name."""

from collections.abc import Collection, Mapping

from flytelike.model.caching import CacheEntry, CacheKey
from propeller.ports import Blobs
from propeller.ports_catalog import Catalog

DATA_LOST = "data_lost"
"""Why an entry was dropped: something that its result names is gone."""


async def entries_there(
    catalog: Catalog, blobs: Blobs, keys: Mapping[str, CacheKey]
) -> tuple[Mapping[str, CacheEntry], Collection[str]]:
    """Return the entries whose data is there, by digest, and the digests of those that are dropped since it is gone.

    Raises what the ports raise.
    """
    entries = await catalog.lookup(keys)
    uris = {uri for entry in entries.values() for uri in _named(entry)}
    if not uris:
        return entries, ()
    there = await blobs.sizes(uris)
    lost = {digest for digest, entry in entries.items() if not all(uri in there for uri in _named(entry))}
    if lost:
        await catalog.drop(lost, DATA_LOST)
    return {digest: entry for digest, entry in entries.items() if digest not in lost}, lost


def _named(entry: CacheEntry) -> tuple[str, ...]:
    """Return everything that must be there for an entry to count."""
    return entry.uris if entry.outputs else (entry.outputs_uri, *entry.uris)
