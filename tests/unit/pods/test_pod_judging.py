"""How an attempt ended whose program could not store how it did."""

from dataclasses import replace

import pytest

from flytelike.model.failure import Failure, Fault
from flytelike.model.graph import Container
from flytelike.storage import Store
from propeller.executors.codes import NON_ZERO_EXIT, NOT_STORED, NOT_STORED_EXIT
from propeller.executors.pod.endings import user_failure
from propeller.executors.pod.judging import judged
from propeller.executors.pod.observation import Broken
from propeller.executors.results import Results
from tests.unit.pods.builders import attempt

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize(
    ("program", "status", "code", "fault"),
    [
        ("flytelike-execute", NOT_STORED_EXIT, NOT_STORED, Fault.SYSTEM),
        ("flytelike-execute", 1, NON_ZERO_EXIT, Fault.USER),
        ("a-program", NOT_STORED_EXIT, NON_ZERO_EXIT, Fault.USER),
    ],
)
async def test_only_our_own_program_tells_by_its_exit_code_that_the_store_was_away(
    program: str, status: int, code: str, fault: Fault
) -> None:
    spec = attempt()
    container = Container("python:3", (program,), ())
    spec = replace(spec, output_prefix="memory://out", task=replace(spec.task, container=container))
    ended = Broken(1, user_failure(NON_ZERO_EXIT, f"The program ended with exit code {status}."), status)

    async def tail() -> str:
        return "the last line"

    ending = await judged(spec, ended, Results(Store()), tail)
    assert isinstance(ending, Failure)
    assert (ending.code, ending.fault, ending.retryable) == (code, fault, True)
    assert ending.message.endswith("The last it printed:\nthe last line")
