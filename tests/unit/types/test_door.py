"""What a task's door lets in and out, and what it says of the rest."""

import enum
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest

from flytelike.types.directory import FlyteDirectory
from flytelike.types.door import check_value
from flytelike.types.faults import TypeFault
from flytelike.types.file import FlyteFile


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Point:
    x: int


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (1, int),
        (1, float),
        (None, None),
        ([1, None], list[int | None]),
        ({"a": [1.5, 2]}, dict[str, list[float]]),
        (Point(1), Point),
        (1, Annotated[int, "how many"]),
        (Colour.RED, Colour),
        ("red", Colour),
        ("/data/x", FlyteFile),
        (Path("/data/x"), FlyteFile["csv"]),
        (FlyteFile("/data/x"), FlyteFile["csv"]),
        (["/data/x"], list[FlyteFile[Any]]),
        ("/data", FlyteDirectory),
        (FlyteDirectory("/data"), FlyteDirectory["csv"]),
    ],
)
def test_values_that_fit_pass(value: object, hint: object) -> None:
    check_value(value, hint)


@pytest.mark.parametrize(
    ("value", "hint", "text"),
    [
        ("x", int, "expected `int`, got str 'x'"),
        (True, int, "expected `int`, got bool True: a bool is no number here"),
        (1.5, int, "expected `int`, got float 1.5"),
        ([1, "a"], list[int], "expected `list[int]`, got list [1, 'a']: item 1 of list is not an instance of int"),
        (Point(1), Colour, "is none of 'red'"),
        ("blue", Colour, "expected `Colour`, got str 'blue': str is none of 'red'"),
        (3, FlyteFile, "int is not a FlyteFile or a path"),
        (FlyteDirectory("/data"), FlyteFile, "is not a FlyteFile or a path"),
        (None, int, "expected `int`, got NoneType None"),
    ],
)
def test_others_are_told(value: object, hint: object, text: str) -> None:
    with pytest.raises(TypeFault) as caught:
        check_value(value, hint)
    assert caught.value.diagnostics[0].code == "value-mismatch"
    assert text in caught.value.diagnostics[0].headline


def test_usual_values_need_no_checker() -> None:
    script = (
        "import sys; from flytelike.types.door import check_value as c;"
        "c(1, int); c([1], list[int]); c({'a': None}, dict[str, str | None]); c(2, float);"
        "assert 'typeguard' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_room_is_light_to_import() -> None:
    script = (
        "import sys; import flytelike.types.registry, flytelike.types.door, flytelike.types.inputs;"
        "heavy = {'pandas', 'pyarrow', 'polars', 'msgpack', 'obstore', 'typeguard', 'asyncio', 'google.protobuf'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
