"""Values of many kinds on their way between tasks: records, models, arrays, streams, JSON, tables, pickles.

flytelike execute examples/values/values.py report --n 4
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Generic, TypedDict, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from flytelike import JSON, FlyteFile, FlytePickle, HashMethod, kwtypes, task, workflow

T = TypeVar("T")


@dataclass
class Box(Generic[T]):
    """A generic dataclass: `Box[Size]` has the type of its own fields."""

    content: T
    labels: list[dict[str, str]] = field(default_factory=list)


@dataclass
class Size:
    """A plain dataclass."""

    sides: dict[str, int]


class Sample(TypedDict):
    """A dict whose keys are known."""

    name: str
    size: Size


class Config(BaseModel):
    """A pydantic model: its own rules hold on the way in and out."""

    units: int = Field(ge=1)
    names: list[str] = []


def rows(frame: pd.DataFrame) -> str:
    """Say what makes two frames equal to the cache."""
    return f"{len(frame)} rows"


Scores = Annotated[pd.DataFrame, kwtypes(score=float), HashMethod(rows)]


@task
def box() -> Box[Size]:
    return Box(Size({"width": 5}), [{"kind": "small"}])


@task
def sample() -> Sample:
    return {"name": "s", "size": Size({"width": 9})}


@task
def config(n: int) -> Config:
    return Config(units=n, names=["a", "b"])


@task
def describe(width: int, kind: str, other: int, units: int) -> str:
    return f"{kind}: {width + other}, {units} units"


@task
def numbers(n: int) -> Iterator[int]:
    """Give values one by one, as they are made."""
    yield from range(n)


@task
def total(values: Iterator[int]) -> int:
    return sum(values)


@task
def array(n: int) -> NDArray[np.float64]:
    return np.ones(n)


@task
def as_json(values: NDArray[np.float64]) -> JSON:
    return {"values": [float(value) for value in values], "unit": None}


@task
def scores(document: JSON) -> Scores:
    assert isinstance(document, dict)
    return pd.DataFrame({"score": document["values"], "unused": 0})


@task
def best(scores: Annotated[pd.DataFrame, kwtypes(score=float)]) -> float:
    """Take one column; the others are not read."""
    return float(scores["score"].max())


@task
def root(value: float) -> FlytePickle[complex]:
    return complex(0, value)


@task
def written(root: FlytePickle[complex], config: Config) -> FlyteFile:
    path = FlyteFile.new("report.txt")
    with path.open("w") as file:
        file.write(f"{root} {config.names}")
    return path


@workflow
def report(n: int = 4) -> tuple[str, int, float, FlyteFile]:
    """Pass values of many kinds on; attributes of what a task gives are taken as they would be in Python."""
    boxed, sampled, configured = box(), sample(), config(n=n)
    text = describe(
        width=boxed.content.sides["width"],
        kind=boxed.labels[0]["kind"],
        other=sampled["size"].sides["width"],
        units=configured.units,
    )
    highest = best(scores=scores(document=as_json(values=array(n=n))))
    return text, total(values=numbers(n=n)), highest, written(root=root(value=highest), config=configured)
