"""What nodes wait for is told with the record that says they wait, and with no other."""

import pytest

from propeller.core.wait import NO_WAIT, Wait, for_equal_work, for_place, for_signal, for_time


@pytest.mark.parametrize(
    ("wait", "what", "until_ns"),
    [
        (for_signal("ok", approval=True), 'approval "ok"', 0),
        (for_signal("size", approval=False, until_ns=7), 'signal "size"', 7),
        (for_time(5), "its time", 5),
        (for_equal_work(6), "an equal task that runs already", 6),
        (for_place(2), "one of 2 places (max_parallelism)", 0),
        (NO_WAIT, "", 0),
    ],
)
def test_words(wait: Wait, what: str, until_ns: int) -> None:
    assert (wait.what, wait.until_ns) == (what, until_ns)
