"""A stock workflow in which tasks of both kinds hand values to one another."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import flows
import pandas as pd
from flytekit import reference_task, workflow
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile

OURS = {"project": "flytesnacks", "domain": "development", "version": "v1"}


@reference_task(name="ours.move", **OURS)
def move(point: flows.Point, by: int) -> flows.Point: ...


@reference_task(name="ours.count", **OURS)
def count(file: FlyteFile) -> int: ...


@reference_task(name="ours.report", **OURS)
def report(lines: list[str]) -> FlyteFile: ...


@reference_task(name="ours.table", **OURS)
def table(rows: int) -> pd.DataFrame: ...


@reference_task(name="ours.total", **OURS)
def total(table: pd.DataFrame) -> int: ...


@reference_task(name="ours.either", **OURS)
def either(value: int | str) -> int | str: ...


@reference_task(name="ours.listing", **OURS)
def listing(folder: FlyteDirectory) -> dict[str, int]: ...


@reference_task(name="ours.folder", **OURS)
def folder(names: list[str]) -> FlyteDirectory: ...


@reference_task(name="ours.tint", **OURS)
def tint(colour: flows.Colour | None) -> flows.Colour: ...


@reference_task(name="ours.later", **OURS)
def later(when: datetime, by: timedelta) -> datetime: ...


class Mixed(NamedTuple):
    point: flows.Point
    counted: int
    sized: int
    ours: int
    stock: int
    either: int | str
    listed: dict[str, int]
    listed_by_stock: dict[str, int]
    colour: flows.Colour
    when: datetime


@workflow
def mixed(n: int = 2) -> Mixed:
    moved = move(point=flows.shift(point=flows.Point(1, 0.5, []), by=n), by=n)
    painted = flows.paint(colour=flows.Colour.BLUE, depth=3)
    return Mixed(
        flows.shift(point=moved, by=moved.x),
        count(file=flows.write(lines=["abc"])),
        flows.length(file=report(lines=["abcd"])),
        total(table=flows.frame(rows=4)),
        flows.total(table=table(rows=5)),
        either(value=painted.either),
        listing(folder=flows.folder(names=["x", "yy"])),
        flows.listing(folder=folder(names=["a", "bcd"])),
        tint(colour=painted.colour),
        later(when=datetime(2024, 2, 28, 23, tzinfo=UTC), by=timedelta(hours=26)),
    )
