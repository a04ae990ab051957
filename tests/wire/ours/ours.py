"""The same kind of workflow, written with Flytelike: a stock client fetches and executes it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

import pandas as pd

from flytelike import FlyteDirectory, FlyteFile, task, workflow


class Colour(Enum):
    """A closed choice."""

    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    """A place with names."""

    x: int
    y: float
    names: list[str]


@task
def move(point: Point, by: int = 1) -> Point:
    """Move a point."""
    return Point(point.x + by, point.y, [*point.names, "moved"])


@task
def either(value: int | str) -> int | str:
    """Give the other kind."""
    return str(value) if isinstance(value, int) else len(value)


@task
def count(file: FlyteFile) -> int:
    """Count the letters of a file."""
    return len(Path(file).read_text())


@task
def listing(folder: FlyteDirectory) -> dict[str, int]:
    """Give the files of a folder with their sizes."""
    return {path.name: path.stat().st_size for path in sorted(Path(folder).iterdir())}


@task
def folder(names: list[str]) -> FlyteDirectory:
    """Write a folder."""
    place = Path("written")
    place.mkdir()
    for name in names:
        (place / name).write_text(name)
    return FlyteDirectory(place)


@task
def tint(colour: Colour | None) -> Colour:
    """Give the other colour."""
    return Colour.RED if colour is Colour.BLUE else Colour.BLUE


@task
def later(when: datetime, by: timedelta) -> datetime:
    """Give a later instant."""
    return when + by


@task
def report(lines: list[str]) -> FlyteFile:
    """Write a file."""
    Path("report.txt").write_text("\n".join(lines))
    return FlyteFile("report.txt")


@task
def table(rows: int) -> pd.DataFrame:
    """Make a table."""
    return pd.DataFrame({"n": list(range(rows))})


@task
def total(table: pd.DataFrame) -> int:
    """Add up a table."""
    return int(table["n"].sum())


@task(retries=1)
def refuses(n: int) -> int:
    """Refuse what is positive."""
    if n > 0:
        raise ValueError(f"cannot take {n}")
    return n


@workflow
def trip(point: Point, value: int | str = 4) -> tuple[Point, int | str, FlyteFile, pd.DataFrame]:
    """Everything that a stock client can read."""
    return move(point=point, by=2), either(value=value), report(lines=["one", "two"]), table(rows=3)
