"""Stock flytekit, unchanged, against our platform: what its programs and its remote client can do."""

import json
import re
from pathlib import Path

import pytest

from tests.wire.recording import Record

pytestmark = pytest.mark.timeout(600)  # the first to ask waits for the whole session

ENTITIES = 40
STOCK_FRAME = "flytekit/core/base_task.py"


@pytest.fixture
def gave(record: Record):
    """Return what a step of the stock client's script gave."""

    def found(step: str):
        came = json.loads(record["client"]["stdout"])[step]
        assert "raised" not in came, came["raised"]
        return came["gave"]

    return found


# --- the command line --------------------------------------------------------------------


def test_pyflyte_registers_a_file(record: Record) -> None:
    done = record["register"]
    assert done["code"] == 0, done
    assert f"Successfully registered {ENTITIES} entities" in done["stdout"]


def test_pyflyte_registers_the_same_again(record: Record) -> None:
    done = record["again"]
    assert done["code"] == 0, done
    assert f"Successfully registered {ENTITIES} entities" in done["stdout"]


def test_pyflyte_runs_a_workflow_and_waits(record: Record) -> None:
    done = record["run"]
    assert done["code"] == 0, done
    assert re.search(r"Execution \w+ has succeeded", done["stdout"])


def test_pyflyte_tells_a_failure_with_the_authors_traceback(record: Record) -> None:
    done = record["run-failing"]
    assert done["code"] != 0
    for part in ("phase FAILED", 'raise ValueError(f"cannot take {n}")', "ValueError: cannot take 4"):
        assert part in done["stdout"]


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("relaunch", "Launched execution: ex:flytesnacks:development:"),
        ("recover", "Launched execution: ex:flytesnacks:development:"),
        ("fetch", "report.txt"),
        ("get", "twice_plan"),
        ("activate", "Launchplan was set to ACTIVE: twice_plan:v1"),
    ],
)
def test_pyflyte_looks_at_executions_and_launch_plans_and_acts_on_them(record: Record, command: str, told: str) -> None:
    done = record[command]
    assert done["code"] == 0, done
    assert told in done["stdout"]


def test_a_plain_container_gets_and_gives_files(gave) -> None:
    assert gave("plain_container") == [16, "b"]


def test_a_deck_is_found_and_shown_apart_from_everything(gave) -> None:
    found = gave("deck")
    assert (found["uri"], found["shown"]) == ("deck.html", True)
    assert "sandbox" in found["policy"]


# --- the remote client -------------------------------------------------------------------


def test_the_client_ran_to_its_end(record: Record) -> None:
    assert record["client"]["code"] == 0, record["client"]["stderr"]


def test_executions_are_recovered(gave) -> None:
    recovered = 5
    assert gave("recovering") == {
        "succeeded": ["SUCCEEDED", ["RECOVERED", "RECOVERED"], recovered, True],
        "failed": ["FAILED", ["FAILED"], recovered, True],
        "output": 8,
    }


def test_entities_are_fetched_as_they_were_written(gave) -> None:
    fetched = gave("fetches")
    assert re.fullmatch(r"cr\.flyte\.org/flyteorg/flytekit:py3\.\d+-1\.16\.\d+", fetched.pop("image"))
    assert fetched.pop("latest") != "v1", "a later version was registered by `run`"
    assert fetched == {
        "cache": [True, "3"],
        "retries": 2,
        "interface": ["colour", "doubled", "painted"],
        "nodes": 2,
        "sub_workflows": 1,
        "default": 7,
    }


@pytest.mark.parametrize(
    ("step", "value"),
    [
        ("default_inputs", 14),
        ("fixed_inputs", 10),
        ("names_taken", "the-parent"),
        ("uploaded_file", 7),
        ("retrying", {"output": 10, "attempts": 2}),
        # CACHE_POPULATED, CACHE_HIT with the node that computed it, and CACHE_POPULATED again
        ("caching", [[3, 5, ""], [2, 5, "n0"], [3, 5, ""]]),
        ("data_by_name", {"inputs": 2, "one": 2}),
        ("launch_plan_states", ["v1", True]),
        ("terminating", {"phase": "ABORTED", "cause": "not wanted", "error": "None"}),
    ],
)
def test_what_the_client_asks_for_is_done(gave, step: str, value: object) -> None:
    assert gave(step) == value


def test_map_tasks_run(record: Record, gave) -> None:
    """Whole and partial, with elements that may fail, with retries, over a launch plan, of nothing."""
    assert record["register-maps"]["code"] == 0, record["register-maps"]
    assert gave("map_tasks") == {
        "outputs": [[1, 4, 9], [10, None, 30], [1, 2, 3], [1, 2, 3]],
        "of nothing": [[], [], [], []],
        "node": [True, [1, 4, 9], [1, 2, 3]],
        "attempts": [0],
        "failed": ["FAILED", "1 of 2 elements failed, 2 must succeed. The first failure: element 1:"],
    }


def test_values_of_every_kind_come_back(gave) -> None:
    assert gave("outputs") == {
        "doubled": 8,
        "painted": "blue",
        "colour": "blue",
        "inputs": [4, "blue", None],
    }


