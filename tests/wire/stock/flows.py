"""Workflows as a Flyte user writes them, for stock flytekit: nothing here knows of Flytelike."""

import time
from dataclasses import dataclass
from enum import Enum
from typing import Dict, List, NamedTuple, Optional, Union

import pandas as pd
from flytekit import LaunchPlan, current_context, task, workflow
from flytekit.exceptions.user import FlyteRecoverableException
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    x: int
    y: float
    names: List[str]


@task
def shift(point: Point, by: int = 2) -> Point:
    return Point(point.x + by, point.y, [*point.names, "shifted"])


@task(cache=True, cache_version="3")
def double(n: int) -> int:
    return 2 * n


@task
def write(lines: List[str]) -> FlyteFile:
    with open("lines.txt", "w") as file:
        file.write("\n".join(lines))
    return FlyteFile("lines.txt")


@task
def length(file: FlyteFile) -> int:
    with open(file) as opened:
        return len(opened.read())


@task
def paint(colour: Colour, depth: Optional[int] = None) -> Union[int, str]:
    return colour.value if depth is None else depth


@task
def frame(rows: int) -> pd.DataFrame:
    return pd.DataFrame({"n": list(range(rows))})


@task
def total(table: pd.DataFrame) -> int:
    return int(table["n"].sum())


@task
def folder(names: List[str]) -> FlyteDirectory:
    place = current_context().working_directory
    for name in names:
        with open(f"{place}/{name}", "w") as file:
            file.write(name)
    return FlyteDirectory(place)


@task
def listing(folder: FlyteDirectory) -> Dict[str, int]:
    import os

    return {name: len(name) for name in sorted(os.listdir(folder))}


@workflow
def quadruple(n: int) -> int:
    return double(n=double(n=n))


Everything = NamedTuple(
    "Everything",
    [
        ("quadrupled", int),
        ("point", Point),
        ("file", FlyteFile),
        ("painted", Union[int, str]),
        ("colour", Optional[Colour]),
        ("size", int),
        ("sum", int),
        ("listed", Dict[str, int]),
    ],
)


@task
def echo(colour: Optional[Colour]) -> Optional[Colour]:
    return colour


@workflow
def everything(n: int = 3, colour: Colour = Colour.RED, depth: Optional[int] = None) -> Everything:
    file = write(lines=["a", "bc"])
    return Everything(
        quadruple(n=n),
        shift(point=Point(1, 2.5, ["a"]), by=n),
        file,
        paint(colour=colour, depth=depth),
        echo(colour=colour),
        length(file=file),
        total(table=frame(rows=n)),
        listing(folder=folder(names=["x", "yy"])),
    )


quadruple_plan = LaunchPlan.get_or_create(quadruple, name="quadruple_plan", default_inputs={"n": 7})
quadruple_fixed = LaunchPlan.get_or_create(quadruple, name="quadruple_fixed", fixed_inputs={"n": 5})


@workflow
def parent(n: int) -> int:
    return double(n=quadruple_plan(n=n))


@workflow
def size_of(file: FlyteFile) -> int:
    return length(file=file)


@task(retries=2)
def refuses(n: int) -> int:
    if n > 0:
        raise ValueError(f"cannot take {n}")
    return n


@workflow
def refusing(n: int) -> int:
    return refuses(n=n)


@task(retries=1)
def flaky(n: int) -> int:
    import os

    if os.environ["FLYTE_ATTEMPT_NUMBER"] == "0":
        raise FlyteRecoverableException("once more")
    return n


@workflow
def persistent(n: int) -> int:
    return flaky(n=n)


@task
def endless(n: int) -> int:
    time.sleep(600)
    return n


@workflow
def waiting(n: int) -> int:
    return endless(n=n)
