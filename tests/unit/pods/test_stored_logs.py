"""Output of pods in the object store: complete, bounded, seen as it comes, whoever writes on."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from flytelike.model.ids import ExecutionId, NodePath
from flytelike.storage import Store, StoreConfig, Unavailable
from propeller.executors.pod.log_pump import pump
from propeller.executors.pod.stored_logs import StoredLogs
from propeller.kube.errors import ObjectNotFound, error_of
from propeller.ports import AttemptKey
from tests.unit.pods.builders import KEY

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Flaky(Store):
    """A store that cannot be reached while it is `down`."""

    down = False

    async def put_async(self, uri: str, data: bytes, *, durable: bool | None = None) -> None:
        if self.down:
            raise Unavailable(uri, "down")
        await super().put_async(uri, data, durable=durable)


def logs_in(folder: Path, limit: int = 1000, store: Store | None = None) -> StoredLogs:
    return StoredLogs(store or Store(StoreConfig()), str(folder), limit, piece_s=0.005)


async def all_of(logs: StoredLogs, offset: int = 0, *, follow: bool = False) -> bytes:
    return b"".join([data async for data, _ in logs.stream(KEY, offset, follow=follow)])


async def test_what_is_written_is_read_from_any_offset(tmp_path: Path) -> None:
    logs = logs_in(tmp_path)
    writer = await logs.write(KEY)
    for piece in (b"one ", b"two ", b"three"):
        await writer.write(piece)
        await writer.store()
    await writer.write(b" four")
    whole = b"one two three four"
    for _ in ("while it is written", "afterwards"):
        assert [await all_of(logs, at) for at in range(len(whole) + 1)] == [whole[at:] for at in range(len(whole) + 1)]
        await logs.end(KEY)
    assert await logs.tail(KEY, 9) == "hree four"
    assert await logs.size(KEY.execution) == len(whole)


async def test_a_follower_gets_all_until_the_end(tmp_path: Path) -> None:
    logs = logs_in(tmp_path)
    writer = await logs.write(KEY)
    follower = asyncio.ensure_future(all_of(logs, follow=True))
    for number in range(50):
        await writer.write(f"{number}\n".encode())
        await asyncio.sleep(0.001 if number % 10 == 0 else 0)
    await logs.end(KEY)
    assert (await follower).decode().split() == [str(number) for number in range(50)]


async def test_output_beyond_the_limit_is_dropped_and_that_is_said(tmp_path: Path) -> None:
    logs = logs_in(tmp_path, limit=5)
    writer = await logs.write(KEY)
    await writer.write(b"1234567")
    await writer.write(b"89")
    await logs.end(KEY)
    assert await all_of(logs) == b"12345\n[output beyond 5 bytes is not kept]\n"


async def test_a_store_that_is_down_for_a_while_loses_nothing(tmp_path: Path) -> None:
    store = Flaky(StoreConfig())
    logs = logs_in(tmp_path, store=store)
    writer = await logs.write(KEY)
    store.down = True
    await writer.write(b"one ")
    with pytest.raises(Unavailable):
        await writer.store()
    store.down = False
    await writer.write(b"two")
    await logs.end(KEY)
    assert await all_of(logs) == b"one two"


async def test_executions_do_not_share_folders_and_are_deleted_alone(tmp_path: Path) -> None:
    logs = logs_in(tmp_path)
    other = AttemptKey(ExecutionId("flights", "development", "e1/x"), NodePath("n0"), 0)
    for key in (KEY, other):
        await (await logs.write(key)).write(b"x")
        await logs.end(key)
    assert await logs.delete(KEY.execution) == 1
    assert (await logs.size(KEY.execution), await logs.size(other.execution)) == (0, 1)


class Source:
    """A container's log; `cuts` are after how many bytes its readers are cut off, one after the other."""

    def __init__(self, text: bytes, *cuts: int) -> None:
        self.text, self.cuts, self.reads = text, [*cuts], 0

    async def log(self, namespace: str, pod: str, container: str, *, follow: bool) -> Any:
        self.reads += 1
        cut = self.cuts.pop(0) if self.cuts else None
        for at in range(0, len(self.text) if cut is None else cut, 3):
            yield self.text[at : min(at + 3, cut or len(self.text))]
        if cut is not None:
            raise error_of(0, "", "cut")


@pytest.mark.parametrize("cuts", [(), (0,), (4, 7), (1, 1, 1)])
async def test_a_log_that_is_cut_is_kept_once(tmp_path: Path, cuts: tuple[int, ...]) -> None:
    logs, source, ended = logs_in(tmp_path), Source(b"one two three", *cuts), asyncio.Event()
    ended.set()
    await pump(source, logs, KEY, ("ns", "p", "primary"), ended)
    assert await all_of(logs) == b"one two three"
    assert source.reads == len(cuts) + 1


async def test_a_log_that_was_closed_early_after_a_cut_is_read_to_its_end(tmp_path: Path) -> None:
    """As a kubelet does that was killed and has just come back."""
    ended = asyncio.Event()

    class Early(Source):
        async def log(self, namespace: str, pod: str, container: str, *, follow: bool) -> Any:
            self.reads += 1
            yield self.text if self.reads == 3 else self.text[:3]
            if self.reads == 1:
                raise error_of(0, "", "cut")
            ended.set()

    logs, source = logs_in(tmp_path), Early(b"one two")
    await pump(source, logs, KEY, ("ns", "p", "primary"), ended)
    assert (await all_of(logs), source.reads) == (b"one two", 3)


async def test_a_reader_goes_on_where_one_before_a_restart_stopped(tmp_path: Path) -> None:
    first = logs_in(tmp_path)
    await (await first.write(KEY)).write(b"one t")
    await first.close()
    ended = asyncio.Event()
    ended.set()
    second = logs_in(tmp_path)
    await pump(Source(b"one two three"), second, KEY, ("ns", "p", "primary"), ended)
    assert await all_of(second) == b"one two three"


async def test_a_pod_that_is_gone_ends_its_log(tmp_path: Path) -> None:
    class Missing(Source):
        async def log(self, namespace: str, pod: str, container: str, *, follow: bool) -> Any:
            raise ObjectNotFound(404, "NotFound", "gone")
            yield b""

    logs = logs_in(tmp_path)
    await pump(Missing(b""), logs, KEY, ("ns", "p", "primary"), asyncio.Event())
    assert await all_of(logs, follow=True) == b""
