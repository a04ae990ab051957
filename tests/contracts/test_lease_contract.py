"""Who may write to a store of record: one engine at a time, whatever becomes of the one before."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from flytelike.model.ids import ExecutionId
from propeller.ports import Commit, NotOwner, Owned, StateStore, StoreError
from propeller.stores.memory import MemoryStateStore
from propeller.stores.sql import SqlStateStore

E = ExecutionId("p", "development", "e1")
HOUR_NS = 3_600_000_000_000

Body = Callable[[StateStore, StateStore], Coroutine[None, None, None]]
Run = Callable[[Body], None]


@asynccontextmanager
async def two(kind: str, folder: Path, request: pytest.FixtureRequest) -> AsyncIterator[tuple[StateStore, StateStore]]:
    """Two handles on one store."""
    one: StateStore
    other: StateStore
    if kind == "memory":
        one = MemoryStateStore()
        other = one.beside()
    else:
        url = f"sqlite:///{folder}/state.db" if kind == "sqlite" else request.getfixturevalue("postgres_url")
        one, other = await SqlStateStore.open(url), await SqlStateStore.open(url)
    try:
        yield one, other
    finally:
        await one.close()
        await other.close()


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Run an async test body against two handles."""
    if request.param == "postgres":
        request.getfixturevalue("postgres_url")

    def go(body: Body) -> None:
        async def main() -> None:
            async with two(request.param, tmp_path, request) as handles:
                await body(*handles)

        asyncio.run(main())

    return go


def first(execution: ExecutionId = E) -> Commit:
    return Commit(execution, 0, b"header", launch=b"launch")


def test_while_one_owns_the_store_no_other_can(run: Run) -> None:
    async def body(one: StateStore, other: StateStore) -> None:
        await one.own("ada", HOUR_NS)
        with pytest.raises(Owned, match="`ada` runs on this store") as caught:
            await other.own("bob", HOUR_NS)
        assert caught.value.holder == "ada"
        assert HOUR_NS - 60_000_000_000 < caught.value.lapses_ns <= HOUR_NS
        await one.commit(first())

    run(body)


def test_a_lease_that_lapsed_is_anybody_s(run: Run) -> None:
    async def body(one: StateStore, other: StateStore) -> None:
        await one.own("ada", 0)
        await other.own("bob", HOUR_NS)
        await other.commit(first())

    run(body)


def test_who_was_replaced_can_store_nothing_any_more(run: Run) -> None:
    async def body(one: StateStore, other: StateStore) -> None:
        await one.own("ada", 0)
        await one.commit(first())
        await other.own("bob", HOUR_NS)
        with pytest.raises(NotOwner, match="`bob`"):
            await one.commit(Commit(E, 1, b"later"))
        with pytest.raises(NotOwner):
            await one.delivered({E: 1})
        with pytest.raises(NotOwner):
            await one.renew(HOUR_NS)
        await other.commit(Commit(E, 1, b"other"))
        snapshot = await one.load(E)
        assert snapshot is not None
        assert snapshot.header == b"other"

    run(body)


def test_who_was_replaced_stays_so_after_the_other_has_gone(run: Run) -> None:
    async def body(one: StateStore, other: StateStore) -> None:
        await one.own("ada", 0)
        await other.own("bob", HOUR_NS)
        await other.release()
        with pytest.raises(NotOwner):
            await one.commit(first())

    run(body)


def test_a_lease_that_is_renewed_does_not_lapse(run: Run) -> None:
    async def body(one: StateStore, other: StateStore) -> None:
        await one.own("ada", 0)
        await one.renew(HOUR_NS)
        with pytest.raises(Owned):
            await other.own("bob", HOUR_NS)

    run(body)


def test_a_lease_that_is_given_back_is_anybody_s(run: Run) -> None:
    async def body(one: StateStore, other: StateStore) -> None:
        await one.own("ada", HOUR_NS)
        await one.release()
        await other.own("bob", HOUR_NS)
        await one.release()
        with pytest.raises(Owned):
            await one.own("ada", HOUR_NS)

    run(body)


def test_an_engine_that_restarts_is_not_kept_out_by_its_own_lease(run: Run) -> None:
    async def body(one: StateStore, other: StateStore) -> None:
        await one.own("ada", HOUR_NS)
        await other.own("ada", HOUR_NS)
        await other.commit(first())
        with pytest.raises(NotOwner):
            await one.commit(Commit(E, 1, b"a ghost's"))

    run(body)


def test_of_many_that_ask_at_once_one_becomes_the_owner(run: Run) -> None:
    async def body(one: StateStore, other: StateStore) -> None:
        asked = [store.own(f"{n}", HOUR_NS) for n, store in enumerate([one, other])]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert sorted(type(result).__name__ for result in found) == ["NoneType", "Owned"]

    run(body)


def test_a_handle_that_never_asked_is_not_checked(run: Run) -> None:
    """So that tools and tests can use a store without being an engine."""

    async def body(one: StateStore, other: StateStore) -> None:
        await one.commit(first())
        await other.commit(Commit(E, 1, b"later"))

    run(body)


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_parts_of_a_database_are_stores_of_their_own(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Each has an owner of its own, and knows nothing of what the others keep."""
    url = f"sqlite:///{tmp_path}/state.db" if kind == "sqlite" else request.getfixturevalue("postgres_url")

    async def main() -> None:
        stores = [await SqlStateStore.open(url, part=part) for part in range(3)]
        for number, store in enumerate(stores):
            await store.own(f"owner-{number}", HOUR_NS)
            await store.commit(Commit(E, 0, f"header-{number}".encode(), launch=b"launch"))
        again = await SqlStateStore.open(url, part=1)
        with pytest.raises(Owned, match="`owner-1`"):
            await again.own("other", HOUR_NS)
        for number, store in enumerate(stores):
            snapshot = await store.load(E)
            assert snapshot is not None
            assert snapshot.header == f"header-{number}".encode()
        for store in (*stores, again):
            await store.close()

    asyncio.run(main())


@pytest.mark.postgres
def test_a_store_goes_on_after_its_server_has_cut_all_connections(postgres_url: str) -> None:
    """As a restart of the server does: one call may fail, the next one connects again."""

    async def main() -> None:
        store = await SqlStateStore.open(postgres_url)
        await store.own("ada", HOUR_NS)
        await store.commit(first())
        url = postgres_url.replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        with pytest.raises(StoreError):
            await store.load(E)
        with pytest.raises(StoreError):
            await store.renew(HOUR_NS)
        assert await store.load(E) is not None
        await store.commit(Commit(E, 1, b"later"))
        await store.close()

    asyncio.run(main())
