"""What every store of record promises. Each adapter passes the same tests."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from flytelike.model.ids import ExecutionId
from propeller.ports import Commit, Conflict, Forgotten, HistoryBatch, Snapshot, StateStore, StoreError
from propeller.stores.memory import MemoryStateStore
from propeller.stores.sql import SqlStateStore

E = ExecutionId("p", "development", "e1")
OTHER = ExecutionId("p", "development", "e2")

Body = Callable[[StateStore], Coroutine[None, None, None]]
Run = Callable[[Body], None]


async def opened(kind: str, folder: Path, request: pytest.FixtureRequest) -> StateStore:
    match kind:
        case "memory":
            return MemoryStateStore()
        case "sqlite":
            return await SqlStateStore.open(f"sqlite:///{folder}/state.db")
        case _:
            return await SqlStateStore.open(request.getfixturevalue("postgres_url"))


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Run an async test body against a store of its own."""
    if request.param == "postgres":
        request.getfixturevalue("postgres_url")

    def go(body: Body) -> None:
        async def main() -> None:
            store = await opened(request.param, tmp_path, request)
            try:
                await body(store)
            finally:
                await store.close()

        asyncio.run(main())

    return go


def first(execution: ExecutionId = E, **parts: Any) -> Commit:
    return Commit(execution, 0, b"header", launch=b"launch", **parts)


def test_nothing_is_stored_of_an_unknown_execution(run: Run) -> None:
    async def body(store: StateStore) -> None:
        assert await store.load(E) is None
        assert await store.output(E, "n0") is None
        assert await store.unfinished() == []
        assert await store.undelivered(10) == []

    run(body)


def test_a_commit_is_stored_with_all_its_parts(run: Run) -> None:
    async def body(store: StateStore) -> None:
        await store.commit(
            first(cells={"n0": b"a", "n1": b"b"}, commands={"c1": b"x"}, outputs={"n0": b"o", "": b"root"})
        )
        assert await store.load(E) == Snapshot(1, False, b"launch", b"header", {"n0": b"a", "n1": b"b"}, {"c1": b"x"})
        assert await store.output(E, "n0") == b"o"
        assert await store.output(E, "") == b"root"
        assert await store.output(E, "n1") is None

    run(body)


def test_a_commit_changes_only_what_it_names(run: Run) -> None:
    async def body(store: StateStore) -> None:
        await store.commit(
            first(cells={"n0": b"a", "n1": b"b"}, commands={"c1": b"x", "c2": b"y"}, outputs={"n0": b"o"})
        )
        await store.commit(Commit(E, 1, b"h2", cells={"n0": b"A"}, commands={"c3": b"z"}, done=["c1", "gone"]))
        assert await store.load(E) == Snapshot(
            2, False, b"launch", b"h2", {"n0": b"A", "n1": b"b"}, {"c2": b"y", "c3": b"z"}
        )
        assert await store.output(E, "n0") == b"o"

    run(body)


@pytest.mark.parametrize("expected", [0, 1, 3])
def test_a_commit_on_another_version_is_a_conflict_and_stores_nothing(run: Run, expected: int) -> None:
    async def body(store: StateStore) -> None:
        await store.commit(first())
        await store.commit(Commit(E, 1, b"h2"))
        before = await store.load(E)
        with pytest.raises(Conflict):
            await store.commit(
                Commit(
                    E,
                    expected,
                    b"late",
                    cells={"n0": b"late"},
                    outputs={"n0": b"late"},
                    commands={"late": b""},
                    history=HistoryBatch(9, 9, b"late"),
                )
            )
        assert await store.load(E) == before
        assert await store.output(E, "n0") is None
        assert await store.undelivered(10) == []

    run(body)


def test_a_commit_of_an_unknown_execution_is_a_conflict(run: Run) -> None:
    async def body(store: StateStore) -> None:
        with pytest.raises(Conflict):
            await store.commit(Commit(E, 4, b"h"))

    run(body)


