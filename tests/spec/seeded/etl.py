"""Nightly cleaning of sales: files of shops become one table, checked and joined."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import Enum
from typing import Annotated, NamedTuple

import pandas as pd

from flytelike import FlyteDirectory, FlyteFile, LaunchPlan, Resources, create_node, kwtypes, task, workflow

Sales = Annotated[pd.DataFrame, kwtypes(shop=str, amount=float)]


class Mode(Enum):
    FULL = "full"
    SAMPLE = "sample"


@dataclass
class Limits:
    smallest: float = 0.0
    largest: float = 1e6


@dataclass
class Settings:
    day: date
    mode: Mode = Mode.FULL
    limits: Limits = field(default_factory=Limits)
    shops: list[str] = field(default_factory=list[str])


class Cleaned(NamedTuple):
    table: pd.DataFrame
    rejected: int


@task(retries=3, timeout=timedelta(minutes=10))
def fetch(shop: str, day: date) -> FlyteFile:
    return FlyteFile(f"s3://sales/{shop}/{day}.csv")


@task(requests=Resources(cpu="2", mem="4Gi"))
def read(files: list[FlyteFile], mode: Mode = Mode.FULL) -> Sales:
    tables = [pd.read_csv(file.download()) for file in files]
    return pd.concat(tables)


@task
def clean(sales: Sales, limits: Limits) -> Cleaned:
    sound = sales[sales["amount"].between(limits.smallest, limits.largest)]
    return Cleaned(sound, len(sales) - len(sound))


@task(cache=True, cache_version="2")
def summarise(sales: pd.DataFrame) -> tuple[float, dict[str, float]]:
    return 1.0, {"north": 1.0}


@task
def store(table: pd.DataFrame, day: date, note: str | None = None) -> FlyteDirectory:
    return FlyteDirectory("s3://warehouse/sales")


@task
def alert(rejected: int, text: str) -> None: ...


@workflow
def clean_shop(shop: str, day: date, limits: Limits) -> Cleaned:
    file = fetch(shop=shop, day=day)
    return clean(sales=read(files=[file]), limits=limits)


@workflow
def nightly(settings: Settings) -> tuple[FlyteDirectory, float]:
    north = fetch(shop="north", day=settings.day)
    south = fetch.with_overrides(retries=5)(shop="south", day=settings.day)
    sales = read(files=[north, south], mode=settings.mode)
    cleaned = clean(sales=sales, limits=settings.limits)
    total, by_shop = summarise(sales=cleaned.table)
    stored = create_node(store, table=cleaned.table, day=settings.day)
    told = create_node(alert, rejected=cleaned.rejected, text="rows were rejected")
    stored >> told
    alert(rejected=clean_shop(shop="west", day=settings.day, limits=Limits(smallest=1.0)).rejected, text="west")
    compare(total=total, parts=by_shop)
    return stored.result, total


@task
def compare(total: float, parts: dict[str, float]) -> None:
    print(sum(parts.values()) / total)


every_night = LaunchPlan.create("every_night", nightly, labels={"team": "sales"}, max_parallelism=8)
one_shop = LaunchPlan.create("one_shop", clean_shop, default_inputs={"limits": Limits()}, fixed_inputs={"shop": "west"})
