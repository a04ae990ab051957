"""Hints and values whose encodings must equal the stock SDK's, built for whichever library gives the names."""

import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Dict, List, Literal, NamedTuple, Optional, Union  # noqa: UP035 - the old names too


class Library(NamedTuple):
    """The names that differ between the libraries."""

    file: Any
    directory: Any
    dataset: Any


class Case(NamedTuple):
    """A hint, and values for it. `uploads`: values lie in files, so addresses are not compared."""

    hint: Any
    values: tuple[Any, ...]
    uploads: bool = False


def comparable(values: list[Any], case: Case) -> list[Any]:
    """Return literals in protobuf's JSON without what is new in each run, or only ours has (the digest)."""

    def cleaned(found: Any) -> Any:
        if isinstance(found, dict):
            return {key: "<uri>" if key == "uri" else cleaned(item) for key, item in found.items() if key != "hash"}
        return [cleaned(item) for item in found] if isinstance(found, list) else found

    return [cleaned(value) if case.uploads else value for value in values]


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    x: int
    y: float = 0.5
    name: str = "p"


@dataclass
class Shape:
    corners: List[Point]  # noqa: UP006
    named: Dict[str, Point]  # noqa: UP006
    colour: Colour
    origin: Optional[Point] = None  # noqa: UP045
    flag: bool = True
    weights: list[float] = field(default_factory=list)
    either: Union[int, str] = 1  # noqa: UP007
    extra: dict = field(default_factory=dict)  # type: ignore[type-arg]


@dataclass
class Moments:
    at: dt.datetime
    day: dt.date
    length: dt.timedelta


class Level(enum.Enum):
    LOW = 1
    HIGH = 2


@dataclass
class Odd:
    level: Level
    keyed: dict[int, str]
    bare: list  # type: ignore[type-arg]
    maybe: Colour | None = Colour.RED
    whole: float = 1.0
    points: list[Point | None] = field(default_factory=list)
    nested: dict[str, list[dict[str, int]]] = field(default_factory=dict)
    day: dt.date = dt.date(2024, 1, 1)
    noted: Annotated[int, "note"] = 3
    point: Point = field(default_factory=lambda: Point(1))


@dataclass(frozen=True)
class Frozen:
    x: int


UTC = dt.UTC
ROWS = {"a": [1, 2], "b": ["x", "y"]}


def plain_cases() -> Mapping[str, Case]:
    """Return the cases that need no file."""
    point = Point(1, 2.0, "ü")
    shape = Shape([point, Point(2)], {"k": point}, Colour.BLUE, None, False, [1.0, 2.5], "s", {"a": [1, None]})
    return {
        "int": Case(int, (0, -5, 2**53 + 1)),
        "float": Case(float, (0.5, -3.0, 1e300)),
        "str": Case(str, ("", "häh")),
        "bool": Case(bool, (True, False)),
        "datetime": Case(dt.datetime, (dt.datetime(2024, 2, 29, 12, 30, 1, 5, tzinfo=UTC),)),
        "date": Case(dt.date, (dt.date(2024, 2, 29),)),
        "timedelta": Case(dt.timedelta, (dt.timedelta(days=1, microseconds=5), -dt.timedelta(seconds=1))),
        "none": Case(type(None), (None,)),
        "list_int": Case(List[int], ([], [1, 2])),  # noqa: UP006
        "list_list_str": Case(list[list[str]], ([["a"], []],)),
        "bare_list_of_optional": Case(list[Optional[int]], ([1, None],)),  # noqa: UP045
        "dict_str_int": Case(dict[str, int], ({}, {"a": 1})),
        "dict_int_str": Case(dict[int, str], ({1: "a"},)),
        "bare_dict": Case(dict, ({"a": [1, {"b": None}], "c": 1.5}, {})),
        "optional_int": Case(Optional[int], (3, None)),  # noqa: UP045
        "pep604": Case(int | None, (3, None)),
        "union": Case(Union[int, str, float], (1, "a", 1.5)),  # noqa: UP007
        "union_bool": Case(bool | int | list[int], (True, 5, [1])),
        "union_dataclass": Case(Point | None, (point, None)),
        "union_enum": Case(Colour | None, (Colour.RED,)),
        "union_map": Case(dict[str, int] | dt.datetime | None, ({"a": 1}, None)),
        "enum": Case(Colour, (Colour.RED,)),
        "annotated": Case(Annotated[int, "how many"], (1,)),
        "dataclass": Case(Point, (point, Point(3))),
        "nested_dataclass": Case(Shape, (shape,)),
        "frozen_dataclass": Case(Frozen, (Frozen(1),)),
        "dataclass_of_times": Case(
            Moments,
            (Moments(dt.datetime(2024, 1, 1, 2, tzinfo=UTC), dt.date(2024, 1, 1), dt.timedelta(minutes=1.5)),),
        ),
        "odd_dataclass": Case(Odd, (Odd(Level.HIGH, {1: "a"}, [1, "a"], None, 2.0, [point, None], {"a": [{"b": 1}]}),)),
        "dict_int_point": Case(dict[int, Point], ({1: point},)),
        "dict_str_point": Case(dict[str, Point], ({"a": point},)),
        "dict_of_dict": Case(dict[str, dict[str, list[int]]], ({"a": {"b": [1]}},)),
        "choice": Case(Literal["a", "b"], ("b",)),
        "choice_of_int": Case(Literal[1, 2], (2,)),
        "list_of_dataclass": Case(list[Point], ([point],)),
    }


