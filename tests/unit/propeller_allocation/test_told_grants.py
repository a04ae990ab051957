"""One of those who share grants tells of all of them: what is used, and who waits for what."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from typing_extensions import override

from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.queued import QuotaReport
from flytelike.model.quota import ATTEMPTS, PlaceUse, QuotaPlace
from propeller.allocation.deciding import WAITS_IN_FULL, WAITS_OF_EXECUTION
from propeller.allocation.reporting import Reporting
from propeller.allocation.shared import SharedAllocator, SharedSettings
from propeller.core.fairness import Quota, Shortage
from propeller.ports_allocation import AllocationListener, Ask, QuotaReports, name_of, named

pytestmark = pytest.mark.anyio
QUOTAS = {(): Quota(limit={ATTEMPTS: 2})}
TEAM = QuotaPlace(team="default")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Deaf(AllocationListener):
    """Does nothing with what it is told."""

    @override
    def granted(self, ask_id: str) -> None:
        pass

    @override
    def refused(self, ask_id: str, shortages: tuple[Shortage, ...]) -> None:
        pass

    @override
    def lost(self, ask_id: str) -> None:
        pass


class Heard(QuotaReports):
    """Keeps what it hears; the first few times it does not."""

    def __init__(self, failures: int = 0) -> None:
        self.reports: list[QuotaReport] = []
        self.failures = failures

    @override
    async def take(self, report: QuotaReport) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("nobody is there")
        self.reports.append(report)

    async def until(self, true: Callable[[QuotaReport], bool]) -> QuotaReport:
        async with asyncio.timeout(20):
            while not self.reports or not true(self.reports[-1]):
                await asyncio.sleep(0.002)
        return self.reports[-1]


@pytest.fixture
async def both(anyio_backend: str, tmp_path: Path) -> AsyncIterator[tuple[SharedAllocator, SharedAllocator, Heard]]:
    heard = Heard()
    made = [
        SharedAllocator(
            SharedSettings(f"sqlite:///{tmp_path}/a.db", name, look_s=0.005, report_s=0.001),
            lambda: QUOTAS,
            reports=heard,
        )
        for name in ("a", "b")
    ]
    async with made[0], made[1]:
        yield made[0], made[1], heard


def ask(allocator: SharedAllocator, execution: str, *nodes: str) -> None:
    for node in nodes:
        name = name_of(ExecutionId("p", "d", execution), NodePath(node), 0)
        allocator.ask(Ask(name, "p", "d", {ATTEMPTS: 1}), Deaf())


def used(report: QuotaReport) -> tuple[int, int]:
    use = report.uses.get(TEAM, PlaceUse({}, 0))
    return use.used.get(ATTEMPTS, 0), use.waiting


async def test_what_all_of_them_use_is_told_and_that_it_is_free_again(
    both: tuple[SharedAllocator, SharedAllocator, Heard],
) -> None:
    a, b, heard = both
    ask(a, "one", "n0", "n1")
    await heard.until(lambda it: used(it) == (2, 0))
    ask(b, "two", "n0")
    report = await heard.until(lambda it: used(it) == (2, 1))
    ((execution, wait),) = report.waits
    assert (execution.name, wait.path, wait.place, wait.of) == ("two", "n0", 1, 1)
    (short,) = wait.shortfalls
    assert (short.place, short.used, short.limit) == (QuotaPlace(), 2, 2)
    a.give_back(name_of(ExecutionId("p", "d", "one"), NodePath("n0"), 0))
    await heard.until(lambda it: used(it) == (2, 0))
    a.give_back(name_of(ExecutionId("p", "d", "one"), NodePath("n1"), 0))
    b.give_back(name_of(ExecutionId("p", "d", "two"), NodePath("n0"), 0))
    await heard.until(lambda it: used(it) == (0, 0))
    assert max(heard.reports, key=lambda it: it.at_ms) is heard.reports[-1]


async def test_all_who_wait_are_told_of_where_they_are_few(
    both: tuple[SharedAllocator, SharedAllocator, Heard],
) -> None:
    a, _, heard = both
    ask(a, "large", *(f"n{number}" for number in range(52)))
    report = await heard.until(lambda it: used(it) == (2, 50))
    assert [(wait.place, wait.of, wait.asks) for _, wait in report.waits] == [
        (place, 50, {ATTEMPTS: 1}) for place in range(1, 51)
    ]


async def test_each_execution_is_told_of_however_many_wait_before_it(
    both: tuple[SharedAllocator, SharedAllocator, Heard],
) -> None:
    a, _, heard = both
    before = WAITS_IN_FULL + 10
    ask(a, "large", *(f"n{number:03}" for number in range(before + 2)))
    await heard.until(lambda it: used(it) == (2, before))
    ask(a, "small", *(f"n{number}" for number in range(WAITS_OF_EXECUTION + 2)))
    report = await heard.until(lambda it: used(it) == (2, before + WAITS_OF_EXECUTION + 2))
    told = [(execution.name, wait.place) for execution, wait in report.waits]
    assert told == [("large", place) for place in range(1, WAITS_IN_FULL + 1)] + [
        ("small", before + number) for number in range(1, WAITS_OF_EXECUTION + 1)
    ]


async def test_what_could_not_be_told_is_told_by_the_next_report() -> None:
    heard, wanted = Heard(failures=2), QuotaReport(7, {})

    async def read() -> QuotaReport:
        return wanted

    telling = Reporting(read, heard, pause_s=0.001)
    for _ in range(3):
        telling.touched()
        await asyncio.sleep(0.01)
    assert await heard.until(lambda it: it is wanted)
    await telling.close()


@pytest.mark.parametrize("path", ["n0", "n0/0/n3", "dn1/2/inner/0/n0"])
def test_names_of_asks_lead_back(path: str) -> None:
    execution = ExecutionId("p", "d", "e-1")
    name = name_of(execution, NodePath(path), 3)
    assert named(name) == named(f"{name}#12") == (execution, path, 3)
