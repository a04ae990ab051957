"""Elements that an earlier execution has done are taken over, if they are given the same and their data is there."""

import pytest

from flytelike.model.history import ElementsChanged
from flytelike.model.ids import NodePath
from flytelike.model.phases import TaskPhase, WorkflowPhase
from flytelike.model.reuse import ReusedNode, ReuseSource, Way
from propeller.ports import AttemptSpec
from tests.unit.propeller_engine.builders import closure, fan, repeated, request, step
from tests.unit.propeller_engine.fakes import user_failure
from tests.unit.propeller_engine.test_taking_over import listed, take
from tests.unit.propeller_engine.world import World, live, settings

OVER = ("n0", "n1", "n2", "n3")
SUCCEEDED = WorkflowPhase.SUCCEEDED


class Broken(World):
    """A map over four items whose third element fails at first; elements give ten times their item."""

    items = (1, 2, 3, 4)
    fails: tuple[str, ...] = ("a.0.2",)

    def gives(self, spec: AttemptSpec) -> object:
        path = spec.key.path
        if path in self.fails:
            return user_failure()
        return {"o": 10 * self.items[int(path.rpartition(".")[2])] if "." in path else self.items[int(path[1:])]}

    async def failed_first(self) -> None:
        self.executor.script = self.gives  # type: ignore[assignment]
        assert await self.executed(request("e0")) is WorkflowPhase.FAILED
        self.fails = ()
        self.executor.starts.clear()

    async def recovered(self, name: str = "e1", of: str = "e0") -> list[str]:
        """Recover; return the elements that ran."""
        earlier = ReuseSource(request(of).id, "mem://raw", NodePath("a"), 0, f"mem://meta/p-d-{of}/a/data/inputs.pb")
        assert await self.executed(listed(self, {"a": ReusedNode(Way.CONTINUE, earlier)}, name)) is SUCCEEDED
        return [key.path for key in self.executor.starts if "." in key.path]

    def reused(self, name: str = "e1") -> int:
        told = [entry.record for entry in self.entries(request(name).id)]
        return sum(
            count
            for record in told
            if isinstance(record, ElementsChanged) and record.recovered
            for _, count, phase in record.changes
            if phase is TaskPhase.SUCCEEDED
        )

    def list(self, name: str = "e1") -> object:
        return self.outputs(f"mem://meta/p-d-{name}/a/data/0/outputs.pb")["o"]


def broken(**more: int) -> Broken:
    return Broken(closure([*fan(4), step("a", *OVER, each=repeated(run_all_elements=True))]), settings=settings(**more))


@pytest.mark.parametrize("inline", [60_000, 0], ids=["small", "large"])
def test_elements_that_succeeded_are_taken_over_and_the_rest_runs(inline: int) -> None:
    async def body() -> None:
        world = broken(inline_outputs_bytes_max=inline)
        await world.failed_first()
        assert await world.recovered() == ["a.0.2"]
        assert world.list() == [10, 20, 30, 40]
        assert world.reused() == 3

    live(body())


def test_what_was_taken_over_can_be_taken_over_again() -> None:
    async def body() -> None:
        world = broken()
        await world.failed_first()
        world.fails = ("a.0.2",)
        again = listed(world, {"a": take("a", Way.CONTINUE)}, "e1")
        assert await world.executed(again) is WorkflowPhase.FAILED
        world.executor.starts.clear()
        world.fails = ()
        assert await world.recovered("e2", of="e1") == ["a.0.2"]

    live(body())


def test_elements_that_are_given_something_else_run() -> None:
    async def body() -> None:
        world = broken()
        await world.failed_first()
        world.items = (1, 9, 3, 4)
        assert await world.recovered() == ["a.0.1", "a.0.2"]
        assert world.list() == [10, 90, 30, 40]

    live(body())


@pytest.mark.parametrize("gone", ["inputs", "outputs"])
def test_what_is_gone_runs_again(gone: str) -> None:
    async def body() -> None:
        world = broken(inline_outputs_bytes_max=0)
        await world.failed_first()
        where = {"inputs": "a/data/inputs.pb", "outputs": "a/data/0/1/0/outputs.pb"}[gone]
        del world.blobs.objects[f"mem://meta/p-d-e0/{where}"]
        ran = await world.recovered()
        assert ran == (["a.0.0", "a.0.1", "a.0.2", "a.0.3"] if gone == "inputs" else ["a.0.1", "a.0.2"])
        assert world.list() == [10, 20, 30, 40]

    live(body())
