"""Frames of pandas, pyarrow and polars to parquet files and back, without importing what is not used."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class FrameKind:
    """How one library's frames are written and read. `top` is the library's module.

    `read` takes the files and the columns wanted, none meaning all.
    """

    top: str
    name: str
    write: Callable[[Any, Path], None]
    read: Callable[[Sequence[Path], Sequence[str]], Any]


def write_pandas(frame: Any, path: Path) -> None:  # noqa: ANN401 - a pandas frame
    """Write a pandas frame, its index included where it says something."""
    frame.to_parquet(path, engine="pyarrow")


def read_pandas(paths: Sequence[Path], columns: Sequence[str]) -> Any:  # noqa: ANN401 - a pandas frame
    """Read a pandas frame."""
    return read_arrow(paths, columns).to_pandas()


def write_arrow(table: Any, path: Path) -> None:  # noqa: ANN401 - a pyarrow table
    """Write a pyarrow table."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - heavy

    pq.write_table(table, path)


def read_arrow(paths: Sequence[Path], columns: Sequence[str]) -> Any:  # noqa: ANN401 - a pyarrow table
    """Read a pyarrow table from one or more files."""
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.parquet as pq  # noqa: PLC0415 - heavy

    tables = [pq.read_table(path, columns=list(columns) or None, partitioning=None) for path in paths]
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables)


def write_polars(frame: Any, path: Path) -> None:  # noqa: ANN401 - a polars frame
    """Write a polars frame."""
    frame.write_parquet(path)


def read_polars(paths: Sequence[Path], columns: Sequence[str]) -> Any:  # noqa: ANN401 - a polars frame
    """Read a polars frame."""
    import polars as pl  # noqa: PLC0415 - heavy

    return pl.read_parquet(list(paths), columns=list(columns) or None)


KINDS = (
    FrameKind("pandas", "DataFrame", write_pandas, read_pandas),
    FrameKind("pyarrow", "Table", write_arrow, read_arrow),
    FrameKind("polars", "DataFrame", write_polars, read_polars),
)


def kind_of(cls: object) -> FrameKind | None:
    """Return how frames of a class are stored, told by the class's name and module alone."""
    if not isinstance(cls, type):
        return None
    top = cls.__module__.partition(".")[0]
    return next((kind for kind in KINDS if kind.top == top and kind.name == cls.__name__), None)