def test_commits_made_at_once_stand_and_fall_alone(run: Run) -> None:
    """A conflict in the middle of a group leaves its neighbours stored."""

    async def body(store: StateStore) -> None:
        ids = [ExecutionId("p", "d", f"e{n}") for n in range(40)]
        await store.commit(first(ids[7], cells={"n0": b"old"}))
        results = await asyncio.gather(
            *(store.commit(first(id_, cells={"n0": b"new"})) for id_ in ids), return_exceptions=True
        )
        assert [n for n, r in enumerate(results) if r is not None] == [7]
        assert isinstance(results[7], Conflict)
        for n, id_ in enumerate(ids):
            found = await store.load(id_)
            assert found is not None
            assert found.cells == {"n0": b"old" if n == 7 else b"new"}

    run(body)


def test_commits_of_one_execution_made_at_once_are_taken_in_order(run: Run) -> None:
    async def body(store: StateStore) -> None:
        commits = [first(), *(Commit(E, n, b"h%d" % n, cells={"n": b"%d" % n}) for n in range(1, 20))]
        await asyncio.gather(*(store.commit(c) for c in commits))
        found = await store.load(E)
        assert found is not None
        assert (found.version, found.header, found.cells) == (20, b"h19", {"n": b"19"})

    run(body)


def test_executions_are_unfinished_until_closed_and_without_commands(run: Run) -> None:
    async def body(store: StateStore) -> None:
        await store.commit(first(commands={"c": b""}))
        await store.commit(first(OTHER))
        assert await store.unfinished() == [E, OTHER]
        await store.commit(Commit(E, 1, b"h", closed=True))
        await store.commit(Commit(OTHER, 1, b"h", closed=True))
        assert await store.unfinished() == [E]
        await store.commit(Commit(E, 2, b"h", closed=True, done=["c"]))
        assert await store.unfinished() == []

    run(body)


def test_history_is_kept_in_order_until_delivered(run: Run) -> None:
    async def body(store: StateStore) -> None:
        await store.commit(first(history=HistoryBatch(1, 2, b"a")))
        await store.commit(first(OTHER, history=HistoryBatch(1, 1, b"x")))
        await store.commit(Commit(E, 1, b"h", history=HistoryBatch(3, 3, b"b")))
        await store.commit(Commit(E, 2, b"h", history=HistoryBatch(4, 9, b"c")))
        pending = await store.undelivered(10)
        assert [b for e, b in pending if e == E] == [
            HistoryBatch(1, 2, b"a"),
            HistoryBatch(3, 3, b"b"),
            HistoryBatch(4, 9, b"c"),
        ]
        assert [b for e, b in pending if e == OTHER] == [HistoryBatch(1, 1, b"x")]
        assert len(await store.undelivered(2)) == 2
        assert await store.undelivered(10, {E}) == [(OTHER, HistoryBatch(1, 1, b"x"))]
        assert await store.undelivered(10, {E, OTHER, ExecutionId("p", "d", "unknown")}) == []
        await store.delivered({E: 3, OTHER: 1})
        await store.delivered({E: 3})
        assert await store.undelivered(10) == [(E, HistoryBatch(4, 9, b"c"))]

    run(body)


def test_large_parts_come_back_as_they_were(run: Run) -> None:
    async def body(store: StateStore) -> None:
        large = bytes(range(256)) * 1024
        await store.commit(first(cells={"n0": large}, outputs={"n0": large}))
        found = await store.load(E)
        assert found is not None
        assert found.cells["n0"] == large
        assert await store.output(E, "n0") == large

    run(body)


def test_executions_of_the_same_name_elsewhere_are_others(run: Run) -> None:
    async def body(store: StateStore) -> None:
        ids = [ExecutionId("p", "d", "n", "o"), ExecutionId("p", "d", "n"), ExecutionId("p", "x", "n")]
        for id_ in ids:
            await store.commit(first(id_, cells={"k": str(id_.org + id_.domain).encode()}))
        for id_ in ids:
            found = await store.load(id_)
            assert found is not None
            assert found.cells == {"k": str(id_.org + id_.domain).encode()}

    run(body)


def test_a_closed_store_takes_nothing_and_says_so(run: Run) -> None:
    async def body(store: StateStore) -> None:
        await store.close()
        with pytest.raises(StoreError, match="store-unavailable"):
            await store.commit(first())

    run(body)


