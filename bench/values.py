"""A value's way out of a task and into the next: encode, digest, store, read, decode.

Beside each stands what its data alone cost: pickle, parquet, `.npy` or a copy of the file.
"""

import hashlib
import pickle
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from bench.figure import Figure, median_s
from flytelike import JSON, FlyteDirectory, FlyteFile
from flytelike.codec.literals import literal_from_proto, literal_to_proto
from flytelike.codec.value_digest import value_digest
from flytelike.storage import Store, StoreConfig
from flytelike.types import ValueContext, registry
from flytelike_idl.core import literals_pb2


@dataclass
class Row:
    """A record of simple fields."""

    name: str
    value: float
    tags: list[str]


@dataclass(frozen=True)
class Case:
    """A value, its annotation, and the plain way to keep the same data."""

    name: str
    hint: Any
    value: Any
    plain: Callable[[Path], object]
    plainly: str


def measure() -> list[Figure]:
    """Measure each kind of value."""
    with tempfile.TemporaryDirectory() as folder:
        return [figure(case, Path(folder)) for case in cases(Path(folder))]


def figure(case: Case, folder: Path) -> Figure:
    """Return a value's round trip in milliseconds, with its ratio to the plain way."""
    context = ValueContext(Store(StoreConfig()), f"file://{folder}/raw", folder / "local")
    there_and_back(case, context)
    ours = median_s(lambda: there_and_back(case, context), 5)
    plain = median_s(lambda: case.plain(folder / "plain"), 5)
    bound = f"{case.plainly}: {plain * 1e3:.2f} ms, {ours / plain:.1f} times that"
    return Figure(f"value: {case.name}", ours * 1e3, "ms", bound=bound)


def there_and_back(case: Case, context: ValueContext) -> None:
    """Encode, digest, store the literal, read it, decode it and use what it stands for."""
    literal = registry.to_literal(case.value, case.hint, context)
    value_digest(literal)
    path = context.local_dir / "literal.pb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(literal_to_proto(literal).SerializeToString(deterministic=True))
    found = literal_from_proto(literals_pb2.Literal.FromString(path.read_bytes()))
    value = registry.to_python(found, case.hint, context)
    if isinstance(value, FlyteFile | FlyteDirectory):
        value.download()


def cases(folder: Path) -> list[Case]:
    """Return what is measured; files are made below `folder`."""
    rows = [Row(f"row {number}", number / 7, ["a", "b"]) for number in range(1_000)]
    document = {f"key {number}": [number, {"x": number / 3}] for number in range(1_000)}
    columns = {name: np.random.default_rng(0).random(640_000) for name in "abcdefghij"}
    frame, table, polars = pd.DataFrame(columns), pa.table(columns), pl.DataFrame(columns)
    array = np.random.default_rng(0).random(6_400_000)
    big = folder / "big.bin"
    big.write_bytes(array.tobytes())
    tree = folder / "tree"
    tree.mkdir()
    for number in range(200):
        (tree / f"{number}.txt").write_text("x" * 1_000)
    return [
        Case("an int", int, 7, pickled(7), "pickle"),
        Case("text of 1 MB", str, "x" * 1_000_000, pickled("x" * 1_000_000), "pickle"),
        Case("1,000 ints", list[int], list(range(1_000)), pickled(list(range(1_000))), "pickle"),
        Case("1,000 dataclasses", list[Row], rows, pickled(rows), "pickle"),
        Case("JSON of 1,000 keys", JSON, document, pickled(document), "pickle"),
        Case("pandas, 51 MB", pd.DataFrame, frame, lambda path: parquet(frame, path), "parquet"),
        Case("pyarrow, 51 MB", pa.Table, table, lambda path: arrow_parquet(table, path), "parquet"),
        Case("polars, 51 MB", pl.DataFrame, polars, lambda path: polars_parquet(polars, path), "parquet"),
        Case("numpy, 51 MB", np.ndarray, array, lambda path: npy(array, path), ".npy"),
        Case("a file of 51 MB", FlyteFile, FlyteFile(big), lambda path: copied(big, path), "two copies, one SHA-256"),
        Case(
            "a folder of 200 files", FlyteDirectory, FlyteDirectory(tree), lambda path: twice(tree, path), "two copies"
        ),
    ]


def pickled(value: object) -> Callable[[Path], object]:
    """Return a way through a pickle in a file."""

    def plain(path: Path) -> object:
        path.write_bytes(pickle.dumps(value))
        return pickle.loads(path.read_bytes())

    return plain


def parquet(frame: pd.DataFrame, path: Path) -> object:
    """Go through parquet with pandas."""
    frame.to_parquet(path, engine="pyarrow")
    return pd.read_parquet(path, engine="pyarrow")


def arrow_parquet(table: pa.Table, path: Path) -> object:
    """Go through parquet with pyarrow."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - beside its use

    pq.write_table(table, path)
    return pq.read_table(path)


def polars_parquet(frame: pl.DataFrame, path: Path) -> object:
    """Go through parquet with polars."""
    frame.write_parquet(path)
    return pl.read_parquet(path)


def npy(array: Any, path: Path) -> object:  # noqa: ANN401 - an array
    """Go through an `.npy` file."""
    target = path.with_suffix(".npy")
    np.save(target, array)
    return np.load(target)


def copied(source: Path, path: Path) -> object:
    """Copy a file in and out, and read it for its digest."""
    shutil.copyfile(source, path)
    with path.open("rb") as stream:
        hashlib.file_digest(stream, "sha256")
    return shutil.copyfile(path, path.with_suffix(".out"))


def twice(source: Path, path: Path) -> None:
    """Copy a folder in and out."""
    inner, outer = path.with_suffix(".tree"), path.with_suffix(".trees")
    for target in (inner, outer):
        shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, inner)
    shutil.copytree(inner, outer)
