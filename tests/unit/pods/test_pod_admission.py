"""Who is asked before a pod is made, and told when its attempt has ended."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from flytelike.model.diagnostic import Diagnostic
from flytelike.storage import Store, StoreConfig
from propeller.executors.pod import PodExecutor, PodExecutorSettings, PodSettings
from propeller.executors.pod.admission import Admission
from propeller.executors.pod.settings import Json
from propeller.kube.ports import PODS, Selection
from propeller.ports import AttemptKey
from tests.kube.fake_objects import FakeObjects
from tests.unit.pods.builders import KEY, attempt


class Turnstile(Admission):
    """Lets in whoever `go` is set for."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.asked: list[AttemptKey] = []
        self.left: list[AttemptKey] = []

    async def admitted(self, key: AttemptKey, pod: Json, told: Callable[[Diagnostic], None], priority: int = 0) -> None:
        self.asked.append(key)
        told(Diagnostic("quota-used-up", f"{pod['metadata']['namespace']} has no room"))
        await self.go.wait()

    def released(self, key: AttemptKey) -> None:
        self.left.append(key)


class Listener:
    """Keeps what holds attempts up, and how they end."""

    def __init__(self) -> None:
        self.held: list[str] = []
        self.ends: list[str] = []

    def held_up(self, key: AttemptKey, why: Diagnostic | None) -> None:
        self.held.append(why.code if why is not None else "")

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.ends.append(name)


class NoLogs:
    async def log(self, *_: object, **__: object) -> AsyncGenerator[bytes, None]:
        return
        yield b""


class Bench:
    """An executor with what stands around it."""

    def __init__(self, folder: Path) -> None:
        self.objects, self.turnstile, self.listener = FakeObjects(), Turnstile(), Listener()
        settings = PodExecutorSettings(PodSettings(), f"{folder}/logs")
        store = Store(StoreConfig())
        self.executor = PodExecutor(
            settings, self.objects, NoLogs(), store, self.listener, admission=self.turnstile  # type: ignore[arg-type]
        )  # fmt: skip
        prefixes = {"inputs_uri": f"{folder}/inputs.pb", "output_prefix": f"{folder}/0"}
        self.spec = replace(attempt(), **prefixes)

    async def pods(self) -> list[Json]:
        return [*(await self.objects.page(Selection(PODS), 10)).items]

    async def until(self, true: Callable[[], Any]) -> None:
        while not true():
            await asyncio.sleep(0.001)


@asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[Bench]:
    made = Bench(folder)
    async with asyncio.timeout(20):
        yield made
    await made.executor.close()


def live(folder: Path, body: Callable[[Bench], Awaitable[None]]) -> None:
    async def main() -> None:
        async with bench(folder) as made:
            await body(made)

    asyncio.run(main())


def test_no_pod_is_made_before_it_is_let_in(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        await bench.executor.start(bench.spec)
        await bench.until(lambda: bench.turnstile.asked)
        assert await bench.pods() == []
        assert bench.executor.waits_for(KEY) == "flights-development has no room"
        assert bench.listener.held == ["quota-used-up"]
        bench.turnstile.go.set()
        while not await bench.pods():
            await asyncio.sleep(0.001)
        assert (bench.turnstile.asked, bench.turnstile.left) == ([KEY], [])

    live(tmp_path, body)


def test_who_is_not_wanted_any_more_leaves_the_line(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        await bench.executor.start(bench.spec)
        await bench.until(lambda: bench.turnstile.asked)
        await bench.executor.abort(KEY, "enough")
        bench.turnstile.go.set()
        assert bench.turnstile.left == [KEY]
        assert await bench.pods() == []
        assert bench.listener.held == ["quota-used-up", ""]

    live(tmp_path, body)


def test_a_pod_that_is_there_is_not_asked_for_again(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        bench.turnstile.go.set()
        await bench.executor.start(bench.spec)
        while not await bench.pods():
            await asyncio.sleep(0.001)
        await bench.executor.close()
        after = Bench(tmp_path)
        after.executor._objects = after.executor._maker._objects = bench.objects
        await after.executor.start(bench.spec)
        (pod,) = await bench.pods()
        place = after.executor._place(KEY)
        await after.until(lambda: after.executor._by_place[place].pod is not None)
        assert (after.turnstile.asked, pod["metadata"]["name"]) == ([], place.name)
        await after.executor.close()

    live(tmp_path, body)
