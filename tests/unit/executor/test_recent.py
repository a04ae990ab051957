"""What is remembered of attempts that ended: the last ones, with their outputs, in bounded memory."""

from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.usage import AttemptUse
from propeller.executors.process import recent
from propeller.executors.process.recent import Ended, Recent
from propeller.ports import AttemptKey

RUN = ExecutionId("p", "development", "e")


def key(number: int, execution: ExecutionId = RUN) -> AttemptKey:
    return AttemptKey(execution, NodePath(f"n{number}"), 0)


def test_an_end_is_told_again_with_its_outputs() -> None:
    known = Recent()
    ended = Ended(None, b"out", AttemptUse(5, 6))
    known.add(key(0), ended)
    assert known.get(key(0)) == ended
    assert known.get(key(1)) is None


def test_the_oldest_are_forgotten_when_they_are_many_or_large() -> None:
    known = Recent()
    for number in range(recent.REMEMBERED + 2):
        known.add(key(number), Ended(None, None))
    assert known.get(key(1)) is None
    assert known.get(key(2)) == Ended(None, None)
    half = b"0" * (recent.REMEMBERED_BYTES // 2)
    for number in range(3):
        known.add(key(-1 - number), Ended(None, half))
    assert known.get(key(-1)) is None
    assert known.get(key(-3)) == Ended(None, half)


def test_an_attempt_told_twice_counts_once() -> None:
    known = Recent()
    half = b"0" * (recent.REMEMBERED_BYTES // 2)
    for _ in range(5):
        known.add(key(0), Ended(None, half))
    known.add(key(1), Ended(None, half))
    assert known.get(key(0)) == Ended(None, half)


def test_executions_are_forgotten_whole() -> None:
    known, other = Recent(), ExecutionId("p", "development", "other")
    known.add(key(0), Ended(None, b"a"))
    known.add(key(0, other), Ended(None, b"b"))
    known.forget({RUN})
    assert known.get(key(0)) is None
    assert known.get(key(0, other)) == Ended(None, b"b")
