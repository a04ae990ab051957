"""Patience with a database that does not answer: bounded, and it says what is wrong."""

from collections.abc import Callable

import pytest

from flytelike.controlplane.awaiting import until_answers
from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import Refusal, Status, refusal
from tests.kube.control_plane import free_port

NOWHERE = "postgresql+psycopg://somebody:xyzzy@127.0.0.1:{port}/plane"


class Late:
    """A database that answers the `tries`-th question, and a clock that only goes on while somebody waits."""

    def __init__(self, tries: int, code: str = "database-unavailable") -> None:
        self.tries, self.code, self.now = tries, code, 0.0
        self.told: list[str] = []

    def read_now(self, _work: Callable[[object], object]) -> None:
        self.tries -= 1
        if self.tries:
            raise refusal(Status.UNAVAILABLE, self.code, "the database does not answer: it starts")

    def wait(self, patience_s: float) -> None:
        def told(error: Refusal) -> None:
            self.told.append(error.diagnostics[0].headline)

        until_answers(self, patience_s, told, lambda: self.now, self.pause)  # type: ignore[arg-type]

    def pause(self, seconds: float) -> None:
        self.now += seconds


def test_a_database_that_answers_is_not_waited_for() -> None:
    late = Late(1)
    late.wait(0)
    assert (late.now, late.told) == (0, [])


def test_a_database_that_starts_is_waited_for() -> None:
    late = Late(12)
    late.wait(60)
    assert 30 < late.now <= 60
    assert late.told == ["the database does not answer: it starts"] * 2


@pytest.mark.parametrize("patience_s", [0, 60])
def test_patience_ends(patience_s: int) -> None:
    late = Late(1_000)
    after = r".*\(after 5\d s\)" if patience_s else r" \["
    with pytest.raises(Refusal, match=f"it starts{after}"):
        late.wait(patience_s)
    assert late.now <= patience_s


def test_what_waiting_does_not_help_is_told_at_once() -> None:
    late = Late(2, "corrupt-database")
    with pytest.raises(Refusal, match="corrupt-database"):
        late.wait(60)
    assert late.now == 0


def test_a_server_that_is_not_there_is_a_database_that_does_not_answer() -> None:
    database = Database(NOWHERE.format(port=free_port()))
    try:
        with pytest.raises(Refusal, match=r"Connection refused.*\[database-unavailable\]") as told:
            until_answers(database, 0, lambda _: None)
    finally:
        database.close()
    assert "xyzzy" not in str(told.value)
