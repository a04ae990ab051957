"""What people and scripts are told of an attempt's resources."""

import pytest

from flytelike.cli.attempts import attempt_document, attempt_lines
from flytelike.codec.usage import asked_to_proto, used_to_proto
from flytelike.model.phases import TaskPhase
from flytelike.model.usage import AskedResources, AttemptUse, ResourceAmounts
from flytelike_idl.admin import task_execution_pb2 as pb

MIB = 1 << 20
ASKED = AskedResources(ResourceAmounts(1000, 500 * MIB), ResourceAmounts(memory_bytes=1024 * MIB))
EVERYTHING = AskedResources(ResourceAmounts(gpus=2, ephemeral_storage_bytes=10 << 30), ResourceAmounts())
USED = AttemptUse(312 * MIB, 1_800_000_000)


def attempt(
    asked: AskedResources | None,
    used: AttemptUse | None,
    phase: TaskPhase = TaskPhase.SUCCEEDED,
    *,
    began: bool = True,
) -> pb.TaskExecution:
    closure = pb.TaskExecutionClosure(phase=phase.value, asked=asked_to_proto(asked), used=used_to_proto(used))
    if began:
        closure.started_at.FromSeconds(1_700_000_000)
        closure.duration.FromMilliseconds(2000)
    return pb.TaskExecution(closure=closure)


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        (
            attempt(ASKED, USED),
            [
                "memory     312 MiB of 500 MiB asked (limit 1 GiB)",
                "processor  1.8 s over 2 s = 0.9 CPU of 1 asked",
            ],
        ),
        (
            attempt(None, AttemptUse(MIB, 2_140_000)),
            ["memory     1 MiB", "processor  2.14 ms over 2 s = 0.0011 CPU"],
        ),
        (attempt(None, USED), ["memory     312 MiB", "processor  1.8 s over 2 s = 0.9 CPU"]),
        (
            attempt(ASKED, None),
            ["memory     not measured; 500 MiB asked (limit 1 GiB)", "processor  not measured; 1 asked"],
        ),
        (
            attempt(ASKED, AttemptUse(0, 1_800_000_000)),
            [
                "memory     not measured; 500 MiB asked (limit 1 GiB)",
                "processor  1.8 s over 2 s = 0.9 CPU of 1 asked",
            ],
        ),
        (
            attempt(EVERYTHING, None, TaskPhase.RUNNING),
            ["GPUs       2 asked", "disk       10 GiB asked"],
        ),
        (attempt(None, None, TaskPhase.QUEUED, began=False), []),
        (attempt(None, None, TaskPhase.ABORTED, began=False), []),
    ],
)
def test_people_read_what_was_used_of_what_was_asked(given: pb.TaskExecution, lines: list[str]) -> None:
    first, *others = attempt_lines(given)
    assert first == f"attempt 0  {TaskPhase(given.closure.phase).name.lower()}"
    assert [line.removeprefix("  ") for line in others] == lines


def test_an_attempt_that_failed_says_with_what() -> None:
    failed = attempt(None, None, TaskPhase.RETRYABLE_FAILED)
    failed.id.retry_attempt, failed.closure.error.code = 1, "OOMKilled"
    assert attempt_lines(failed)[0] == "attempt 1  retryable failed  OOMKilled"


def test_scripts_get_numbers_and_null_for_what_is_not_known() -> None:
    document = attempt_document(attempt(ASKED, USED))
    assert document["used"] == {"memory_peak_bytes": 312 * MIB, "processor_seconds": 1.8}
    assert document["asked"] == {
        "requests": {"cpu": 1.0, "memory_bytes": 500 * MIB, "gpus": 0, "ephemeral_storage_bytes": 0},
        "limits": {"cpu": 0.0, "memory_bytes": 1024 * MIB, "gpus": 0, "ephemeral_storage_bytes": 0},
    }
    nothing = attempt_document(attempt(None, None))
    assert (nothing["asked"], nothing["used"]) == (None, None)
    hidden = attempt_document(attempt(None, AttemptUse(0, 5_000)))
    assert hidden["used"] == {"memory_peak_bytes": None, "processor_seconds": 5e-06}
