"""What `flytelike quota queue` says of those who wait."""

import pytest

from flytelike.cli.quota_queue import rest, row, waited
from flytelike.model.quota import QuotaPlace
from flytelike_idl.service import tenancy_pb2 as pb

MINUTE_NS = 60_000_000_000


def entry(**more: object) -> pb.QuotaQueueEntry:
    found = pb.QuotaQueueEntry(wait=pb.QuotaWait(place=3, of=17, **more))  # type: ignore[arg-type]
    found.execution.project, found.execution.domain, found.execution.name = "vision", "development", "nightly"
    return found


def test_an_attempt_is_told_with_what_it_asks_for_and_who_has_it() -> None:
    held = [pb.QuotaHolder(name="speech", amount=6000), pb.QuotaHolder(amount=2000)]
    short = pb.QuotaShortfall(resource="cpu", asked=2000, used=8000, limit=8000, held=held)
    short.place.team = "ml"
    waits = entry(node_id="n0", attempt=1, priority=2, asks={"cpu": 2000, "attempts": 1}, shortfalls=[short])
    waits.wait.since.FromNanoseconds(MINUTE_NS)
    assert row(waits, 4 * MINUTE_NS) == {
        "place": "3 of 17",
        "execution": "vision/development/nightly",
        "node": "n0 (attempt 1)",
        "priority": "2",
        "waits": "3 min",
        "asks for": "2 CPU, 1 attempt",
        "in its way": "team:ml: 8 of 8 cpu in use (speech has 6, others have 2)",
    }


def test_an_execution_that_is_held_back_waits_as_a_whole() -> None:
    told = row(entry(asks={"executions": 1}), 0)
    assert (told["node"], told["asks for"], told["waits"]) == ("the execution", "1 execution", "")
    assert told["in its way"] == "its turn: others come first by fair shares"


@pytest.mark.parametrize(
    ("found", "place", "lines"),
    [
        ({}, "team:ml", ["nobody waits at team:ml for their part of what many share"]),
        ({}, "platform:", ["nobody waits on the platform for their part of what many share"]),
        ({"waiting": 1, "entries": 1}, "vision", []),
        ({"waiting": 9, "entries": 1, "token": "1"}, "vision", ["8 more wait: `--limit` shows more of them"]),
        (
            {"waiting": 9, "unnamed": 5, "entries": 1},
            "team:ml",
            ["3 more wait", "5 others wait at team:ml, in projects that you may not read"],
        ),
    ],
)
def test_those_who_are_not_shown_are_counted(found: dict[str, object], place: str, lines: list[str]) -> None:
    entries = [entry()] * int(str(found.pop("entries", 0)))
    assert rest(pb.ListQuotaQueueResponse(entries=entries, **found), QuotaPlace.parse(place)) == lines  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "words"), [(-1, "0 s"), (0, "0 s"), (59, "59 s"), (60, "1 min"), (7300, "2 h"), (200_000, "2 d")]
)
def test_lengths_of_time_are_told_at_a_glance(seconds: int, words: str) -> None:
    assert waited(seconds * 1_000_000_000) == words
