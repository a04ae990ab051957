"""Batch scoring: a registered model scores the customers of the day, shard by shard."""

from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

import pandas as pd

from flytelike import (
    JSON,
    HashMethod,
    LaunchPlan,
    Resources,
    StructuredDataset,
    create_node,
    reference_launch_plan,
    reference_task,
    reference_workflow,
    task,
    workflow,
)

T = TypeVar("T")


def shape_of(frame: pd.DataFrame) -> str:
    return str(frame.shape)


Hashed = Annotated[pd.DataFrame, HashMethod(shape_of)]


@dataclass
class Window(Generic[T]):
    start: T
    end: T


@dataclass
class Scores:
    values: list[float]
    model: str
    by_segment: dict[str, float]


@reference_task(project="ml", domain="production", name="models.latest", version="v3")
def latest(family: str) -> str: ...  # type: ignore[empty-body]


@reference_workflow(project="ml", domain="production", name="features.daily", version="v8")
def features(window: Window[int], columns: list[str]) -> pd.DataFrame: ...  # type: ignore[empty-body]


@reference_launch_plan(project="ml", domain="production", name="drift.check", version="v1")
def drift(scores: list[float], threshold: float = 0.1) -> bool: ...  # type: ignore[empty-body]


@task(requests=Resources(mem="8Gi"), limits=Resources(mem="16Gi"))
def score(frame: Hashed, model: str, batch: int = 1000) -> Scores:
    return Scores([0.5], model, {"new": 0.5})


@task
def shards(frame: pd.DataFrame, count: int) -> list[pd.DataFrame]:
    return [frame] * count


@task
def merge(parts: list[Scores]) -> Scores:
    return parts[0]


@task
def as_json(scores: Scores) -> JSON:
    return {"model": scores.model}


@task(cache=True, cache_version="1", cache_serialize=True)
def table(scores: Scores) -> StructuredDataset:
    return StructuredDataset(pd.DataFrame({"score": scores.values}))


@task
def upload(document: JSON, table: StructuredDataset, bucket: str) -> str:
    return bucket


@task
def alarm(drifted: bool, segment: float, channel: str = "#ml") -> None: ...


@workflow
def scored(window: Window[int], family: str, columns: list[str]) -> Scores:
    frame = features(window=window, columns=columns)
    model = latest(family=family)
    parts = shards(frame=frame, count=2)
    first = score(frame=parts[0], model=model)
    second = score.with_overrides(limits=Resources(mem="32Gi"))(frame=parts[1], model=model, batch=500)
    return merge(parts=[first, second])


@workflow
def daily(start: int, end: int, bucket: str = "scores") -> tuple[str, float]:
    scores = scored(window=Window(start=0, end=7), family="churn", columns=["age", "city"])
    drifted = create_node(drift, scores=scores.values, threshold=0.2)
    alarm(drifted=drifted.result, segment=scores.by_segment["new"])
    path = upload(document=as_json(scores=scores), table=table(scores=scores), bucket=bucket)
    return path, scores.values[0]


churn = LaunchPlan.create("churn", scored, fixed_inputs={"family": "churn"}, default_inputs={"columns": ["age"]})


@workflow
def both(window: Window[int]) -> Scores:
    return merge(parts=[churn(window=window), churn(window=window, columns=["city"])])
