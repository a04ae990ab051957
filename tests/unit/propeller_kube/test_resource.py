"""The custom resource: requests and statuses survive being written and read, and stay small."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.failure import Failure, Fault
from flytelike.model.phases import WorkflowPhase
from propeller.kube.durations import duration_ns, duration_text
from propeller.kube.fields import Fields, MalformedResource
from propeller.kube.resource import (
    OBJECT_BYTES_MAX,
    Abort,
    has_ended,
    resource_from_json,
    resource_of,
    resource_to_json,
)
from propeller.kube.status import NodeCounts, WorkflowStatus, status_from_json, status_to_json
from tests.kube.examples import full_request, request
from tests.strategies import made

SECOND_NS = 1_000_000_000
counts = st.integers(0, 2**31 - 1)
texts = st.text(max_size=30)
times = st.just(0) | st.integers(1_000, 4_000_000_000_000_000).map(lambda us: us * 1_000)
statuses = made(
    WorkflowStatus,
    st.sampled_from(WorkflowPhase),
    made(NodeCounts, st.integers(1, 2**31 - 1), counts, counts, counts, counts),
    texts,
    texts,
    st.none() | made(Failure, texts, texts, st.sampled_from(Fault), st.just(False)),
    times,
    times,
    texts,
    counts,
    counts,
)


@given(statuses)
def test_a_status_tells_whether_its_execution_has_ended(status: WorkflowStatus) -> None:
    assert has_ended({"status": status_to_json(status)}) is status.phase.terminal
    assert not has_ended({})


@given(st.integers(0, 10**18))
def test_lengths_of_time_survive(length_ns: int) -> None:
    assert duration_ns(duration_text(length_ns)) == length_ns


@pytest.mark.parametrize("text", ["", "90", "s", "-1s", "1.5h", "1h 2m", "1d"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no length of time"):
        duration_ns(text)


@pytest.mark.parametrize("one", [request(), full_request()], ids=["small", "full"])
def test_a_request_survives(one) -> None:
    assert resource_from_json(resource_to_json(resource_of(one, "ns"))).request == one


def test_the_wish_to_end_survives() -> None:
    wished = replace(resource_of(request(), "ns"), abort=Abort("enough", "ann"))
    assert resource_from_json(resource_to_json(wished)) == wished


@given(statuses)
def test_a_status_survives(status: WorkflowStatus) -> None:
    written = json.loads(json.dumps(status_to_json(status)))
    assert status_from_json(Fields(written, "status")) == status


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("spec.closure.digest", 7, "spec.closure.digest: expected text, got a number"),
        ("spec.inputs", None, "spec.inputs: expected an object, got nothing"),
        ("spec.options", {"timeout": "soon"}, "spec.options.timeout: 'soon' is no length of time"),
        ("spec.options", {"cache": "SOME"}, "spec.options.cache: 'SOME' is none of USE, OVERWRITE, OFF"),
        ("status", {"phase": "LOST"}, "status.phase: 'LOST' is none of "),
        ("status", {"startedAt": "noon"}, "status.startedAt: 'noon' is no time"),
    ],
)
def test_a_fault_names_its_field(path: str, value: object, told: str) -> None:
    document = resource_to_json(resource_of(request(), "ns"))
    *above, last = path.split(".")
    place = document
    for step in above:
        place = place[step]
    place[last] = value
    with pytest.raises(MalformedResource) as caught:
        resource_from_json(document)
    assert str(caught.value).startswith(told)


def test_texts_are_cut_to_what_the_schema_takes() -> None:
    failure = Failure("C" * 999, "m" * 99_999, Fault.USER, retryable=False)
    status = status_to_json(WorkflowStatus(WorkflowPhase.FAILED, message="m" * 99_999, failure=failure))
    lengths = (len(status["message"]), len(status["failure"]["message"]), len(status["failure"]["code"]))
    assert lengths == (1024, 2048, 256)
    assert status["message"].endswith("m…")


def test_the_largest_object_is_below_its_limit() -> None:
    """50,000 nodes, the longest texts, and as many variables as are taken."""
    largest = replace(full_request(), envs={f"VARIABLE_{n}": "x" * 100 for n in range(60)})
    failure = Failure("C" * 999, "ü" * 99_999, Fault.USER, retryable=False)
    nodes = NodeCounts(50_000, 10_000, 10_000, 10_000, 10_000)
    status = WorkflowStatus(
        WorkflowPhase.FAILED, nodes, "m" * 9_999, "w" * 999, failure, 1_000, 2_000, "s3://" + "o" * 500
    )
    document = resource_to_json(resource_of(largest, "ns")) | {"status": status_to_json(status)}
    assert 12_000 < len(json.dumps(document, ensure_ascii=False).encode()) < OBJECT_BYTES_MAX


def test_what_would_be_larger_is_refused() -> None:
    larger = replace(full_request(), envs={f"VARIABLE_{n}": "x" * 1000 for n in range(60)})
    with pytest.raises(DiagnosticError, match="oversized-resource"):
        resource_to_json(resource_of(larger, "ns"))
