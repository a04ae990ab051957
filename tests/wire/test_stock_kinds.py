"""Stock flytekit's branches, gates and failure nodes, registered and run by its own programs on our platform."""

import json

import pytest

from tests.wire.recording import Record

pytestmark = pytest.mark.timeout(600)  # the first to ask waits for the whole session


@pytest.fixture
def gave(record: Record):
    """Return what a step of the script gave."""

    def found(step: str):
        done = record["kinds"]
        assert done["code"] == 0, done
        came = json.loads(done["stdout"].splitlines()[-1])[step]
        assert "raised" not in came, came["raised"]
        return came["gave"]

    return found


def test_they_are_registered(record: Record) -> None:
    assert record["register-kinds"]["code"] == 0, record["register-kinds"]
    assert "Successfully registered 15 entities" in record["register-kinds"]["stdout"]


def test_each_case_of_a_branch_can_be_taken(gave) -> None:
    """In order: the failure of a nested branch, a nested case, a sub-workflow, a launch plan, a task."""
    assert gave("branches")["given"] == {"0": "too small", "1": 2, "2": 4, "3": 6, "7": 42}


def test_a_stock_client_sees_which_case_was_taken(gave) -> None:
    found = gave("branches")
    assert found["nodes"] == {"n0": "SUCCEEDED", "n1": "SUCCEEDED", "n2": "SUCCEEDED", "n3": "SUCCEEDED"}
    assert found["inside"] == {"n3-n0": "SUCCEEDED", "n3-n1": "SKIPPED", "n3-n2": "SKIPPED", "n3-n3": "SKIPPED"}


def test_a_stock_client_answers_gates(gave) -> None:
    found = gave("approves")
    assert (found["signals"], found["phase"], found["output"]) == (["more", "ok"], "SUCCEEDED", 13)
    assert "the value of `more` does not fit: expected int, got str 'many'" in found["wrong"]


def test_a_stock_client_rejects(gave) -> None:
    assert gave("rejects") == {"phase": "FAILED", "code": "ReceivedRejectSignal"}


def test_a_failure_node_is_told_what_failed(gave) -> None:
    found = gave("cleans")
    assert found["told"].split() == ["2", "n1:", "ValueError:", "cannot", "take", "4"]
    assert found["nodes"] == {"n0": "SUCCEEDED", "n1": "FAILED", "fn0": "SUCCEEDED"}
    assert (found["phase"], "cannot take 4" in found["message"]) == ("FAILED", True)
