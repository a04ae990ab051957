"""Values to HTML. What comes from data is escaped."""

from html import escape
from typing import Any, Protocol, runtime_checkable

ROWS_MAX = 10
COLUMNS_MAX = 100
_SHOWN_CHARACTERS = 10_000


@runtime_checkable
class Renderable(Protocol):
    """What shows values in a report; written into an annotation (`Annotated[T, renderer]`) it shows that value."""

    def to_html(self, python_value: Any) -> str:  # noqa: ANN401 - any value
        """Return the value as HTML."""


class TopFrameRenderer:
    """The first rows of a pandas, polars or pyarrow table."""

    def __init__(self, max_rows: int = ROWS_MAX, max_cols: int = COLUMNS_MAX) -> None:
        """Show at most so many rows and columns."""
        self._max_rows = max_rows
        self._max_cols = max_cols

    def to_html(self, df: Any) -> str:  # noqa: ANN401 - a frame of a library that may not be there
        """Return the table; raises TypeError for what is none."""
        if hasattr(df, "to_html"):  # pandas
            return str(df.head(self._max_rows).to_html(max_cols=self._max_cols, border=0)) + _size(*df.shape)
        if hasattr(df, "iter_rows"):  # polars
            rows = df.head(self._max_rows).iter_rows()
            return _table(df.columns[: self._max_cols], [row[: self._max_cols] for row in rows]) + _size(*df.shape)
        if hasattr(df, "to_pylist"):  # pyarrow
            names = df.column_names[: self._max_cols]
            rows = ([row[name] for name in names] for row in df.slice(0, self._max_rows).to_pylist())
            return _table(names, list(rows)) + _size(*df.shape)
        raise TypeError(f"{type(df).__name__} is no pandas, polars or pyarrow table")


class MarkdownRenderer:
    """Text in Markdown; HTML in it is shown as text."""

    def to_html(self, text: str) -> str:
        """Return the text with its structure."""
        from markdown_it import MarkdownIt  # noqa: PLC0415 - few tasks need it

        return str(MarkdownIt("js-default").render(text))


class SourceCodeRenderer:
    """Python source with colours."""

    def __init__(self, title: str = "Source Code") -> None:
        """Head the code with a title."""
        self._title = title

    def to_html(self, source_code: str) -> str:
        """Return the code as HTML that brings its own colours, for light and for dark."""
        from pygments import highlight  # noqa: PLC0415 - few tasks need it
        from pygments.formatters import HtmlFormatter  # noqa: PLC0415 - as above
        from pygments.lexers import PythonLexer  # noqa: PLC0415 - as above

        light, dark = (HtmlFormatter(style=style, cssclass="source") for style in ("friendly", "github-dark"))
        colours = light.get_style_defs(".source") + _in_the_dark(dark.get_style_defs(".source"))
        shown = highlight(source_code, PythonLexer(), light)
        return f"<h3>{escape(self._title)}</h3><style>{colours}</style>{shown}"


class PythonDependencyRenderer:
    """The packages that are installed where the task runs."""

    def __init__(self, title: str = "Dependencies") -> None:
        """Head the list with a title."""
        self._title = title

    def to_html(self) -> str:
        """Return a table of names and versions."""
        from importlib.metadata import distributions  # noqa: PLC0415 - 13 ms that few need

        found = {found.name.lower(): (found.name, found.version) for found in distributions() if found.name}
        return f"<h3>{escape(self._title)}</h3>" + _table(["package", "version"], [found[key] for key in sorted(found)])


def value_html(value: Any, renderer: Renderable | None = None) -> str:  # noqa: ANN401 - any value
    """Return a value as a report shows it: by its renderer, as a table if it is one, else as text."""
    if renderer is not None:
        return renderer.to_html(value)
    try:
        return TopFrameRenderer().to_html(value)
    except TypeError:
        shown = value if isinstance(value, str) else repr(value)
        left = len(shown) - _SHOWN_CHARACTERS
        cut = shown if left <= 0 else f"{shown[:_SHOWN_CHARACTERS]} ... {left:,} characters more"
        return f"<pre>{escape(cut)}</pre>"


def _table(names: Any, rows: Any) -> str:  # noqa: ANN401 - of any library
    head = "".join(f"<th>{escape(str(name))}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _size(rows: int, columns: int) -> str:
    return f'<p class="note">{rows:,} rows &times; {columns:,} columns</p>'


def _in_the_dark(colours: str) -> str:
    return "@media (prefers-color-scheme: dark) {" + colours + "}"
