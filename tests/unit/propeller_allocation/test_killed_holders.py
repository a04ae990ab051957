"""A holder that is killed gives nothing back, and yet what it had is granted to others within its time to live."""

import asyncio
import signal
import sys
from dataclasses import dataclass, field

import pytest
from typing_extensions import override

from flytelike.model.quota import ATTEMPTS
from propeller.allocation.shared import SharedAllocator, SharedSettings
from propeller.core.fairness import Quota, Shortage
from propeller.ports_allocation import AllocationListener, Ask

pytestmark = [pytest.mark.anyio, pytest.mark.postgres]
TTL_S = 2.0
QUOTAS = {(): Quota(limit={ATTEMPTS: 2})}
HOLDER = f"""
import asyncio, sys
from propeller.allocation.shared import SharedAllocator, SharedSettings
from propeller.core.fairness import Quota
from propeller.ports_allocation import Ask

class Told:
    def granted(self, name):
        print(name, flush=True)

async def main():
    settings = SharedSettings(sys.argv[1], "killed", ttl_s={TTL_S})
    async with SharedAllocator(settings, lambda: {{(): Quota(limit={{"{ATTEMPTS}": 2}})}}) as shared:
        for name in ("a", "b", "c"):
            shared.ask(Ask(name, "p", "d", {{"{ATTEMPTS}": 1}}), Told())
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Told(AllocationListener):
    granted_ids: list[str] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @override
    def granted(self, ask_id: str) -> None:
        self.granted_ids.append(ask_id)
        self.news.set()

    @override
    def refused(self, ask_id: str, shortages: tuple[Shortage, ...]) -> None:
        raise AssertionError

    @override
    def lost(self, ask_id: str) -> None:
        raise AssertionError


async def test_what_a_killed_process_held_is_granted_to_others(postgres_url: str) -> None:
    url = postgres_url.replace("postgresql+psycopg://", "postgresql://")
    words = (sys.executable, "-c", HOLDER, url)
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            assert [await process.stdout.readline() for _ in range(2)] == [b"a\n", b"b\n"]
        told = Told()
        async with SharedAllocator(SharedSettings(url, "other", ttl_s=TTL_S), lambda: QUOTAS) as other:
            for name in ("x", "y"):
                other.ask(Ask(name, "p", "d", {ATTEMPTS: 1}), told)
            while await other.why("y") is None:
                await asyncio.sleep(0.01)
            assert told.granted_ids == []
            process.send_signal(signal.SIGKILL)
            async with asyncio.timeout(60):
                while len(told.granted_ids) < 2:
                    await told.news.wait()
                    told.news.clear()
        assert sorted(told.granted_ids) == ["x", "y"]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