def file_cases(lib: Library, folder: Path) -> Mapping[str, Case]:
    """Return the cases with files and folders; `folder` holds `f.csv` and `d/x`."""
    file, tree = str(folder / "f.csv"), str(folder / "d")

    @dataclass
    class Holder:
        f: lib.file  # type: ignore[name-defined]
        d: lib.directory  # type: ignore[name-defined]
        fs: list[lib.file]  # type: ignore[name-defined]
        maybe: lib.file | None = None  # type: ignore[name-defined]

    remote = "s3://bucket/x.csv"
    return {
        "file": Case(lib.file, (lib.file(file),), uploads=True),
        "file_csv": Case(lib.file["csv"], (lib.file(file),), uploads=True),
        "file_remote": Case(lib.file, (lib.file(remote),)),
        "optional_file": Case(lib.file | None, (None,)),
        "directory": Case(lib.directory, (lib.directory(tree),), uploads=True),
        "directory_csv": Case(lib.directory["csv"], (lib.directory(tree),), uploads=True),
        "directory_remote": Case(lib.directory, (lib.directory("s3://bucket/d"),)),
        "list_of_file": Case(list[lib.file], ([lib.file(remote)],)),
        "holder": Case(Holder, (Holder(lib.file(remote), lib.directory("s3://b/d"), [lib.file(remote)]),)),
    }


def frame_cases(lib: Library) -> Mapping[str, Case]:
    """Return the cases with frames."""
    import pandas as pd
    import pyarrow as pa

    @dataclass
    class Holder:
        t: lib.dataset  # type: ignore[name-defined]

    frame, table = pd.DataFrame(ROWS), pa.table(ROWS)
    columns = {"a": int, "b": str}
    return {
        "pandas": Case(pd.DataFrame, (frame,), uploads=True),
        "arrow": Case(pa.Table, (table,), uploads=True),
        "dataset_of_pandas": Case(lib.dataset, (lib.dataset(dataframe=frame),), uploads=True),
        "dataset_remote": Case(lib.dataset, (lib.dataset(uri="s3://bucket/t", file_format="parquet"),)),
        "dataset_columns": Case(Annotated[lib.dataset, columns], (lib.dataset(dataframe=frame),), uploads=True),
        "pandas_columns": Case(Annotated[pd.DataFrame, columns], (frame,), uploads=True),
        "dataset_holder": Case(Holder, (Holder(lib.dataset(uri="s3://bucket/t", file_format="parquet")),)),
        "optional_dataset": Case(lib.dataset | None, (None,)),
        "optional_pandas": Case(pd.DataFrame | None, (None,)),
    }
