"""People read first what was raised, then where."""

import traceback

import pytest

from flytelike.cli.trace_text import trace_text
from flytelike.cli.waiting import without_class


def raised(error: Exception, cause: Exception | None = None) -> str:
    try:
        raise error from cause
    except Exception:  # noqa: BLE001 - whatever it is
        return traceback.format_exc()


@pytest.mark.parametrize(
    ("message", "headline", "details"),
    [
        ("", "", ""),
        ("the image is gone", "the image is gone", ""),
        ("gone\nsee there", "gone", "see there"),
        (raised(ValueError("bad")), "ValueError: bad", ""),
        (raised(ValueError("bad\n\n  indented")), "ValueError: bad", "\n  indented"),
        (raised(ValueError("bad"), KeyError("k")), "ValueError: bad", ""),
        (raised(KeyError()), "KeyError", ""),
    ],
)
def test_what_was_raised_comes_apart_from_where(message: str, headline: str, details: str) -> None:
    told = trace_text(message)
    assert (told.headline, told.details) == (headline, details)
    assert told.frames.count('File "') == message.count('File "')


def test_a_class_that_the_code_names_is_not_said_again() -> None:
    assert without_class("ValueError: bad", "USER:ValueError") == "bad"
    assert without_class("pydantic_core.ValidationError: 1 error", "USER:ValidationError") == "1 error"
    assert without_class("note: bad", "USER:ValueError") == "note: bad"
