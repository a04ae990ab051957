"""What is stored can be read again, by this version and by those to come."""

import dataclasses
import inspect

import msgpack
import pytest

from flytelike.model.caching import CacheKey, CacheNote, CacheSource, CacheStatus
from flytelike.model.failure import Failure, Fault
from flytelike.model.history import (
    AttemptChanged,
    ElementFailure,
    ElementsChanged,
    ElementSpan,
    ExecutionChanged,
    NodeChanged,
    Record,
)
from flytelike.model.ids import ExecutionId, Identifier, NodeId, NodePath, ResourceKind
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from flytelike.model.usage import AskedResources, AttemptUse, ResourceAmounts
from propeller.core import elements, header, node_state
from propeller.core.commands import AbortAttempt, AbortChild, AbortElements
from propeller.engine.encoding import NUMBERS, decode, encode
from propeller.engine.telling import Telling, telling_in
from propeller.ports import StoreCorrupt, StoreTooNew
from tests.unit.propeller_engine.builders import request

FAILURE = Failure("USER:E", "why", Fault.USER, retryable=True, origin="u")
ASKED = AskedResources(ResourceAmounts(500, 1 << 30, 1, 1 << 40), ResourceAmounts(2000))
TASK = Identifier(ResourceKind.TASK, "p", "d", "t", "v")

