"""What attempts print: kept, bounded, and readable while it grows."""

import asyncio
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytelike.model.ids import ExecutionId, NodePath
from propeller.executors.process import AttemptLogs
from propeller.ports import AttemptKey
from tests.unit.executor.builders import Bench

pytestmark = pytest.mark.anyio

KEY = AttemptKey(ExecutionId("p", "d", "e"), NodePath("n0"), 0)


async def test_both_streams_are_kept_in_order_and_to_the_last_byte(bench: Bench) -> None:
    ended = await bench.run("say", {"text": "hello"})
    assert await bench.log(ended.spec.key) == b"hello\nto stderr\nno newline"


async def test_attempts_of_one_worker_have_logs_of_their_own(bench: Bench) -> None:
    for text in ("one", "two"):
        ended = await bench.run("say", {"text": text})
        assert (await bench.log(ended.spec.key)).startswith(text.encode() + b"\n")


async def test_a_silent_attempt_has_no_file(bench: Bench) -> None:
    ended = await bench.run("nothing")
    assert not bench.executor.logs.path(ended.spec.key).exists()
    assert await bench.log(ended.spec.key) == b""


async def test_output_is_seen_while_the_attempt_runs(bench: Bench, tmp_path: Path) -> None:
    spec = bench.site.attempt("clean_up_on_sigterm", {"file": str(tmp_path / "file")})
    await bench.executor.start(spec)
    stream = bench.executor.logs.stream(spec.key, follow=True)
    assert await anext(stream) == (b"ready\n", 6)
    await bench.executor.abort(spec.key, "seen")
    assert [piece async for piece in stream] == []


async def test_what_an_attempt_printed_before_it_was_killed_is_kept(bench: Bench) -> None:
    ended = await bench.run("exit_at_once", {"code": 1})
    assert await bench.log(ended.spec.key) == b"last words\n"


async def test_fifty_megabytes_are_cut_and_hold_nobody_up(tmp_path: Path) -> None:
    bench = Bench(tmp_path, log_bytes=1 << 20)
    await bench.run("nothing")
    slowest = 0.0

    async def pulse() -> None:
        nonlocal slowest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0)
            slowest = max(slowest, time.perf_counter() - before)

    task = asyncio.create_task(pulse())
    ended = await bench.run("write_megabytes", {"count": 50})
    task.cancel()
    assert ended.failure is None
    log = await bench.log(ended.spec.key)
    assert log[: 1 << 20] == (b"x" * 1023 + b"\n") * 1024
    assert log[1 << 20 :] == b"\n[output beyond 1048576 bytes is not kept]\n"
    assert slowest < 0.25, "generous: a busy machine; what is measured is a few milliseconds"
    await bench.close()


async def test_followers_get_every_byte_once(tmp_path: Path) -> None:
    logs = AttemptLogs(tmp_path, 1 << 20)
    logs.begin(KEY)

    async def follow() -> bytes:
        return b"".join([data async for data, _ in logs.stream(KEY, follow=True)])

    followers = [asyncio.create_task(follow()) for _ in range(3)]
    for number in range(100):
        logs.append(KEY, f"{number}\n".encode())
        if number % 7 == 0:
            await asyncio.sleep(0)
    logs.end(KEY)
    expected = b"".join(f"{number}\n".encode() for number in range(100))
    assert await asyncio.gather(*followers) == [expected] * 3


async def test_reading_continues_at_an_offset(tmp_path: Path) -> None:
    logs = AttemptLogs(tmp_path, 100)
    logs.begin(KEY)
    logs.append(KEY, b"0123456789")
    assert [piece async for piece in logs.stream(KEY, 4)] == [(b"456789", 10)]
    assert [piece async for piece in logs.stream(KEY, 10)] == []
    logs.end(KEY)


async def test_a_new_try_drops_what_a_killed_one_printed(tmp_path: Path) -> None:
    for text in (b"old and long", b"new"):
        logs = AttemptLogs(tmp_path, 100)
        logs.begin(KEY)
        logs.append(KEY, text)
        logs.close()
    assert [data async for data, _ in logs.stream(KEY)] == [b"new"]


async def test_a_full_disk_costs_the_output_only(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("a file where a folder should be")
    logs = AttemptLogs(tmp_path, 100)
    logs.begin(KEY)
    logs.append(KEY, b"lost")
    logs.end(KEY)
    assert [piece async for piece in logs.stream(KEY)] == []


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=2, max_size=2, unique=True))
def test_names_never_lead_outside_or_collide(names: list[str]) -> None:
    """Whatever a client calls its nodes."""
    logs = AttemptLogs(Path("/logs"), 1)
    paths = [logs.path(AttemptKey(ExecutionId("p", "d", "e"), NodePath(name), 0)) for name in names]
    assert paths[0] != paths[1]
    for path in paths:
        assert path.parts[:5] == ("/", "logs", "p", "d", "e")
        assert len(path.parts) == 7
        assert ".." not in path.parts
        assert all(len(part.encode()) <= 255 for part in path.parts)


async def test_the_last_lines_are_found(tmp_path: Path) -> None:
    logs = AttemptLogs(tmp_path, 1000)
    logs.begin(KEY)
    logs.append(KEY, b"first line\nsecond line\nthird\n")
    assert logs.tail(KEY, 15) == "third"
    assert logs.tail(KEY, 1000) == "first line\nsecond line\nthird"
    logs.end(KEY)
