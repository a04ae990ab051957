"""Why a node's result came from the cache or did not; what is in the cache; taking things out of it."""

from sqlalchemy import Connection

from flytelike.controlplane.cache_explanation import Explanation, explained
from flytelike.controlplane.catalog import EVICTED, Catalog
from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import not_found
from flytelike.controlplane.executions import found
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.repository import catalog_queries as queries
from flytelike.controlplane.repository import executions as repository
from flytelike.controlplane.repository.catalog import EntryRow, drop_entries
from flytelike.controlplane.repository.catalog_queries import Selection, Statistics
from flytelike.model.ids import NodeExecutionId


class CacheInspection:
    """The use cases of looking into the cache."""

    def __init__(self, database: Database, catalog: Catalog, clock: Clock) -> None:
        """Look into `database`, where `catalog` keeps what it knows."""
        self.database = database
        self._catalog = catalog
        self._clock = clock

    async def explain(self, node: NodeExecutionId) -> Explanation:
        """Tell why a node's result came from the cache or did not; raises Refusal NOT_FOUND."""

        def look(connection: Connection) -> Explanation:
            execution = found(connection, node.execution)
            row = repository.find_node(connection, execution.id, node.path)
            if row is None:
                raise not_found("node execution", f"{node.execution}/{node.path}")
            return explained(connection, execution, row)

        return await self.database.read(look)

    async def entries(self, selection: Selection, limit: int, offset: int) -> list[EntryRow]:
        """Return a page of the results that are there, newest first."""
        await self._catalog.flush()
        return await self.database.read(lambda connection: queries.list_entries(connection, selection, limit, offset))

    async def statistics(self, selection: Selection) -> list[Statistics]:
        """Return how the cache served each task."""
        await self._catalog.flush()
        return await self.database.read(lambda connection: queries.statistics(connection, selection))

    async def evict(self, selection: Selection, keep_bytes: int, *, dry_run: bool) -> tuple[int, int]:
        """Take results out of the cache; return how many and of how many bytes.

        The data they name stays: histories of executions refer to it, and only who knows all references may delete it.
        """
        await self._catalog.flush()
        now_ns = self._clock.now_ns()

        def go(connection: Connection) -> tuple[int, int]:
            going, freed = queries.to_evict(connection, selection, keep_bytes)
            if not dry_run:
                drop_entries(connection, going, EVICTED, now_ns)
            return len(going), freed

        return await (self.database.read(go) if dry_run else self.database.write(go))
