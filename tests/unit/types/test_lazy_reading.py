"""What lies in the store is fetched when it is used, and no more of it than is used."""

from pathlib import Path
from typing import Annotated, Any, BinaryIO, Self

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from flytelike import FlyteDirectory, FlyteFile, StructuredDataset, kwtypes
from flytelike.storage import Store, StoreConfig
from flytelike.types import ValueContext, registry

ROWS = 50_000


class Counting:
    """A stream that counts what is read from it."""

    def __init__(self, inner: BinaryIO, counts: list[int]) -> None:
        self._inner = inner
        self._counts = counts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._inner.close()

    def readinto(self, buffer: Any) -> int:
        done = self._inner.readinto(buffer)  # type: ignore[attr-defined]
        self._counts.append(done)
        return done

    def read(self, size: int = -1) -> bytes:
        found = self._inner.read(size)
        self._counts.append(len(found))
        return found


@pytest.fixture
def counts() -> list[int]:
    return []


@pytest.fixture
def distant(tmp_path: Path, counts: list[int], monkeypatch: pytest.MonkeyPatch) -> ValueContext:
    """A context over a bucket, which counts what streams read and knows of no downloads."""
    store = Store(StoreConfig())
    opened = Store.open_read
    downloaded = Store.download_file

    def open_read(self: Store, uri: str) -> Any:
        return Counting(opened(self, uri), counts)

    def download_file(self: Store, uri: str, path: Path, **options: Any) -> Any:
        done = downloaded(self, uri, path, **options)
        counts.append(path.stat().st_size)
        return done

    monkeypatch.setattr(Store, "open_read", open_read)
    monkeypatch.setattr(Store, "download_file", download_file)
    return ValueContext(store, "memory://bucket/raw", tmp_path / "local")


def test_a_file_that_nobody_opens_is_not_fetched(distant: ValueContext, counts: list[int], tmp_path: Path) -> None:
    (tmp_path / "f").write_text("hello")
    literal = registry.to_literal(FlyteFile(tmp_path / "f"), FlyteFile, distant)
    file = registry.to_python(literal, FlyteFile, distant)
    assert registry.to_literal(file, FlyteFile, distant) == literal
    assert not counts


def test_a_file_is_read_as_far_as_it_is_wanted(distant: ValueContext, counts: list[int], tmp_path: Path) -> None:
    (tmp_path / "f").write_text("line\n" * 2_000_000)
    file = registry.to_python(registry.to_literal(FlyteFile(tmp_path / "f"), FlyteFile, distant), FlyteFile, distant)
    with file.open() as stream:
        assert stream.readline() == "line\n"
    assert sum(counts) <= 2 << 20
    with file.open("rb") as stream:
        assert stream.read(4) == b"line"
    assert Path(file).stat().st_size == 10_000_000


def test_only_the_stated_columns_are_read(distant: ValueContext, counts: list[int]) -> None:
    import numpy as np

    noise = np.random.default_rng(0).random((ROWS, 8))
    frame = pd.DataFrame(noise, columns=list("abcdefgh"))
    literal = registry.to_literal(frame, pd.DataFrame, distant)
    whole = noise.nbytes
    for kind in (pd.DataFrame, pl.DataFrame, pa.Table):
        counts.clear()
        found = registry.to_python(literal, Annotated[kind, kwtypes(b=float)], distant)
        names = found.column_names if kind is pa.Table else list(found.columns)
        assert names == ["b"]
        assert sum(counts) < whole / 4


def test_a_table_that_nobody_opens_is_not_fetched(distant: ValueContext, counts: list[int]) -> None:
    literal = registry.to_literal(pd.DataFrame({"a": [1]}), pd.DataFrame, distant)
    table = registry.to_python(literal, StructuredDataset, distant)
    assert not counts
    assert table.open(pd.DataFrame).all()["a"].tolist() == [1]
    assert counts


@pytest.mark.parametrize("prefix", ["memory://bucket/lazy", "file"])
def test_a_lazy_frame_is_written_from_a_query_and_read_as_one(prefix: str, tmp_path: Path) -> None:
    base = prefix if "://" in prefix else f"file://{tmp_path}/raw"
    ctx = ValueContext(Store(StoreConfig()), base, tmp_path / "local")
    query = pl.LazyFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]}).filter(pl.col("a") > 1)
    literal = registry.to_literal(query, pl.LazyFrame, ctx)
    found = registry.to_python(literal, pl.LazyFrame, ctx)
    assert isinstance(found, pl.LazyFrame)
    assert found.select("b").collect()["b"].to_list() == ["y", "z"]
    assert registry.to_python(literal, Annotated[pl.LazyFrame, kwtypes(a=int)], ctx).collect().columns == ["a"]
    assert registry.to_python(literal, pd.DataFrame, ctx)["a"].tolist() == [2, 3]


def test_a_folder_is_listed_without_fetching_it(distant: ValueContext, counts: list[int], tmp_path: Path) -> None:
    (tmp_path / "d" / "inner").mkdir(parents=True)
    for name in ("d/b.txt", "d/a.txt", "d/inner/c.txt"):
        (tmp_path / name).write_text(name)
    literal = registry.to_literal(FlyteDirectory(tmp_path / "d"), FlyteDirectory, distant)
    folder = registry.to_python(literal, FlyteDirectory, distant)
    a, b, inner = FlyteDirectory.listdir(folder)
    assert [str(found).rpartition("/")[2] for found in (a, b, inner)] == ["a.txt", "b.txt", "inner"]
    assert not counts
    with a.open() as stream:
        assert stream.read() == "d/a.txt"
    assert [str(found).rpartition("/")[2] for found in inner.listdir()] == ["c.txt"]
    assert sum(counts) == len("d/a.txt")


def test_a_folder_that_is_made_lists_what_is_in_it(tmp_path: Path) -> None:
    folder = FlyteDirectory(tmp_path)
    Path(folder.new_file("f").path).write_text("x")
    folder.new_dir("d")
    assert [type(found).__name__ for found in folder.listdir()] == ["FlyteDirectory", "FlyteFile"]
