"""Retries and timeouts of tasks, in the model's terms and on the wire."""

from datetime import timedelta
from typing import Any

import pytest

from flytelike import Backoff, RetryStrategy, Timeout, task
from flytelike.codec.faults import MalformedError
from flytelike.codec.tasks import task_template_from_proto, task_template_to_proto
from flytelike.model import policies
from flytelike.model.policies import TaskMetadata
from tests.unit.sdk.built import built

S = 1_000_000_000


def metadata(**options: Any) -> TaskMetadata:
    @task(**options)
    def tried() -> None: ...

    return built(tried).tasks[0].metadata


def test_a_number_is_a_number_of_retries() -> None:
    assert (metadata(retries=3).retries, metadata(retries=3).backoff) == (3, None)
    assert metadata(retries=RetryStrategy(count=3)) == metadata(retries=3)


@pytest.mark.parametrize(
    ("backoff", "expected"),
    [
        (Backoff(timedelta(seconds=1)), policies.Backoff(S, 2.0, 0)),
        (Backoff(timedelta(seconds=1), 1, timedelta(minutes=1)), policies.Backoff(S, 1.0, 60 * S)),
    ],
)
def test_a_strategy_has_a_pause(backoff: Backoff, expected: policies.Backoff) -> None:
    found = metadata(retries=RetryStrategy(3, backoff))
    assert (found.retries, found.backoff) == (3, expected)


def test_a_timeout_limits_the_run_and_the_wait() -> None:
    found = metadata(timeout=Timeout(max_runtime=2, max_queued_time=timedelta(seconds=3)))
    assert (found.timeout_ns, found.queued_timeout_ns) == (2 * S, 3 * S)
    assert (metadata(timeout=2).timeout_ns, metadata(timeout=2).queued_timeout_ns) == (2 * S, 0)


def test_they_travel_with_the_task() -> None:
    @task(retries=RetryStrategy(3, Backoff(timedelta(seconds=1), 1.5)), timeout=Timeout(max_queued_time=9))
    def tried() -> None: ...

    template = built(tried).tasks[0]
    sent = task_template_to_proto(template)
    assert task_template_from_proto(sent).metadata == template.metadata
    sent.metadata.retries.backoff_factor = 0.5
    with pytest.raises(MalformedError, match="backoff_factor"):
        task_template_from_proto(sent)
