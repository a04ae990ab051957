"""Each value has its line on the page of values, made of its comment."""

from tests.chart.values_table import PAGE, VALUES, Row, page, rows, uncommented


def test_the_page_is_as_the_values_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it by `python -m tests.chart.values_table`"


def test_every_value_has_a_comment() -> None:
    assert uncommented(VALUES.read_text(encoding="utf-8")) == []


def test_comments_belong_to_what_follows_them() -> None:
    text = "# About the file.\n\na:\n  # One.\n  # More of it.\n  b: 1\n  c: {d: 2}\n# Two.\ne: []\n"
    assert list(rows(text)) == [Row("a.b", 1, "One. More of it."), Row("e", [], "Two.")]
    assert uncommented(text) == ["a.c.d"]