def test_executions_of_launch_plan_nodes_are_read(gave) -> None:
    assert gave("child_executions") == {
        "output": 8,
        "phases": True,
        "child": ["SUCCEEDED", 4],
        "task": [4, 8, 0],
        "nodes": ["n0", "n1"],
    }


def test_nodes_of_dynamic_tasks_run_and_are_read(gave) -> None:
    assert gave("dynamic_nodes") == {
        "outputs": [6, 2, 4],
        "dynamic": [True, True],
        "nodes": ["dn0", "dn1", "dn2"],
        "given": [2, 4, 6],
    }


def test_a_failure_names_code_kind_and_cause(gave) -> None:
    """An ordinary exception of a stock task is not retried."""
    failure = gave("failing")
    messages = failure.pop("message"), failure.pop("task_message")
    assert failure == {"phase": "FAILED", "code": "USER:RuntimeError", "kind": 1, "attempts": 1}
    for message in messages:
        assert STOCK_FRAME in message
        assert message.endswith("ValueError: cannot take 2")


def test_entities_and_executions_are_listed(gave) -> None:
    listed = gave("lists")
    assert listed["tasks"] == ["v1", gave("fetches")["latest"]], "in the order that was asked for"
    assert listed["pages"] == [2, True]
    assert listed["plans"] == ["v1"]
    assert {"ours.count", "ours.move", "ours.table"} < set(listed["by_version"])
    assert (listed["projects"], listed["recent"], listed["failed"], listed["refusing"]) == (
        True,
        True,
        ["FAILED"],
        True,
    )


@pytest.mark.parametrize(
    ("request_", "kind", "text"),
    [
        ("unknown", "FlyteEntityNotExistException", "there is no task flytesnacks/development/flows.nothing@v1"),
        (
            "unknown_execution",
            "FlyteEntityNotExistException",
            "there is no execution flytesnacks/development/nobody-ran-this",
        ),
        ("wrong_type", "FlyteInvalidInputException", "the input `n` does not fit: expected int, got str 'text'"),
        ("missing_input", "FlyteInvalidInputException", "the input `n`, int, is missing"),
        ("other_content", "FlyteInvalidInputException", "is registered with other content [version-conflict]"),
    ],
)
def test_refusals_are_the_exceptions_that_flyte_raises(gave, request_: str, kind: str, text: str) -> None:
    raised, message = gave("refusals")[request_]
    assert raised == kind
    assert text in message


# --- tasks -------------------------------------------------------------------------------


def test_a_stock_task_knows_its_execution_and_runs_in_its_images_environment(gave, stock: Path) -> None:
    told = gave("single_task")
    assert told.pop("execution") == told.pop("expected")
    name = "flytesnacks:development:.flytegen.flows.told"
    assert told == {
        "task": "flytesnacks/development/flows.told@v1",
        "environment": str(stock),
        "workflow": name,
        "launchplan": name,
        "project": "flytesnacks",
        "domain": "development",
    }


def test_tasks_of_both_kinds_pass_values_to_each_other(gave) -> None:
    """Dataclasses, files, folders, frames, unions, enums, dictionaries and instants, in one workflow."""
    assert gave("both_kinds_of_tasks") == {
        "point": {"x": 10, "y": 0.5, "names": ["shifted", "moved", "shifted"]},
        "counted": 3,
        "sized": 4,
        "ours": 6,
        "stock": 10,
        "either": "3",
        "listed": {"x": 1, "yy": 2},
        "listed_by_stock": {"a": 1, "bcd": 3},
        "colour": "red",
        "when": "2024-03-01T01:00:00+00:00",
    }


# --- what we wrote, read by the stock client ---------------------------------------------


def test_our_workflow_is_executed_and_its_outputs_are_read(gave) -> None:
    assert gave("outputs_of_ours") == {
        "point": {"x": 3, "y": 2.5, "names": ["a", "moved"]},
        "either": "4",
        "file": "one\ntwo",
        "table": [0, 1, 2],
    }


def test_our_interfaces_mean_the_same_types_to_the_stock_type_engine(gave) -> None:
    assert gave("guessed_types_of_ours") == {
        "fields": {"x": "<class 'int'>", "y": "<class 'float'>", "names": "typing.List[str]"},
        "by": "<class 'int'>",
        "outputs": {
            "o1": "typing.Union[int, str]",
            "o2": "<class 'flytekit.types.file.file.FlyteFile'>",
            "o3": "<class 'flytekit.types.structured.structured_dataset.StructuredDataset'>",
        },
        "nodes": 4,
    }


def test_our_messages_are_stock_messages(gave) -> None:
    """What stock messages do not know lies in our range of numbers, and they carry it on unharmed."""
    read = gave("messages_of_ours")
    assert [number for number in read["unknown"] if not 9000 <= number <= 9999] == []
    assert set(read["again"].values()) == {True}
    assert read["point"] == {"x": 5, "y": 0.5, "names": ["moved"]}
