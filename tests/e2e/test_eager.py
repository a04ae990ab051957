"""Eager functions on the platform: what they call, what they survive, and what ends with them."""

import time
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.cli import flytelike, query, start

FLOWS = """
import asyncio
import os
import time

from flytelike import EagerException, LaunchPlan, Resources, dynamic, eager, task, workflow


@task
def add_one(n: int) -> int:
    return n + 1


@task
def broken(n: int) -> int:
    raise ValueError(f"cannot take {n}")


@task
async def times_ten(n: int) -> int:
    await asyncio.sleep(0)
    return 10 * n


@task
def endless(n: int) -> int:
    time.sleep(600)
    return n


@workflow
def twice(n: int) -> int:
    return add_one(n=add_one(n=n))


plan = LaunchPlan.get_or_create(twice, name="plan_of_twice", fixed_inputs={"n": 40})


@dynamic
def many(n: int) -> int:
    last = 0
    for _ in range(n):
        last = add_one(n=n)
    return last


@eager
async def inner(n: int) -> int:
    return await add_one(n=n) + await times_ten.aio(n=1)


@eager
async def everything(n: int) -> list[int]:
    found = list(await asyncio.gather(*[add_one(n=i) for i in range(n)]))
    try:
        await broken(n=n)
    except EagerException as error:
        found.append(error.code == "USER:ValueError" and "cannot take" in error.message)
    background = asyncio.create_task(twice(n=5))
    found += [await plan(), await many(n=2), await inner(n=1)]
    found.append(await add_one.with_overrides(requests=Resources(cpu="1", mem="100Mi"))(n=8))
    return [int(one) for one in [*found, await background]]


@workflow
def outer(n: int = 3) -> list[int]:
    return everything(n=n)


@eager
async def uncaught(n: int) -> int:
    return await broken(n=n)


@eager
async def impatient(n: int) -> str:
    try:
        await asyncio.wait_for(endless(n=n), 3)
    except TimeoutError:
        return "gave up"
    return "waited"


@eager
async def patient(n: int) -> int:
    return await endless(n=n)


@task
def note(number: int, log: str) -> int:
    with open(log, "a") as file:
        file.write(f"{number}\\n")
    return number


@eager(retries=1)
async def crashes(log: str) -> int:
    total = sum(await asyncio.gather(*[note(number=i, log=log) for i in range(3)]))
    if not os.path.exists(f"{log}.crashed"):
        open(f"{log}.crashed", "w").close()
        os._exit(3)
    return total + await note(number=100, log=log)


@eager(retries=1)
async def fickle(log: str) -> int:
    if not os.path.exists(f"{log}.crashed"):
        open(f"{log}.crashed", "w").close()
        await note(number=1, log=log)
        os._exit(3)
    return await note(number=2, log=log)


@eager
async def family(n: int) -> int:
    return sum(await asyncio.gather(*[inner(n=i) for i in range(n)]))


@eager
async def families(n: int) -> int:
    return sum(await asyncio.gather(*[family(n=2) for _ in range(n)]))


@eager
async def down(n: int) -> int:
    return 0 if n == 0 else 1 + await down(n=n - 1)


@eager
async def long(log: str, length: int) -> int:
    total = 0
    for number in range(length):
        total += await note(number=number, log=log)
    return total
"""


@pytest.fixture
def flows(tmp_path: Path) -> str:
    file = tmp_path / "flows.py"
    file.write_text(FLOWS)
    return str(file)


def children(data: Path, name: str) -> list[tuple[object, ...]]:
    """Return phase and cause of the calls of an execution."""
    return query(data, "select phase, abort_cause from executions where parent_name = :name and eager", name)


def test_calls_of_every_kind_even_with_one_slot(data: Path, flows: str) -> None:
    """Functions that wait take no slot: with one, those that call others would wait for themselves."""
    platform = start(data, ["--slots", "1"])
    done = flytelike(data, "execute", flows, "outer", "--json", "--server", platform.grpc)
    platform.kill()
    assert done.code == 0, done.stderr
    assert done.document["outputs"] == {"o0": [1, 2, 3, 1, 42, 3, 12, 9, 7]}


