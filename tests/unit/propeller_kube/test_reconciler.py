"""Objects and the engine are kept in step, whatever is lost, late or told twice. Engine and store are real."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest

from flytelike.model.closure import WorkflowClosure
from flytelike.model.launch import LaunchRequest
from flytelike.model.phases import WorkflowPhase
from flytelike_idl.core import literals_pb2
from propeller.app.reconciler import DELETED, STATE_LOST, Reconciler, ReconcilerSettings
from propeller.engine.loop_clock import LoopClock
from propeller.kube.errors import ObjectChanged, Unavailable
from propeller.kube.ports import FLYTE_WORKFLOWS, Change, Json, Selection
from propeller.kube.resource import (
    FINALIZER,
    FORGET_ANNOTATION,
    WorkflowResource,
    resource_from_json,
    resource_of,
    resource_to_json,
    signal_note,
)
from propeller.kube.status import NodeCounts
from propeller.kube.watch import Gone, Seen, Watch, WatchSettings
from propeller.stores.memory import MemoryStateStore
from tests.kube.fake_objects import FakeObjects
from tests.unit.propeller_engine.builders import chain, closure, request
from tests.unit.propeller_engine.kinds import closure as closure_of_kinds
from tests.unit.propeller_engine.kinds import of, signal, task, workflow
from tests.unit.propeller_engine.world import World

NS = "p-d"


class Cluster:
    """An API server, and operators that come and go. `script` says what tasks give; None for those that go on."""

    def __init__(self, workflow: WorkflowClosure | None = None, ttl_s: float | None = None) -> None:
        self.objects = FakeObjects()
        self.labels: dict[str, str] = {}
        self.ttl_s = ttl_s
        self.world = World(workflow or closure(chain(3)), clock=LoopClock())  # type: ignore[arg-type]
        self.world.executor.clock = None
        self.history = self.world.sink

    @asynccontextmanager
    async def operator(self) -> AsyncIterator[None]:
        world = self.world
        settings = ReconcilerSettings(
            world.settings.metadata_prefix,
            self.labels,
            self.ttl_s,
            waits_pause_s=0.01,
            status_pause_s=0.001,
            forget_pause_s=0.001,
        )
        reconciler = Reconciler(self.objects, world.store, world.closures, world.clock, self.history, settings)
        world.sink = reconciler  # type: ignore[assignment]
        engine = await world.engine()
        reconciler.start(engine, world.executor.forget)
        watch = Watch(self.objects, Selection(FLYTE_WORKFLOWS), WatchSettings(backoff_s=0.001))

        async def listen() -> None:
            async for item in watch.news():
                match item:
                    case Seen(key, found):
                        reconciler.seen(key, found)
                    case Gone(key):
                        reconciler.gone(key)

        listening = asyncio.create_task(listen())
        try:
            yield
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening
            await reconciler.close()
            await engine.close()

    async def create(self, wanted: LaunchRequest, namespace: str = NS, **metadata: Any) -> Json:
        document = resource_to_json(resource_of(wanted, namespace))
        document["metadata"] |= {"finalizers": [], **metadata}
        return await self.objects.create(FLYTE_WORKFLOWS, namespace, document)

    async def found(self, name: str, namespace: str = NS) -> WorkflowResource:
        return resource_from_json(await self.objects.get(FLYTE_WORKFLOWS, namespace, name))

    async def until(
        self, name: str, happened: Callable[[WorkflowResource], bool], namespace: str = NS
    ) -> WorkflowResource:
        """Return an object once it is as it should be."""
        selection = Selection(FLYTE_WORKFLOWS, namespace)
        since = (await self.objects.page(selection, 100)).resource_version
        found = await self.found(name, namespace)
        if happened(found):
            return found
        async for event in self.objects.watch(selection, since, 60):
            if event.object["metadata"].get("name") == name and happened(resource_from_json(event.object)):
                return resource_from_json(event.object)
        raise AssertionError("a watch has no end")

    async def until_gone(self, name: str) -> None:
        """Return once there is no such object."""
        selection = Selection(FLYTE_WORKFLOWS, NS)
        page = await self.objects.page(selection, 100)
        if name not in {item["metadata"]["name"] for item in page.items}:
            return
        async for event in self.objects.watch(selection, page.resource_version, 60):
            if event.change is Change.DELETED and event.object["metadata"]["name"] == name:
                return


def live(
    body: Callable[[Cluster], Awaitable[None]], workflow: WorkflowClosure | None = None, ttl_s: float | None = None
) -> None:
    async def main() -> None:
        async with asyncio.timeout(60):
            await body(Cluster(workflow, ttl_s))

    asyncio.run(main())


def ended(found: WorkflowResource) -> bool:
    return found.status.phase.terminal and not found.metadata.finalizers


def runs(found: WorkflowResource) -> bool:
    return found.status.nodes.running == 1


ALL_DONE = (WorkflowPhase.SUCCEEDED, NodeCounts(3, succeeded=3))


def test_an_object_is_executed_and_held_until_its_end() -> None:
    async def body(cluster: Cluster) -> None:
        cluster.world.executor.script = lambda _: None
        async with cluster.operator():
            await cluster.create(request())
            assert FINALIZER in (await cluster.until("e1", runs)).metadata.finalizers
        cluster.world.executor.script = lambda _: {"o": 1}
        cluster.world.executor.running.clear()
        async with cluster.operator():
            found = await cluster.until("e1", ended)
        assert (found.status.phase, found.status.nodes) == ALL_DONE

    live(body)


AWAY, CHANGED = Unavailable(503, "", "away"), ObjectChanged(409, "Conflict", "changed")


@pytest.mark.parametrize(("trouble", "breaks"), [([AWAY] * 4, []), ([], [AWAY] * 2), ([], [CHANGED] * 2)])
def test_refused_and_unanswered_calls_are_made_again(trouble: list[Exception], breaks: list[Exception]) -> None:
    """`breaks`: the API server did what was asked, and the answer was lost."""

    async def body(cluster: Cluster) -> None:
        await cluster.create(request())
        cluster.objects.trouble, cluster.objects.breaks = list(trouble), list(breaks)
        async with cluster.operator():
            while cluster.objects.trouble or cluster.objects.breaks:
                await cluster.objects.called()
            found = await cluster.until("e1", ended)
        assert (found.status.phase, found.status.nodes) == ALL_DONE

    live(body)


def test_what_a_crash_kept_from_being_told_is_told_by_the_next_operator() -> None:
    """The history was handed over and dropped, the status was not written: it is read from the store."""

    async def body(cluster: Cluster) -> None:
        engine = await cluster.world.engine()
        await engine.submit(request())
        while not cluster.world.phase(request().id).terminal:
            cluster.history.changed.clear()
            await cluster.history.changed.wait()
        await engine.close()
        await cluster.create(request())
        async with cluster.operator():
            found = await cluster.until("e1", ended)
        assert (found.status.phase, found.status.nodes) == ALL_DONE
        assert found.status.output_uri == "mem://meta/p-d-e1/end-node/data/0/outputs.pb"

    live(body)


def test_an_execution_whose_state_is_lost_is_not_run_again() -> None:
    async def body(cluster: Cluster) -> None:
        cluster.world.executor.script = lambda _: None
        async with cluster.operator():
            await cluster.create(request())
            await cluster.until("e1", runs)
        cluster.world.store = MemoryStateStore()
        async with cluster.operator():
            found = await cluster.until("e1", ended)
        assert found.status.failure
        assert found.status.failure.code == STATE_LOST

    live(body)


def test_a_deleted_object_ends_its_execution_before_it_goes() -> None:
    async def body(cluster: Cluster) -> None:
        cluster.world.executor.script = lambda _: None
        async with cluster.operator():
            await cluster.create(request())
            await cluster.until("e1", runs)
            await cluster.objects.delete(FLYTE_WORKFLOWS, NS, "e1")
            await cluster.until_gone("e1")
        assert not cluster.world.executor.running
        assert cluster.history.entries[request().id][-1].record.cause == DELETED

    live(body)


def test_an_object_deleted_before_anybody_saw_it_is_not_executed() -> None:
    async def body(cluster: Cluster) -> None:
        await cluster.create(request(), finalizers=[FINALIZER])
        await cluster.objects.delete(FLYTE_WORKFLOWS, NS, "e1")
        async with cluster.operator():
            await cluster.until_gone("e1")
        assert cluster.world.executor.starts == []

    live(body)


def test_two_objects_are_not_one_execution() -> None:
    async def body(cluster: Cluster) -> None:
        cluster.world.executor.script = lambda _: None
        async with cluster.operator():
            await cluster.create(request())
            await cluster.until("e1", runs)
            await cluster.create(request(), "other")
            found = await cluster.until("e1", lambda one: one.status.phase.terminal, "other")
            assert found.status.message == "p-d/e1 is this execution already"
            assert not (await cluster.found("e1")).status.phase.terminal

    live(body)


def test_statuses_are_written_seldom_while_counters_change() -> None:
    """A hundred nodes end; the object is written a few times."""

    async def body(cluster: Cluster) -> None:
        cluster = Cluster(closure(chain(100)))
        async with cluster.operator():
            await cluster.create(request())
            found = await cluster.until("e1", ended)
        assert found.status.nodes == NodeCounts(100, succeeded=100)
        assert cluster.objects.calls.count("replace") < 50

    live(body)


def test_an_unchanged_status_is_not_written_again() -> None:
    async def body(cluster: Cluster) -> None:
        async with cluster.operator():
            await cluster.create(request())
            await cluster.until("e1", ended)
            before = cluster.objects.calls.count("replace")
            await cluster.objects.merge(FLYTE_WORKFLOWS, NS, "e1", {"metadata": {"labels": {"a": "b"}}})
            await cluster.objects.cut()
            await cluster.create(replace(request("e2")))
            await cluster.until("e2", ended)
        written = [call for call in cluster.objects.calls if call == "replace"]
        assert len(written) - before <= before + 1

    live(body)


def test_the_status_tells_what_is_waited_for() -> None:
    """Until the signal is given; then it says nothing any more."""

    async def body(cluster: Cluster) -> None:
        async with cluster.operator():
            await cluster.create(request())
            found = await cluster.until("e1", lambda found: found.status.waits_for != "")
            assert found.status.waits_for == "signal `given-g` (g)"
            given = literals_pb2.Literal()
            given.scalar.primitive.integer = 3
            cluster.world.signals.given[request().id, "given-g"] = given
            note = {"metadata": {"annotations": signal_note("given-g")}}
            await cluster.objects.merge(FLYTE_WORKFLOWS, NS, "e1", note)
            found = await cluster.until("e1", ended)
        assert (found.status.phase, found.status.waits_for) == (WorkflowPhase.SUCCEEDED, "")

    live(body, closure_of_kinds(workflow(signal("g"), task("t", of("g")), output=of("t"))))


def test_objects_go_some_time_after_their_end() -> None:
    async def body(cluster: Cluster) -> None:
        await cluster.create(request())
        async with cluster.operator():
            await cluster.until("e1", lambda found: found.status.phase.terminal)
            await cluster.until_gone("e1")

    live(body, ttl_s=0.05)


def test_without_an_age_objects_stay() -> None:
    async def body(cluster: Cluster) -> None:
        await cluster.create(request())
        async with cluster.operator():
            await cluster.until("e1", ended)
        assert "delete" not in cluster.objects.calls

    live(body)


FORGET = {"metadata": {"annotations": {FORGET_ANNOTATION: "deleted"}}}


def test_an_execution_that_is_to_be_forgotten_leaves_neither_state_nor_object() -> None:
    """Another one of its name is executed anew."""

    async def body(cluster: Cluster) -> None:
        async with cluster.operator():
            for _ in range(2):
                await cluster.create(request())
                await cluster.until("e1", ended)
                await cluster.objects.merge(FLYTE_WORKFLOWS, NS, "e1", FORGET)
                await cluster.until_gone("e1")
                assert await cluster.world.store.load(request().id) is None
                cluster.history.entries.clear()
        assert [key.path for key in cluster.world.executor.starts] == ["n0", "n1", "n2"] * 2

    live(body)


def test_an_execution_that_has_not_ended_is_not_forgotten() -> None:
    async def body(cluster: Cluster) -> None:
        cluster.world.executor.script = lambda _: None
        async with cluster.operator():
            await cluster.create(request())
            await cluster.until("e1", runs)
            await cluster.objects.merge(FLYTE_WORKFLOWS, NS, "e1", FORGET)
            await cluster.objects.merge(FLYTE_WORKFLOWS, NS, "e1", {"spec": {"abort": {"cause": "enough"}}})
            await cluster.until_gone("e1")
        assert cluster.history.entries[request().id][-1].record.cause == "enough"

    live(body)


def test_history_that_nobody_has_taken_yet_is_not_forgotten() -> None:
    async def body(cluster: Cluster) -> None:
        async with cluster.operator():
            await cluster.create(request())
            await cluster.until("e1", ended)
            held = [request().id]
            forget = cluster.world.store.expire
            cluster.world.store.expire = lambda _: asyncio.sleep(0)  # type: ignore[method-assign]
            await cluster.objects.merge(FLYTE_WORKFLOWS, NS, "e1", FORGET)
            for _ in range(3):
                await cluster.objects.merge(FLYTE_WORKFLOWS, NS, "e1", {"metadata": {"labels": {"a": "b"}}})
                assert await cluster.found("e1")
            assert await cluster.world.store.load(held[0]) is not None
            cluster.world.store.expire = forget  # type: ignore[method-assign]
            await cluster.until_gone("e1")

    live(body)


@pytest.mark.parametrize("away", [False, True])
def test_an_object_of_the_name_of_one_that_is_gone_is_an_execution_of_its_own(*, away: bool) -> None:
    """Also when no operator saw the first one go."""

    async def body(cluster: Cluster) -> None:
        cluster.labels = {"shard": "0"}
        async with cluster.operator():
            await cluster.create(request())
            await cluster.until("e1", ended)
            if not away:
                await cluster.objects.delete(FLYTE_WORKFLOWS, NS, "e1")
                while await cluster.world.store.load(request().id) is not None:
                    await asyncio.sleep(0)
        if away:
            await cluster.objects.delete(FLYTE_WORKFLOWS, NS, "e1")
        cluster.history.entries.clear()
        await cluster.create(request())
        async with cluster.operator():
            await cluster.until("e1", ended)
        assert len(cluster.world.executor.starts) == 6

    live(body)


def test_an_object_whose_history_has_a_gap_says_so_and_others_go_on() -> None:
    async def body(cluster: Cluster) -> None:
        cluster.history.lost = {request().id}
        async with cluster.operator():
            await cluster.create(request())
            await cluster.create(request("e2"))
            found = await cluster.until("e1", lambda found: found.status.waits_for != "")
            assert found.status.waits_for == (
                f"its history is not taken: history of {request().id}: entry 1 is due, 2 came [history-gap]"
            )
            other = await cluster.until("e2", ended)
            assert (other.status.phase, other.status.waits_for) == (WorkflowPhase.SUCCEEDED, "")
            cluster.history.lost = set()
            found = await cluster.until("e1", ended)
        assert (found.status.phase, found.status.waits_for) == (WorkflowPhase.SUCCEEDED, "")

    live(body)


def test_an_object_says_that_its_history_is_not_taken_until_it_is() -> None:
    """A control plane that lost what it had taken refuses what comes later, for as long as nobody mends it."""

    async def body(cluster: Cluster) -> None:
        cluster.history.refuses = ValueError("entry 7 is due, 12 came [history-gap]")
        async with cluster.operator():
            await cluster.create(request())
            found = await cluster.until("e1", lambda found: found.status.waits_for != "")
            assert found.status.waits_for == "its history is not taken: entry 7 is due, 12 came [history-gap]"
            cluster.history.refuses = None
            found = await cluster.until("e1", ended)
        assert (found.status.phase, found.status.waits_for) == (WorkflowPhase.SUCCEEDED, "")

    live(body)
