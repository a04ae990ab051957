"""The machine's troubles are waited out however long they last, told once, and shown to whoever asks."""

import logging
from collections.abc import Callable

import pytest

from flytelike.controlplane.errors import Status, refusal
from flytelike.model.diagnostic import Diagnostic
from flytelike.model.history import NodeChanged
from flytelike.model.phases import WorkflowPhase
from flytelike.storage import OutOfSpace, Unavailable
from propeller.engine import EngineSettings
from propeller.engine.troubles import Cause, Troubles, cause_of
from propeller.ports import (
    AttemptKey,
    BlobsAway,
    BlobsFull,
    BlobsUnavailable,
    Conflict,
    NotOwner,
    Owned,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
)
from tests.unit.propeller_engine.builders import chain, closure, request
from tests.unit.propeller_engine.fakes import FakeClock
from tests.unit.propeller_engine.world import World, live

S = 1_000_000_000
LOCKED = refusal(Status.UNAVAILABLE, "database-locked", "somebody holds it")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StoreFull("no room"), "disk-full"),
        (StoreLocked("held"), "database-locked"),
        (StoreError("away"), "store-unavailable"),
        (BlobsFull("no room"), "disk-full"),
        (OutOfSpace("file:///x", "no room"), "disk-full"),
        (LOCKED, "database-locked"),
        (refusal(Status.INVALID_ARGUMENT, "invalid-name", "not a name"), None),
        (refusal(Status.RESOURCE_EXHAUSTED, "too-many-values", "too many"), None),
        (BlobsAway("connection refused"), "object-store-unavailable"),
        (Unavailable("s3://b/x", "connection refused"), "object-store-unavailable"),
        (BlobsUnavailable("access denied"), None),
        (Conflict("another owner"), None),
        (Owned("a", 1), None),
        (NotOwner("gone"), None),
        (StoreCorrupt("damaged"), None),
        (ValueError("a bug"), None),
    ],
)
def test_only_what_passes_by_itself_is_waited_out(error: Exception, code: str | None) -> None:
    cause = cause_of(error)
    assert (cause and cause.code) == code


def test_a_trouble_is_said_when_it_begins_and_when_the_last_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    troubles = Troubles(clock)
    one, two = request("one").id, request("two").id
    with caplog.at_level(logging.WARNING):
        troubles.note("a", Cause("disk-full", "no room"), one)
        clock.advance(5)
        troubles.note("b", Cause("disk-full", "still none"), two)
        troubles.note("a", Cause("disk-full", "still none"), one)
        troubles.note("c", Cause("database-locked", "held"))
        full, locked = troubles.current()
        assert (full.message, full.executions) == ("no room", {one, two})
        assert (locked.code, locked.executions, locked.since_ns - full.since_ns) == ("database-locked", frozenset(), 5)
        troubles.over("a")
        assert [it.executions for it in troubles.current()] == [{two}, frozenset()]
        troubles.forget(two)
        troubles.over("c")
        troubles.over("never noted")
    assert troubles.current() == []
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR", "WARNING", "WARNING"]


def test_one_who_waits_for_something_else_now_is_counted_once() -> None:
    troubles = Troubles(FakeClock())
    troubles.note("a", Cause("disk-full", "no room"))
    troubles.note("a", Cause("database-locked", "held"))
    assert [it.code for it in troubles.current()] == ["database-locked"]
    troubles.over("a")
    assert troubles.current() == []


def failing_with(make: Callable[[], Exception]) -> Callable[..., object]:
    async def fail(*_: object) -> object:
        raise make()

    return fail


@pytest.mark.parametrize(
    ("port", "method", "make", "code"),
    [
        ("blobs", "pack", lambda: BlobsFull("no room"), "disk-full"),
        ("executor", "start", lambda: OutOfSpace("file:///x", "no room"), "disk-full"),
        ("closures", "get", lambda: LOCKED, "database-locked"),
        ("sink", "record", lambda: LOCKED, "database-locked"),
    ],
)
def test_longer_than_errands_are_tried_and_no_attempt_is_lost(
    monkeypatch: pytest.MonkeyPatch, port: str, method: str, make: Callable[[], Exception], code: str
) -> None:
    async def body() -> None:
        world = World(closure(chain(3)))
        engine = await world.engine()
        with monkeypatch.context() as broken:
            broken.setattr(getattr(world, port), method, failing_with(make))
            await engine.submit(request())
            for _ in range(100):
                world.clock.advance(1_000_000_000)
                await world.settle(5)
            (trouble,) = engine.troubles
            assert trouble.code == code
            assert trouble.executions == (frozenset() if port == "sink" else {request().id})
        await world.ended(request().id)
        world.clock.advance(10_000_000_000)  # until the last has tried again
        await world.settle()
        assert world.phase(request().id) is WorkflowPhase.SUCCEEDED
        assert engine.troubles == []
        assert {key.attempt for key in world.executor.starts} == {0}
        await engine.close()

    assert EngineSettings("", "").tries_max < 100
    live(body())


def test_the_history_tells_what_an_attempt_waits_for() -> None:
    async def body() -> None:
        world = World(closure(chain(1)), script=lambda _: None)
        world.executor.tell_running = False
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        (key,) = world.executor.starts

        async def tell(why: Diagnostic | None) -> None:
            engine.held_up(key, why)
            world.clock.advance(S)
            await world.settle()

        for headline in ("team a uses 4 of 4 cpu (place 3 of 7)", "team a uses 4 of 4 cpu (place 2 of 7)"):
            await tell(Diagnostic("waits-for-quota", headline))
        assert world.story(key.execution)[-2:] == ["n0/0 WAITING_FOR_RESOURCES", "n0 RUNNING"]
        assert waits_of(world, key) == ["", "team a uses 4 of 4 cpu (place 3 of 7)"]
        await tell(Diagnostic("no-room", "no node has so much memory"))
        assert waits_of(world, key)[2:] == ["no node has so much memory"]
        await tell(None)
        await tell(None)
        assert world.story(key.execution)[-2:] == ["n0/0 QUEUED", "n0 RUNNING"]
        assert waits_of(world, key)[3:] == [""]
        await engine.close()

    live(body())


def waits_of(world: World, key: AttemptKey) -> list[str]:
    records = [entry.record for entry in world.entries(key.execution)]
    return [it.waits for it in records if isinstance(it, NodeChanged) and it.path == key.path]


def test_what_is_as_it_should_be_is_no_trouble_to_be_logged(caplog: pytest.LogCaptureFixture) -> None:
    troubles = Troubles(FakeClock())
    with caplog.at_level(logging.DEBUG):
        troubles.note("a", Cause("waits-for-quota", "4 of 4 in use"))
        troubles.over("a")
    assert caplog.text == ""
