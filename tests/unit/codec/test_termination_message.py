"""What a container's last message tells of its attempt's use, beside an author's own words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytelike.codec.termination_message import parted, used_line
from flytelike.model.usage import USE_MAX, AttemptUse

AMOUNTS = st.integers(0, USE_MAX)


@given(st.text(), st.builds(AttemptUse, AMOUNTS, AMOUNTS))
def test_both_are_read_as_they_were_written(own: str, used: AttemptUse) -> None:
    assert parted(own + used_line(used)) == (own, used)


@pytest.mark.parametrize(
    "said", ["", "it went wrong", "flytelike-used", "flytelike-used 1 2 3\n", "xflytelike-used 1 2"]
)
def test_a_message_without_it_is_the_authors_own(said: str) -> None:
    assert parted(said) == (said, None)


def test_what_cannot_be_is_not_believed() -> None:
    assert parted("flytelike-used 9999999999999999 1\n") == ("", None)
