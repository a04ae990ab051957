"""Tracebacks with the author's frames only."""

import pytest

from flytelike.runtime.source_trace import MAX_CHARACTERS, render, shortened


def raised(function: object) -> BaseException:
    try:
        function()  # type: ignore[operator]
    except BaseException as error:
        return error
    raise AssertionError


def test_causes_are_kept() -> None:
    def fails() -> None:
        try:
            int("x")
        except ValueError as error:
            raise KeyError("outer") from error

    text = render(raised(fails))
    assert "invalid literal" in text
    assert "direct cause" in text
    assert text.endswith("KeyError: 'outer'")


def test_deep_recursion_stays_short() -> None:
    def deep() -> None:
        deep()

    text = render(raised(deep))
    assert len(text) < MAX_CHARACTERS
    assert "RecursionError" in text


@pytest.mark.parametrize("size", [0, MAX_CHARACTERS, MAX_CHARACTERS + 1, 10 * MAX_CHARACTERS])
def test_messages_are_bounded(size: int) -> None:
    text = "a" * (size // 2) + "b" * (size - size // 2)
    short = shortened(text)
    assert len(short) <= MAX_CHARACTERS + 60
    assert short[:1] == text[:1]
    assert short[-1:] == text[-1:]


def test_an_exception_that_cannot_be_shown() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    def fails() -> None:
        raise Odd

    assert "Odd" in render(raised(fails))
