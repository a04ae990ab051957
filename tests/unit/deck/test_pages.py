"""A report is one page: what comes from data is escaped, and an author's HTML is framed."""

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytelike import Deck, current_context
from flytelike.deck import MarkdownRenderer, SourceCodeRenderer, TopFrameRenderer
from flytelike.deck.page import Head, Part, page
from flytelike.deck.renderers import value_html

ROWS = {"n": [1, 2, 3], "<b>": ["<i>", "&", "x"]}


@given(st.text(), st.text())
def test_no_text_becomes_a_tag(name: str, value: str) -> None:
    shown = page(Head(f"<em>{name}", "running", [f"<em>{value}"]), [Part(f"<em>{name}", value_html(f"<em>{value}"))])
    assert "<em>" not in shown


@given(st.text())
def test_an_authors_html_stays_in_its_frame(html: str) -> None:
    shown = page(Head("t", "running"), [Part("mine", f'"></iframe><script>{html}', framed=True)])
    assert shown.count("</iframe>") == 1
    assert 'sandbox="allow-scripts"' in shown


@pytest.mark.parametrize(
    "frame", [pd.DataFrame(ROWS), pl.DataFrame(ROWS), pa.table(ROWS)], ids=["pandas", "polars", "arrow"]
)
def test_the_first_rows_of_a_table_are_shown(frame: object) -> None:
    html = TopFrameRenderer(max_rows=2).to_html(frame)
    assert "&lt;i&gt;" in html
    assert "<i>" not in html
    assert "3 rows" in html
    assert "<td>x</td>" not in html


def test_what_is_no_table_is_text() -> None:
    assert value_html(["<i>"]) == "<pre>[&#x27;&lt;i&gt;&#x27;]</pre>"
    assert value_html("x" * 10_100).endswith(" ... 100 characters more</pre>")


def test_markdown_and_source_are_shown_with_their_structure() -> None:
    html = MarkdownRenderer().to_html("# Title\n\n<script>")
    assert "<h1>Title</h1>" in html
    assert "<script>" not in html
    assert "prefers-color-scheme: dark" in SourceCodeRenderer().to_html("x = '<b>'")


def test_a_deck_belongs_to_the_task_that_runs() -> None:
    deck = Deck("mine", "<p>one</p>").append("<p>two</p>")
    assert current_context().decks[-1] is deck
    assert deck.html == "<p>one</p>\n<p>two</p>"
    Deck.publish()  # outside of a task it does nothing