VALUES = [
    header.Header(header.Limits(3, 4, True), header.InProgress(5, FAILURE), 6),
    header.Header(),
    header.Header(status=header.Succeeding(1)),
    header.Header(status=header.ExecutionSucceeded()),
    header.Header(status=header.ExecutionFailed(FAILURE)),
    header.Header(status=header.ExecutionTimedOut(FAILURE)),
    header.Header(status=header.ExecutionAborted("cause", "who")),
    node_state.Held(1),
    node_state.LookingUp(1),
    node_state.WaitingForCache(1, 2),
    node_state.Started(1, 2),
    node_state.Running(1, 2, 3),
    node_state.BackingOff(1, 2, 3),
    node_state.ChildRunning(1, 2),
    node_state.Expanded(1, 2, FAILURE),
    node_state.Collecting(1, 2),
    node_state.Succeeded(1),
    node_state.Failed(1, FAILURE),
    node_state.Skipped(),
    node_state.Aborted(),
    node_state.Measuring(1),
    node_state.Mapped(1, 9, 5, 2, 2, 1, FAILURE, 3),
    node_state.Gathering(1, 9, 3),
    elements.Chunk(b"\x00\x01", ((1, 2, 3),), ((0, 5),)),
    AbortElements("id", NodePath("n"), 0, "why"),
    ElementsChanged(
        NodePath("n"),
        0,
        1,
        9,
        2,
        3,
        4,
        (ElementSpan(0, 2, TaskPhase.RUNNING),),
        (ElementFailure(1, 0, FAILURE),),
        CacheStatus.HIT,
        recovered=True,
    ),
    AbortAttempt("id", NodePath("n"), 1, "why"),
    AbortChild("id", NodePath("n"), 1, "why"),
    CacheNote(
        CacheStatus.HIT,
        CacheKey("p", "d", "t", "i", "v", "", (("x", "sha256:1"),)),
        CacheSource(ExecutionId("p", "d", "e"), NodePath("n0"), 1, "v"),
        "why",
    ),
    request(labels={"a": "b"}, envs={}, interruptible=False, depth=2),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_come_back_as_they_were(value: object) -> None:
    assert decode(encode(value)) == value
    assert decode(encode([value, 7])) == (value, 7)


def test_enums_come_back_as_enums() -> None:
    found = decode(encode([TASK, FAILURE]))
    assert isinstance(found[0].kind, ResourceKind)
    assert isinstance(found[1].fault, Fault)


def test_a_telling_comes_back_with_the_same_entries() -> None:
    execution = ExecutionId("p", "d", "e")
    records: list[Record] = [
        ExecutionChanged(WorkflowPhase.SUCCEEDED, 1, FAILURE, "cause"),
        NodeChanged(NodePath("a"), NodePath(""), NodeId("a"), NodePhase.SUCCEEDED, 2, None, False, True, "train"),
        AttemptChanged(NodePath("a"), 1, TASK, TaskPhase.SUCCEEDED, 3, FAILURE, 4, ASKED, AttemptUse(1 << 40, 5)),
    ]
    child = ExecutionId("p", "d", "child")
    telling = Telling(execution, "mem://m", "mem://in", 5, records, [0, 1, 1], [None, child, None])
    batch = telling.batch()
    assert batch is not None
    assert (batch.first, batch.last) == (5, 7)
    assert telling_in(execution, batch).entries() == telling.entries()


def test_nothing_told_is_nothing_stored() -> None:
    assert Telling(ExecutionId("p", "d", "e"), "", "", 1, [], [], []).batch() is None


FROZEN = {
    1: "ExecutionId project domain name org",
    2: "Identifier kind project domain name version org",
    3: "NodeExecutionId execution path",
    4: "Failure code message fault retryable origin",
    5: "LaunchRequest id launch_plan workflow closure_uri closure_digest inputs_uri max_parallelism "
    "interruptible envs raw_output_prefix timeout_ns labels parent depth reuse_uri reuse_digest cache priority",
    10: "Header limits status next_order",
    11: "Limits max_parallelism timeout_ns interruptible cached",
    12: "Accepted",
    13: "InProgress started_ns failure",
    14: "Succeeding started_ns",
    15: "ExecutionSucceeded",
    16: "ExecutionFailed failure",
    17: "ExecutionTimedOut failure",
    18: "ExecutionAborted cause principal",
    19: "HandlingFailure started_ns failure timed_out",
    30: "Held order user_failures system_failures priority",
    31: "Started user_failures system_failures since_ns waits",
    32: "Running started_ns user_failures system_failures",
    33: "BackingOff until_ns user_failures system_failures",
    34: "ChildRunning started_ns user_failures",
    35: "Expanded started_ns user_failures failure system_failures",
    36: "Collecting started_ns user_failures system_failures",
    37: "Succeeded attempt",
    38: "Failed attempt failure",
    39: "Skipped",
    40: "Aborted",
    41: "HandlingScopeFailure started_ns user_failures failure",
    42: "Deciding",
    43: "Decided case",
    44: "AtGate started_ns",
    50: "CacheKey project domain task interface version environment inputs",
    51: "CacheSource execution path attempt task_version",
    52: "CacheNote status key source why",
    53: "LookingUp round",
    54: "WaitingForCache round until_ns",
    58: "TakingOver",
    59: "LeftOut",
    64: "Measuring started_ns attempt",
    65: "Mapped started_ns length begun open succeeded failed failure results attempt waits",
    66: "Gathering started_ns length results attempt",
    67: "Chunk phases failures pauses",
    60: "AbortAttempt id path attempt reason",
    61: "AbortChild id path attempt reason",
    62: "Seal id",
    63: "AbortElements id path attempt reason",
    80: "ExecutionChanged phase at_ns failure cause",
    81: (
        "NodeChanged path parent spec_node_id phase at_ns failure is_parent is_child_execution name note cache graph"
        " waits waits_until_ns priority"
    ),
    82: "AttemptChanged path attempt task phase at_ns failure next_ns asked used",
    83: "ElementsChanged path attempt at_ns length open succeeded failed changes failures cache recovered",
    84: "ResourceAmounts cpu_milli memory_bytes gpus ephemeral_storage_bytes",
    85: "AskedResources requests limits",
    86: "AttemptUse memory_peak_bytes processor_ns",
}
"""What is stored since version 1. Only add lines, and fields at a line's end (with defaults)."""


def test_what_is_stored_is_frozen() -> None:
    found = {n: " ".join([kind.__name__, *(f.name for f in dataclasses.fields(kind))]) for n, kind in NUMBERS.items()}
    assert found == FROZEN


def test_every_state_and_status_can_be_stored() -> None:
    for module in (header, node_state):
        for kind in vars(module).values():
            if inspect.isclass(kind) and dataclasses.is_dataclass(kind) and kind.__module__ == module.__name__:
                assert kind in NUMBERS.values(), kind


def test_fields_that_were_not_stored_take_their_defaults() -> None:
    assert decode(msgpack.packb({32: [7]})) == node_state.Running(7)


@pytest.mark.parametrize("stored", [{126: []}, {30: [1, 2, 3, 4, 5]}])
def test_what_a_newer_version_stored_is_refused(stored: object) -> None:
    with pytest.raises(StoreTooNew):
        decode(msgpack.packb(stored))


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x92\x01", msgpack.packb({32: []})])
def test_what_nobody_stored_is_refused(data: bytes) -> None:
    with pytest.raises(StoreCorrupt):
        decode(data)


def test_what_has_no_number_is_not_stored() -> None:
    with pytest.raises(TypeError, match="has no number"):
        encode(object())
