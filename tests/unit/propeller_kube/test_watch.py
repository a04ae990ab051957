"""A watch tells of every object and every change, once and in order, whatever happens to its connection."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from propeller.kube.errors import Refused, Unavailable
from propeller.kube.ports import FLYTE_WORKFLOWS, Selection
from propeller.kube.watch import Gone, Listed, News, Seen, Watch, WatchSettings
from tests.kube.examples import document
from tests.kube.fake_objects import FakeObjects

QUICK = WatchSettings(page=2, silence_s=30)


class Listener:
    """Keeps what a watch tells."""

    def __init__(self, objects: FakeObjects, settings: WatchSettings = QUICK) -> None:
        self.pauses: list[float] = []
        self.watch = Watch(objects, Selection(FLYTE_WORKFLOWS), settings, pause=self._pause, chance=lambda: 0.0)
        self.told: list[News] = []
        self._news = asyncio.Condition()

    async def _pause(self, length_s: float) -> None:
        self.pauses.append(length_s)
        await asyncio.sleep(0)

    async def listen(self) -> None:
        async for item in self.watch.news():
            self.told.append(item)
            async with self._news:
                self._news.notify_all()

    async def until(self, happened: Callable[[], bool]) -> None:
        async with self._news:
            await self._news.wait_for(happened)

    @property
    def there(self) -> dict[str, str]:
        """What a listener knows to be there: versions by name."""
        there: dict[str, str] = {}
        for item in self.told:
            match item:
                case Seen(key, found):
                    there[key.name] = found["metadata"]["resourceVersion"]
                case Gone(key):
                    del there[key.name]
        return there


def listening(body: Callable[[FakeObjects, Listener], Awaitable[None]], settings: WatchSettings = QUICK) -> None:
    async def main() -> None:
        objects = FakeObjects()
        for number in range(3):
            await objects.create(FLYTE_WORKFLOWS, "one", document(f"e{number}", "one"))
        listener = Listener(objects, settings)
        async with asyncio.timeout(30):
            task = asyncio.create_task(listener.listen())
            await asyncio.wait(
                [task, asyncio.create_task(listener.until(lambda: Listed() in listener.told))],
                return_when=asyncio.FIRST_COMPLETED,
            )
            await body(objects, listener)
            task.cancel()

    asyncio.run(main())


async def created(objects: FakeObjects, name: str, listener: Listener) -> None:
    await objects.create(FLYTE_WORKFLOWS, "one", document(name, "one"))
    await listener.until(lambda: name in listener.there)


def test_what_is_there_comes_before_listed_and_changes_after() -> None:
    async def body(objects: FakeObjects, listener: Listener) -> None:
        await created(objects, "e3", listener)
        names = [item.key.name if isinstance(item, Seen) else item for item in listener.told]
        assert names == ["e0", "e1", "e2", Listed(), "e3"]

    listening(body)


def test_a_cut_watch_goes_on_where_it_was_without_listing() -> None:
    async def body(objects: FakeObjects, listener: Listener) -> None:
        for number in range(3, 6):
            await objects.cut()
            await created(objects, f"e{number}", listener)
        assert listener.watch.lists == 1
        assert len(listener.told) == 7  # nothing twice

    listening(body)


def test_a_bookmark_moves_the_place_to_go_on_from() -> None:
    """What was forgotten before the bookmark is not missed: nothing is listed again."""

    async def body(objects: FakeObjects, listener: Listener) -> None:
        await objects.bookmark(FLYTE_WORKFLOWS)
        await created(objects, "e3", listener)
        objects.forget()
        await objects.cut()
        await created(objects, "e4", listener)
        assert listener.watch.lists == 1

    listening(body)


def test_after_forgotten_changes_all_is_listed_and_what_went_is_told() -> None:
    async def body(objects: FakeObjects, listener: Listener) -> None:
        objects.trouble = [Unavailable(503, "", "away")] * 2
        await objects.cut()
        while objects.trouble:
            await objects.called()
        await objects.delete(FLYTE_WORKFLOWS, "one", "e1")
        await objects.create(FLYTE_WORKFLOWS, "one", document("e3", "one"))
        objects.forget()
        await objects.cut()
        await listener.until(lambda: set(listener.there) == {"e0", "e2", "e3"})
        assert listener.told.count(Listed()) == 1

    listening(body)


def test_an_object_made_anew_under_its_name_while_nobody_looked_is_told() -> None:
    async def body(objects: FakeObjects, listener: Listener) -> None:
        before = listener.there["e1"]
        objects.trouble = [Unavailable(503, "", "away")] * 3
        await objects.cut()
        while objects.trouble:
            await objects.called()
        await objects.delete(FLYTE_WORKFLOWS, "one", "e1")
        await objects.create(FLYTE_WORKFLOWS, "one", document("e1", "one"))
        objects.forget()
        await objects.cut()
        await listener.until(lambda: listener.there.get("e1", before) != before)

    listening(body)


def test_pauses_double_up_to_the_longest_and_end_with_the_trouble() -> None:
    async def body(objects: FakeObjects, listener: Listener) -> None:
        objects.trouble = [Unavailable(503, "", "away")] * 6
        await objects.cut()
        await created_when_calm(objects, listener)
        # The cut itself, then six calls that fail.
        assert listener.pauses == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0]

    async def created_when_calm(objects: FakeObjects, listener: Listener) -> None:
        while objects.trouble:
            await objects.called()
        await created(objects, "e3", listener)

    listening(body, WatchSettings(page=2, backoff_s=0.1, backoff_max_s=1.0))


def test_a_silent_watch_is_taken_for_cut() -> None:
    async def body(objects: FakeObjects, listener: Listener) -> None:
        while objects.calls.count("watch") < 3:
            await objects.called()
        await created(objects, "e3", listener)
        assert listener.watch.lists == 1

    listening(body, WatchSettings(silence_s=0.02))


def test_without_the_right_to_look_it_says_so() -> None:
    async def main() -> None:
        objects = FakeObjects()
        objects.trouble = [Refused(403, "Forbidden", "alice may not list flyteworkflows")]
        with pytest.raises(Refused, match="alice may not"):
            async for _ in Watch(objects, Selection(FLYTE_WORKFLOWS)).news():
                pass

    asyncio.run(main())


@pytest.mark.parametrize("seed", range(20))
def test_in_any_weather_the_listener_knows_in_the_end_what_is_there(seed: int) -> None:
    """Objects come, change and go while watches are cut, calls fail and changes are forgotten."""
    chance = random.Random(seed)

    async def step(objects: FakeObjects, names: set[str]) -> None:
        name = f"e{chance.randrange(8)}"
        match chance.randrange(8):
            case 0 | 1 | 2 if name not in names:
                await objects.create(FLYTE_WORKFLOWS, "one", document(name, "one"))
                names.add(name)
            case 3 | 4 if name in names:
                patch = {"metadata": {"labels": {"n": str(chance.random())}}}
                await objects.merge(FLYTE_WORKFLOWS, "one", name, patch)
            case 5 if name in names:
                await objects.delete(FLYTE_WORKFLOWS, "one", name)
                names.remove(name)
            case 6:
                await objects.cut()
            case 7:
                objects.forget()
        for _ in range(chance.randrange(6)):
            await asyncio.sleep(0)

    async def body(objects: FakeObjects, listener: Listener) -> None:
        names = {"e0", "e1", "e2"}
        for _ in range(200):
            await step(objects, names)
        await objects.create(FLYTE_WORKFLOWS, "one", document("last", "one"))
        page = await objects.page(Selection(FLYTE_WORKFLOWS), 100)
        truth = {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in page.items}
        await listener.until(lambda: listener.there == truth)

    listening(body)
