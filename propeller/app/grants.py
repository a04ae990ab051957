"""Each shard's part of what many share: granted through the engines' database, by the control plane's quotas."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from propeller.allocation.shared import SharedAllocator, SharedSettings
from propeller.ports_allocation import Allocator, QuotaSource

TTL_S = 60.0
"""How long a shard that nobody runs keeps what it was granted: longer than it takes until somebody takes it over."""

Grants = Callable[[int], AbstractAsyncContextManager[Allocator | None]]


def grants_of(database: str, source: QuotaSource | None) -> Grants:
    """Return what makes the allocator of a shard; none without quotas.

    A shard asks by its own name: whoever takes it over has what was granted to it, and who had it before has no say
    any more.
    """

    @asynccontextmanager
    async def allocator(number: int) -> AsyncIterator[Allocator | None]:
        if source is None:
            yield None
            return
        settings = SharedSettings(database, f"shard-{number}", ttl_s=TTL_S)
        shared = SharedAllocator(settings, source.quotas, source.tenants)
        await shared.begin()
        try:
            yield shared
        finally:
            await shared.hand_over()

    return allocator
