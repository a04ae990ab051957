"""Each shard's part of what many share: granted through the engines' database, by the control plane's quotas."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from sqlalchemy.exc import SQLAlchemyError

from propeller.allocation.shared import SharedAllocator, SharedSettings
from propeller.ports import StoreError
from propeller.ports_allocation import Allocator, QuotaReports, QuotaSource

TTL_S = 60.0
"""How long a shard that nobody runs keeps what it was granted: longer than it takes until somebody takes it over."""

Grants = Callable[[int], AbstractAsyncContextManager[Allocator | None]]


def grants_of(database: str, source: QuotaSource | None, reports: QuotaReports | None = None) -> Grants:
    """Return what makes the allocator of a shard; none without quotas. `reports` hears what is granted.

    A shard asks by its own name: whoever takes it over has what was granted to it, and who had it before has no say
    any more. Entering raises StoreError when the database cannot be used.
    """

    @asynccontextmanager
    async def allocator(number: int) -> AsyncIterator[Allocator | None]:
        if source is None:
            yield None
            return
        settings = SharedSettings(database, f"shard-{number}", ttl_s=TTL_S)
        shared = SharedAllocator(settings, source.quotas, source.tenants, reports)
        try:
            await shared.begin()
        except SQLAlchemyError as error:
            raise StoreError(f"the database of grants cannot be used: {error}") from error
        try:
            yield shared
        finally:
            await shared.hand_over()

    return allocator
