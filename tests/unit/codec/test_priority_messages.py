"""What Flyte's quality of service says as a priority."""

import pytest
from google.protobuf import duration_pb2

from flytelike.codec.priority import fill_priority, priority_from_proto, said_priority
from flytelike.model.priority import PRIORITY_MAX
from flytelike_idl.core import execution_pb2 as pb


def budget(minutes: int) -> pb.QualityOfService:
    seconds = duration_pb2.Duration(seconds=60 * minutes)
    return pb.QualityOfService(spec=pb.QualityOfServiceSpec(queueing_budget=seconds))


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (pb.QualityOfService(), None),
        (pb.QualityOfService(spec=pb.QualityOfServiceSpec()), None),
        (pb.QualityOfService(tier=pb.QualityOfService.UNDEFINED), None),
        (pb.QualityOfService(tier=pb.QualityOfService.HIGH), 100),
        (pb.QualityOfService(tier=pb.QualityOfService.MEDIUM), 0),
        (pb.QualityOfService(tier=pb.QualityOfService.LOW), -100),
        (budget(0), 100),
        (budget(100), 0),
        (budget(101), -1),
        (budget(1_000_000), -PRIORITY_MAX),
        (budget(-1_000_000), PRIORITY_MAX),
    ],
)
def test_a_tier_is_a_priority_and_so_is_a_budget(told: pb.QualityOfService, said: int | None) -> None:
    assert said_priority(told) == said
    assert priority_from_proto(told) == (said or 0)


@pytest.mark.parametrize("number", [0, 7, -5000])
def test_a_number_goes_before_a_tier(number: int) -> None:
    told = pb.QualityOfService(tier=pb.QualityOfService.HIGH)
    fill_priority(number, told)
    assert said_priority(told) == number