# --- what closed long ago ---------------------------------------------------------------------


async def conclude(store: StateStore, execution: ExecutionId, cells: int = 1) -> None:
    await store.commit(first(execution, cells={f"n{n}": b"s" for n in range(cells)}))
    await store.commit(Commit(execution, 1, b"end", closed=True))


def test_what_closed_long_enough_ago_is_forgotten_with_all_its_parts(run: Run) -> None:
    async def body(store: StateStore) -> None:
        await conclude(store, E)
        await store.commit(first(OTHER))
        assert await store.forget(3_600_000_000_000, 100) == Forgotten(0, full=False, left=True)
        assert await store.forget(0, 100) == Forgotten(1, full=False, left=False)
        assert await store.load(E) is None
        assert await store.output(E, "n0") is None
        assert await store.load(OTHER) is not None, "what is open stays"

    run(body)


def test_what_has_commands_or_history_left_is_kept(run: Run) -> None:
    async def body(store: StateStore) -> None:
        await conclude(store, E)
        await store.commit(Commit(E, 2, b"end", closed=True, commands={"c": b"x"}))
        await conclude(store, OTHER)
        await store.commit(Commit(OTHER, 2, b"end", closed=True, history=HistoryBatch(1, 1, b"h")))
        assert (await store.forget(0, 100)).executions == 0
        await store.commit(Commit(E, 3, b"end", closed=True, done=["c"]))
        await store.delivered({OTHER: 1})
        assert (await store.forget(0, 100)).executions == 2

    run(body)


def test_one_call_forgets_a_bounded_number_of_rows(run: Run) -> None:
    async def body(store: StateStore) -> None:
        for n in range(5):
            await conclude(store, ExecutionId("p", "development", f"e{n}"), cells=10)
        calls = 0
        found = Forgotten(0, full=True, left=True)
        total = 0
        while found.full:
            found = await store.forget(0, 15)
            total += found.executions
            calls += 1
        assert total == 5
        assert 3 <= calls <= 6
        assert not found.left

    run(body)


def test_what_is_expired_is_forgotten_first_whatever_its_age(run: Run) -> None:
    async def body(store: StateStore) -> None:
        await conclude(store, E)
        await conclude(store, OTHER)
        unknown = ExecutionId("p", "development", "unknown")
        await store.expire([E, unknown])
        assert (await store.forget(3_600_000_000_000, 100)).executions == 1
        assert await store.load(E) is None
        assert await store.load(OTHER) is not None

    run(body)


def test_what_is_open_does_not_expire(run: Run) -> None:
    async def body(store: StateStore) -> None:
        await store.commit(first(E))
        await store.expire([E])
        assert (await store.forget(0, 100)).executions == 0
        assert await store.load(E) is not None

    run(body)


def test_history_of_what_is_forgotten_may_be_called_delivered_again(run: Run) -> None:
    async def body(store: StateStore) -> None:
        await conclude(store, E)
        await store.forget(0, 100)
        await store.delivered({E: 7})

    run(body)


def test_what_is_dropped_is_gone_and_what_is_given_with_it_is_not_stored(run: Run) -> None:
    async def body(store: StateStore) -> None:
        await store.commit(first(cells={"a": b"1", "a.0.1": b"2", "b": b"3"}, outputs={"a.0.1": b"o", "b": b"p"}))
        gone = Commit(E, 1, b"header", cells={"a": b"4", "a.0.1": b"5"}, outputs={"a+1": b"q"}, drop=["a.0.1", "never"])
        await store.commit(gone)
        found = await store.load(E)
        assert found is not None
        assert dict(found.cells) == {"a": b"4", "b": b"3"}
        assert await store.outputs(E, ["a.0.1", "a+1", "b", "c"]) == [None, b"q", b"p", None]
        await store.commit(Commit(E, 2, b"header", cells={"a.0.1": b"6"}))
        again = await store.load(E)
        assert again is not None
        assert again.cells["a.0.1"] == b"6"

    run(body)


def test_outputs_of_an_unknown_execution_are_none(run: Run) -> None:
    async def body(store: StateStore) -> None:
        assert await store.outputs(E, ["a", "b"]) == [None, None]

    run(body)
