"""The workflows that are hurt: every kind of node, short tasks, and each task notes that it ran.

A note is one line of the file that `CHAOS_LEDGER` names (`ledger.py` reads it): when, `begin` or `end`, a label,
and the folder of the attempt's data, which names execution, node and attempt.
"""

import asyncio
import os
import time
from datetime import timedelta
from functools import partial
from pathlib import Path

from flytelike import (
    Backoff,
    EagerException,
    FlyteError,
    FlyteRecoverableException,
    LaunchPlan,
    RetryStrategy,
    approve,
    conditional,
    current_context,
    dynamic,
    eager,
    map_task,
    sleep,
    task,
    wait_for_input,
    workflow,
)
from flytelike.types.file import FlyteFile

FULL = Path(os.environ.get("CHAOS_LEDGER", "ledger")).parent / "full"
"""Is there from the moment on when the disk gets full."""
SOON = RetryStrategy(count=3, backoff=Backoff(base=timedelta(milliseconds=30)))


def note(what: str, label: str) -> None:
    attempt = current_context().raw_output_prefix.rstrip("/").split("/store/data/")[1][3:]
    line = f"{time.time_ns()} {what} {label} {attempt}\n"
    ledger = os.open(os.environ["CHAOS_LEDGER"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(ledger, line.encode())
    os.close(ledger)


# --- tasks --------------------------------------------------------------------------------


@task
def add(left: int, right: int) -> int:
    note("begin", "add")
    note("end", "add")
    return left + right


@task
def total(numbers: list[int]) -> int:
    note("begin", "total")
    note("end", "total")
    return sum(numbers)


@task(retries=SOON)
def third_time(number: int, wanted: int) -> int:
    """Fail on the author's own account until attempts enough have done so; kills do not count."""
    note("begin", "third_time")
    failures = Path(os.environ["CHAOS_LEDGER"]).parent / f"failed-{current_context().execution_id.name}-{number}"
    so_far = len(failures.read_text()) if failures.exists() else 0
    if so_far < wanted:
        failures.write_text("x" * (so_far + 1))
        raise FlyteRecoverableException(f"failed on purpose, time {so_far + 1}")
    note("end", "third_time")
    return number


@task(retries=1)
def hopeless(number: int) -> int:
    note("begin", "hopeless")
    raise FlyteRecoverableException("never")


@task
def refuse(number: int) -> int:
    note("begin", "refuse")
    raise ValueError(f"cannot take {number}")


@task
def even_only(number: int) -> int:
    note("begin", "even_only")
    if number % 2:
        raise ValueError(f"{number} is odd")
    note("end", "even_only")
    return number // 2


@task
def clean_up(number: int, err: FlyteError | None = None) -> None:
    note("begin", "clean_up")
    note("end", "clean_up")


@task(cache=True, cache_version="1", cache_serialize=True)
def costly(number: int, pause_s: float) -> int:
    note("begin", f"costly-{number}")
    time.sleep(pause_s)
    note("end", f"costly-{number}")
    return 7 * number


@task(retries=1)
def in_two_goes(number: int) -> str:
    note("begin", "in_two_goes")
    context = current_context()
    assert context.checkpoint is not None
    left = context.checkpoint.read()
    if left is None:
        context.checkpoint.write(b"half")
        raise FlyteRecoverableException("the rest next time")
    note("end", "in_two_goes")
    return left.decode()


@task(timeout=timedelta(milliseconds=300))
def endless(number: int) -> int:
    note("begin", "endless")
    time.sleep(600)
    return number


@task
def until_aborted(number: int) -> int:
    note("begin", "until_aborted")
    time.sleep(600)
    return number


@task
def needs_file(number: int) -> int:
    note("begin", "needs_file")
    if not (Path(os.environ["CHAOS_LEDGER"]).parent / "mended").exists():
        raise ValueError("there is no file yet")
    note("end", "needs_file")
    return number + 1


@task
def write(kilobytes: int, number: int) -> FlyteFile:
    """Give a file, so that data goes through the store too."""
    note("begin", "write")
    path = Path(current_context().working_directory) / "out.txt"
    path.write_text(str(number) * (1024 * kilobytes // len(str(number))))
    note("end", "write")
    return FlyteFile(str(path))


@task
def size_of(file: FlyteFile) -> int:
    note("begin", "size_of")
    size = Path(file).stat().st_size
    note("end", "size_of")
    return size


@task
def write_when_full(number: int) -> FlyteFile:
    """Give a file while there is no room for it, if that is to come: the first try is made then, and waits for room."""
    note("begin", "write_when_full")
    until = time.monotonic() + 60
    while "CHAOS_FULL_DISK" in os.environ and not FULL.exists() and time.monotonic() < until:
        time.sleep(0.02)  # until the disk is full
    path = Path(current_context().working_directory) / "out.txt"
    path.write_text(str(number) * 200_000)
    given = FlyteFile(str(path))
    note("end", "write_when_full")
    return given


# --- workflows ------------------------------------------------------------------------------


@workflow
def chain(number: int) -> int:
    for step in range(12):
        number = add(left=number, right=step)
    return number


@workflow
def fan_out(number: int) -> int:
    return total(numbers=[third_time(number=i, wanted=i % 3) for i in range(8)])


@workflow
def branches(number: int) -> int:
    chosen = (
        conditional("size")
        .if_(number > 10)
        .then(add(left=number, right=1))
        .elif_(number > 5)
        .then(chain(number=number))
        .else_()
        .fail("too small")
    )
    return add(left=chosen, right=0)


@workflow
def gates(number: int) -> int:
    begun = add(left=number, right=1)
    allowed = approve(begun, "allowed")
    more = wait_for_input("more", None, int)
    slept = sleep(timedelta(milliseconds=200))
    ended = add(left=allowed, right=more)
    slept >> ended
    return ended


@workflow(on_failure=clean_up)
def rejected(number: int) -> int:
    return add(left=approve(add(left=number, right=1), "allowed"), right=1)


@workflow(on_failure=clean_up)
def failing(number: int) -> int:
    return add(left=refuse(number=chain(number=number)), right=1)


@workflow
def exhausted(number: int) -> int:
    return add(left=hopeless(number=number), right=1)


@workflow
def mapped(number: int) -> list[int | None]:
    return map_task(even_only, min_success_ratio=0.5)(number=[*range(10)])


@workflow
def mapped_retries(number: int) -> list[int]:
    return map_task(partial(third_time, wanted=1), concurrency=3)(number=[*range(6)])


@workflow
def twice(number: int) -> int:
    return add(left=add(left=number, right=1), right=number)


@workflow
def mapped_workflows(number: int) -> list[int]:
    return map_task(twice)(number=[*range(5)])


twice_plan = LaunchPlan.get_or_create(twice, name="twice_plan", default_inputs={"number": 4})


@workflow
def nested(number: int) -> int:
    return add(left=twice(number=number), right=twice_plan(number=twice_plan()))


@dynamic
def spread(number: int) -> int:
    parts = [add(left=i, right=1) if i % 2 else twice(number=i) for i in range(number)]
    return total(numbers=[*parts, spread(number=number - 1)] if number > 1 else parts)


@workflow
def dynamics(number: int) -> int:
    return spread(number=number)


@eager
async def calls(number: int) -> int:
    found = sum(await asyncio.gather(*[add(left=i, right=1) for i in range(number)]))
    try:
        await refuse(number=number)
    except EagerException:
        found += 100
    return found + await twice(number=1)


@workflow
def eagers(number: int) -> int:
    return add(left=calls(number=number), right=1)


@workflow
def cached(number: int) -> int:
    return add(left=costly(number=number, pause_s=0.5), right=1)


@workflow
def checkpoints(number: int) -> str:
    return in_two_goes(number=number)


@workflow
def files(number: int) -> int:
    return total(numbers=[size_of(file=write(kilobytes=40, number=i)) for i in range(1, 9)])


@workflow
def mapped_files(number: int) -> int:
    return total(numbers=map_task(size_of)(file=map_task(write_when_full, concurrency=1)(number=[*range(1, 6)])))


@workflow
def late(number: int) -> int:
    return endless(number=number)


@workflow
def stopped(number: int) -> int:
    return until_aborted(number=add(left=number, right=1))


@workflow
def mended(number: int) -> int:
    return needs_file(number=chain(number=number))
