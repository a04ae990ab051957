"""Training of a model: split, train two candidates, compare, keep the better one."""

from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from flytelike import Cache, FlytePickle, LaunchPlan, Resources, WorkflowFailurePolicy, create_node, task, workflow


@dataclass
class Optimizer:
    name: str = "adam"
    rate: float = 0.001


@dataclass
class Hyperparameters:
    epochs: int
    layers: list[int]
    optimizer: Optimizer


class Model:
    """Weights, as the training library keeps them."""

    def __init__(self, weights: list[float]) -> None:
        self.weights = weights


class Split(NamedTuple):
    train: pd.DataFrame
    test: pd.DataFrame


class Report(NamedTuple):
    accuracy: float
    confusion: dict[str, int]


@task(cache=Cache(version="1", ignored_inputs=("seed",)))
def split(frame: pd.DataFrame, share: float = 0.8, seed: int = 0) -> Split:
    return Split(frame, frame)


@task(requests=Resources(cpu="4", mem="16Gi", gpu=1), retries=2)
def train(frame: pd.DataFrame, parameters: Hyperparameters) -> FlytePickle[Model]:
    return Model([parameters.optimizer.rate])


@task
def tune(frame: pd.DataFrame, epochs: int, layers: list[int], rate: float) -> FlytePickle[Model]:
    return Model([rate])


@task
def evaluate(model: FlytePickle[Model], frame: pd.DataFrame) -> Report:
    return Report(0.9, {"cat": 1})


@task
def better(left: float, right: float, margin: float = 0.01) -> bool:
    return left > right + margin


@task
def publish(model: FlytePickle[Model], accuracy: float, tags: dict[str, str]) -> str:
    return "models/1"


@task(enable_deck=True)
def draw(confusion: dict[str, int], improved: bool) -> None: ...


@workflow(failure_policy=WorkflowFailurePolicy.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE)
def training(frame: pd.DataFrame, parameters: Hyperparameters, name: str = "candidate") -> tuple[str, float]:
    parts = split(frame=frame, share=0.75)
    model = train(frame=parts.train, parameters=parameters)
    small = tune(frame=parts.train, epochs=parameters.epochs, layers=[8, 8], rate=parameters.optimizer.rate)
    report = evaluate(model=model, frame=parts.test)
    other = evaluate.with_overrides(node_name="small", cache=False)(model=small, frame=parts.test)
    improved = better(left=report.accuracy, right=other.accuracy)
    drawn = create_node(draw, confusion=report.confusion, improved=improved)
    published = create_node(publish, model=model, accuracy=report.accuracy, tags={"name": name})
    drawn >> published
    return published.result, report.accuracy


@workflow
def retraining(frame: pd.DataFrame) -> str:
    parameters = Hyperparameters(epochs=10, layers=[64, 32], optimizer=Optimizer(rate=0.01))
    path, accuracy = training(frame=frame, parameters=parameters)
    confirm(path=path, accuracy=accuracy)
    return path


@task
def confirm(path: str, accuracy: float) -> None: ...


weekly = LaunchPlan.create("weekly", training, default_inputs={"name": "weekly"})
quick = LaunchPlan.get_or_create(retraining, "quick", max_parallelism=2, overwrite_cache=True)
