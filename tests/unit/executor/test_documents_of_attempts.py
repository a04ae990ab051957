"""What an attempt left in the object store is read at once: whatever comes next waits for it."""

import asyncio

import pytest
from typing_extensions import override

from flytelike.codec.failures import failure_to_document
from flytelike.model.failure import Failure
from flytelike.storage import Store
from flytelike.storage.store import GET_BYTES_MAX
from flytelike_idl.core import literals_pb2
from propeller.executors.pod.endings import user_failure
from propeller.executors.results import ERROR, OUTPUTS, Results

pytestmark = pytest.mark.anyio

DECLARED = ("o0",)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Meeting(Store):
    """Answers no read before three are under way."""

    def __init__(self) -> None:
        super().__init__()
        self._barrier = asyncio.Barrier(3)

    @override
    async def get_async(self, uri: str, *, max_bytes: int = GET_BYTES_MAX) -> bytes:
        async with asyncio.timeout(30):
            await self._barrier.wait()
        return await super().get_async(uri, max_bytes=max_bytes)


def outputs(name: str) -> bytes:
    message = literals_pb2.LiteralMap()
    message.literals[name].scalar.primitive.integer = 1
    return message.SerializeToString()


async def test_documents_of_a_store_elsewhere_are_asked_for_together() -> None:
    results = Results(Meeting())
    await results.put("memory://together", OUTPUTS, outputs("o0"))
    assert await results.found("memory://together", DECLARED) is True


@pytest.mark.parametrize("name", ["o0", "other"])
async def test_a_failure_counts_before_outputs_and_these_only_if_all_are_there(name: str) -> None:
    results, prefix = Results(Store()), f"memory://counts-{name}"
    await results.put(prefix, OUTPUTS, outputs(name))
    assert await results.found(prefix, DECLARED) is (name == "o0")
    await results.put(prefix, ERROR, failure_to_document(user_failure("Bad", "it went wrong")).SerializeToString())
    found = await results.found(prefix, DECLARED)
    assert isinstance(found, Failure)
    assert found.code == "Bad"
