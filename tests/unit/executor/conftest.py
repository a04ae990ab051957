"""One running process executor for the tests of a module: its workers stay warm between tests."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.executor.builders import Bench


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def bench(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path_factory.mktemp("site"))
    yield bench
    await bench.close()