def test_more_callers_than_slots_wait_for_none_of_their_calls_in_vain(data: Path, flows: str) -> None:
    """The two slots are two of four functions that wait for eight others, which wait for tasks."""
    platform = start(data, ["--slots", "1", "--eager-slots", "2"])
    done = flytelike(data, "execute", flows, "families", "--n", "4", "--json", "--server", platform.grpc)
    platform.kill()
    assert done.code == 0, done.stderr
    assert done.document["outputs"] == {"o0": 4 * (1 + 10 + 2 + 10)}


@pytest.mark.slow
def test_calls_lie_32_deep_at_most(data: Path, flows: str) -> None:
    platform = start(data, ["--eager-slots", "1"])
    done = flytelike(data, "execute", flows, "down", "--n", "33", "--server", platform.grpc)
    platform.kill()
    assert done.code == 1
    assert "error[launch-plans-too-deep]" in done.stderr


def test_a_failure_that_is_not_caught_tells_the_lines_of_both(data: Path, flows: str) -> None:
    done = flytelike(data, "execute", flows, "uncaught", "--n", "4")
    assert done.code == 1
    for part in (
        "USER:ValueError",
        "return await broken(n=n)",
        'raise ValueError(f"cannot take {n}")',
        "cannot take 4",
    ):
        assert part in done.stderr
    assert "asyncio/runners.py" not in done.stderr


def test_a_call_that_is_not_waited_for_any_more_ends(data: Path, flows: str) -> None:
    done = flytelike(data, "execute", flows, "impatient", "--n", "1", "--json", "--execution-name", "impatient")
    assert done.document["outputs"] == {"o0": "gave up"}, done.stderr
    assert [cause for _, cause in children(data, "impatient")] == ["cancelled by its caller"]


def test_calls_end_with_their_caller(data: Path, flows: str) -> None:
    platform = start(data)
    words = ["--n", "1", "--no-wait", "--execution-name", "patient", "--server", platform.grpc]
    assert flytelike(data, "execute", flows, "patient", *words).code == 0
    while not children(data, "patient"):
        time.sleep(0.1)  # until the call is made
    assert flytelike(data, "abort", "patient", "--server", platform.grpc).code == 0
    while [phase for phase, _ in children(data, "patient")] != [ABORTED]:
        time.sleep(0.1)  # until the call has ended
    platform.kill()


ABORTED = 7


def test_a_retry_finds_the_calls_that_had_ended(data: Path, flows: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    done = flytelike(data, "execute", flows, "crashes", "--log", str(log), "--json")
    assert done.code == 0, done.stderr
    assert done.document["outputs"] == {"o0": 103}
    assert sorted(log.read_text().split()) == ["0", "1", "100", "2"]


def test_a_function_that_makes_other_calls_when_it_is_run_again_is_told(data: Path, flows: str, tmp_path: Path) -> None:
    done = flytelike(data, "execute", flows, "fickle", "--log", str(tmp_path / "log"))
    assert done.code == 1
    assert "error[nondeterministic-eager]" in done.stderr


@pytest.mark.slow
def test_kill_9_of_the_platform_makes_no_finished_call_run_again(data: Path, flows: str, tmp_path: Path) -> None:
    log, length = tmp_path / "log", 12
    platform = start(data)
    words = ["--log", str(log), "--length", str(length), "--no-wait", "--execution-name", "long"]
    assert flytelike(data, "execute", flows, "long", *words, "--server", platform.grpc).code == 0
    finished: list[Counter[str]] = []
    for wanted in (2, 5, 8):
        while (ended := [phase for phase, _ in children(data, "long")].count(SUCCEEDED)) < wanted:
            time.sleep(0.05)  # until so many calls have ended
        # Calls are made one after the other: the first ones have ended, and only the next may be under way.
        runs = Counter(log.read_text().split())
        finished.append(Counter({str(number): runs[str(number)] for number in range(ended)}))
        platform.kill()
        platform = start(data)
    watched = flytelike(data, "watch", "long", "--server", platform.grpc)
    platform.kill()
    assert watched.stdout == f"o0 = {sum(range(length))}\n", watched.stderr
    runs = Counter(log.read_text().split())
    assert set(runs) == {str(number) for number in range(length)}
    for seen in finished:
        assert {number: runs[number] for number in seen} == seen, "a call that had ended ran again"
    assert runs.total() <= length + len(finished), "more ran again than what each kill took"
    assert len(children(data, "long")) == length


SUCCEEDED = 4
