"""Stock flytekit's eager functions, with the failure handler that it adds to them, on our platform."""

import json

import pytest

from tests.wire.recording import Record

pytestmark = pytest.mark.timeout(600)  # the first to ask waits for the whole session


@pytest.fixture
def gave(record: Record):
    """Return what a step of the script gave."""

    def found(step: str):
        done = record["eager"]
        assert done["code"] == 0, done
        came = json.loads(done["stdout"].splitlines()[-1])[step]
        assert "raised" not in came, came["raised"]
        return came["gave"]

    return found


def test_they_are_registered_with_a_workflow_that_holds_the_failure_handler(record: Record) -> None:
    assert record["register-eager"]["code"] == 0, record["register-eager"]
    assert "Task: eager_calls.climbs-cleanup" in record["register-eager"]["stdout"]


def test_calls_are_executions_and_their_results_come_back(gave) -> None:
    assert gave("climbs") == {
        "phase": "SUCCEEDED",
        "output": 12,
        "calls": {"plus_one": "SUCCEEDED", "double": "SUCCEEDED"},
    }


def test_the_failure_handler_ends_the_calls_that_still_run(gave) -> None:
    found = gave("gives_up")
    assert found["calls"] == {"fails": "FAILED", "sleeps": "ABORTED"}
    assert found["nodes"] == {"n0": "FAILED", "efn": "SUCCEEDED"}
    assert (found["phase"], "eager_calls.fails" in found["message"]) == ("FAILED", True)
