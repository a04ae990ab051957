"""Frames of pandas, pyarrow and polars to parquet files and back, without importing what is not used.

A table's files are paths on this machine, or streams of what lies in a store: those are read in pieces, so that
columns nobody asks for are not fetched.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

Source: TypeAlias = Path | BinaryIO
"""Where one file of a table is read from."""


@dataclass(frozen=True, slots=True)
class FrameKind:
    """How one library's frames are written and read. `top` is the library's module.

    `read` takes the files and the columns wanted, none meaning all. What a `lazy` frame is made of is read later, so
    its files have to stay.
    """

    top: str
    name: str
    write: Callable[[Any, Path], None]
    read: Callable[[Sequence[Source], Sequence[str]], Any]
    lazy: bool = False


def write_pandas(frame: Any, path: Path) -> None:  # noqa: ANN401 - a pandas frame
    """Write a pandas frame, its index included where it says something."""
    frame.to_parquet(path, engine="pyarrow")


def read_pandas(sources: Sequence[Source], columns: Sequence[str]) -> Any:  # noqa: ANN401 - a pandas frame
    """Read a pandas frame."""
    return read_arrow(sources, columns).to_pandas()


def write_arrow(table: Any, path: Path) -> None:  # noqa: ANN401 - a pyarrow table
    """Write a pyarrow table."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - heavy

    pq.write_table(table, path)


def read_arrow(sources: Sequence[Source], columns: Sequence[str]) -> Any:  # noqa: ANN401 - a pyarrow table
    """Read a pyarrow table from one or more files."""
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.parquet as pq  # noqa: PLC0415 - heavy

    tables = [pq.read_table(source, columns=list(columns) or None, partitioning=None) for source in sources]
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables)


def write_polars(frame: Any, path: Path) -> None:  # noqa: ANN401 - a polars frame
    """Write a polars frame."""
    frame.write_parquet(path)


def read_polars(sources: Sequence[Source], columns: Sequence[str]) -> Any:  # noqa: ANN401 - a polars frame
    """Read a polars frame."""
    import polars as pl  # noqa: PLC0415 - heavy

    paths = [source for source in sources if isinstance(source, Path)]
    if len(paths) < len(sources):  # polars reads streams whole
        return pl.from_arrow(read_arrow(sources, columns))
    return pl.read_parquet(paths, columns=list(columns) or None)


def write_lazy(frame: Any, path: Path) -> None:  # noqa: ANN401 - a polars query
    """Run a polars query into a file, without holding its result."""
    frame.sink_parquet(path)


def read_lazy(sources: Sequence[Source], columns: Sequence[str]) -> Any:  # noqa: ANN401 - a polars query
    """Return a polars query over files of this machine; what it selects is read when it runs."""
    import polars as pl  # noqa: PLC0415 - heavy

    scan = pl.scan_parquet([source for source in sources if isinstance(source, Path)])
    return scan.select(list(columns)) if columns else scan


KINDS = (
    FrameKind("pandas", "DataFrame", write_pandas, read_pandas),
    FrameKind("pyarrow", "Table", write_arrow, read_arrow),
    FrameKind("polars", "DataFrame", write_polars, read_polars),
    FrameKind("polars", "LazyFrame", write_lazy, read_lazy, lazy=True),
)


def kind_of(cls: object) -> FrameKind | None:
    """Return how frames of a class are stored, told by the class's name and module alone."""
    if not isinstance(cls, type):
        return None
    top = cls.__module__.partition(".")[0]
    return next((kind for kind in KINDS if kind.top == top and kind.name == cls.__name__), None)
