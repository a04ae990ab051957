"""Secrets are taken out of a text that comes in pieces, however it is cut."""

from hypothesis import given
from hypothesis import strategies as st

from flytelike.model.redactor import BLOT, SHORTEST, Redactor

VALUES = st.lists(st.text("ab", min_size=SHORTEST, max_size=8), min_size=1, max_size=3)


@given(VALUES, st.lists(st.text("abc", max_size=12), max_size=6))
def test_no_cut_lets_a_value_through(values: list[str], pieces: list[str]) -> None:
    redactor = Redactor(values)
    shown = b"".join([*(redactor.feed(piece.encode()) for piece in pieces), redactor.rest()]).decode()
    assert all(value not in part for value in values for part in shown.split(BLOT))


@given(VALUES, st.text("xyz\n", max_size=50))
def test_what_holds_no_value_is_shown_whole(values: list[str], text: str) -> None:
    redactor = Redactor(values)
    assert redactor.feed(text.encode()) + redactor.rest() == text.encode()


def test_what_cannot_begin_a_value_is_shown_at_once() -> None:
    redactor = Redactor(["secret"])
    assert redactor.feed(b"working: se") == b"working: "
    assert redactor.feed(b"ven\n") == b"seven\n"


def test_short_values_stay() -> None:
    assert Redactor(["abc"]).text("abc abcd") == "abc abcd"


def test_a_value_is_taken_out_without_the_space_around_it_too() -> None:
    assert Redactor(["token\n"]).text("a token here") == f"a {BLOT} here"
