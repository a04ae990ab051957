"""Inputs by the types that authors write: models, records, and what stands in their fields."""

import datetime as dt
import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytelike.model.literals import Literal as LiteralValue
from flytelike.storage import Store, StoreConfig
from flytelike.types import ValueContext, registry
from flytelike.types.file import FlyteFile
from flytelike.types.inputs import json_from_literal, literal_from_json

CTX = ValueContext(Store(StoreConfig()), "memory://raw", Path("/nonexistent"))
Name = Annotated[str, pydantic.Field(min_length=1, max_length=20)]


class Layer(pydantic.BaseModel):
    units: int = pydantic.Field(ge=1)
    rate: float = pydantic.Field(default=0.5, gt=0, lt=1)


class Conv(pydantic.BaseModel):
    kind: Literal["conv"] = "conv"
    size: int


class Pool(pydantic.BaseModel):
    kind: Literal["pool"] = "pool"
    size: int


class Config(pydantic.BaseModel):
    layers: list[Layer] = pydantic.Field(min_length=1)
    names: set[Name] = set()
    steps: list[Annotated[Conv | Pool, pydantic.Field(discriminator="kind")]] = []
    at: dt.datetime = dt.datetime(2024, 5, 1, tzinfo=dt.UTC)
    length: dt.timedelta = dt.timedelta(minutes=5)
    day_time: dt.time = dt.time(12)
    pair: tuple[int, str] = (1, "a")
    key: uuid.UUID | None = None
    weights: dict[int, float] = {}
    parent: "Config | None" = None


@dataclass
class Run:
    at: dt.datetime
    config: Config | None = None
    pause: dt.timedelta = dt.timedelta(minutes=1)
    rates: dict[str, float] = field(default_factory=dict)
    data: FlyteFile | str = "none"


def headlines(value: Any, hint: Any, path: str = "$") -> list[str]:
    outcome = literal_from_json(value, registry.literal_type_of(hint), path)
    assert isinstance(outcome, list)
    return [found.headline for found in outcome]


def test_the_limits_of_a_models_fields_are_told() -> None:
    value = {"layers": [{"units": 1}, {"units": 2}, {"units": "many"}]}
    assert headlines(value, Config, "$.config") == ['$.config.layers[2].units: expected int ≥ 1, got "many"']


def test_all_faults_of_a_model_are_told_at_once() -> None:
    value = {
        "layers": [{"units": 0, "rate": 1}],
        "names": ["a", "", "a"],
        "steps": [{"kind": "pool", "size": "big"}, {"kind": "flat", "size": 1}],
        "pair": [1, 2],
        "key": "x",
        "weights": {"1": "heavy"},
        "parent": {"layers": []},
    }
    assert headlines(value, Config) == [
        "$.layers[0].units: expected int ≥ 1, got 0",
        "$.layers[0].rate: expected float > 0 and < 1, got 1",
        '$.names[1]: expected str of 1 to 20 characters, got ""',
        '$.steps[0].size: expected int, got "big"',
        "$.steps[1].kind: expected one of 'conv', 'pool', got \"flat\"",
        "$.pair[1]: expected str, got 2",
        '$.key: expected a UUID | None, got "x"',
        '$.weights.1: expected float, got "heavy"',
        "$.parent.layers: expected list[Layer] of at least 1 item, got []",
    ]


class Stored(pydantic.BaseModel):
    data: FlyteFile
    more: list[FlyteFile] | None = None


def test_files_of_models_are_named_by_path_or_uri() -> None:
    kind = registry.literal_type_of(Stored)
    found = literal_from_json({"data": "x", "more": [{"path": "y"}]}, kind, locate=lambda text, _: f"s3://b/{text}")
    assert isinstance(found, LiteralValue)
    assert json_from_literal(found) == {"data": {"path": "s3://b/x"}, "more": [{"path": "s3://b/y"}]}
    assert headlines({"data": 5}, Stored) == ["$.data: expected a file's path or uri, got 5"]


TIMES = st.datetimes(timezones=st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=2)), None]))
LAYERS = st.builds(Layer, units=st.integers(1, 2**63 - 1), rate=st.floats(0, 1, exclude_min=True, exclude_max=True))
STEPS = st.builds(Conv, size=st.integers(0, 9)) | st.builds(Pool, size=st.integers(0, 9))


def configs(parents: st.SearchStrategy[Any]) -> st.SearchStrategy[Config]:
    return st.builds(
        Config,
        layers=st.lists(LAYERS, min_size=1, max_size=2),
        names=st.sets(st.text(min_size=1, max_size=20), max_size=2),
        steps=st.lists(STEPS, max_size=2),
        at=TIMES,
        length=st.timedeltas(dt.timedelta(-999), dt.timedelta(999)),
        day_time=st.times(),
        pair=st.tuples(st.integers(0, 9), st.text(max_size=2)),
        key=st.none() | st.uuids(),
        weights=st.dictionaries(st.integers(0, 9), st.floats(allow_nan=False), max_size=2),
        parent=parents,
    )


CONFIGS = configs(st.none() | configs(st.none()))
RUNS = st.builds(
    Run,
    at=TIMES,
    config=st.none() | CONFIGS,
    pause=st.timedeltas(dt.timedelta(-999), dt.timedelta(999)),
    rates=st.dictionaries(st.text(max_size=3), st.floats(allow_nan=False), max_size=2),
    data=st.text(min_size=1),
)


@pytest.mark.parametrize(("hint", "values"), [(Config, CONFIGS), (Run, RUNS)])
def test_what_is_printed_can_be_typed_again(hint: Any, values: st.SearchStrategy[Any]) -> None:
    @given(values)
    def check(value: Any) -> None:
        literal = registry.to_literal(value, hint, CTX)
        printed = json.loads(json.dumps(json_from_literal(literal)))
        assert literal_from_json(printed, registry.literal_type_of(hint)) == literal

    check()


@pytest.mark.parametrize(
    ("typed", "given_in_python"),
    [
        ({"at": "2024-05-01T12:00:00Z"}, Run(dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC))),
        ({"at": dt.date(2024, 5, 1), "pause": "1m"}, Run(dt.datetime(2024, 5, 1, tzinfo=dt.UTC))),
        (
            {"at": "2024-05-01", "config": {"layers": [{"units": 2}], "at": "2024-05-01T00:00:00Z", "length": "5m"}},
            Run(dt.datetime(2024, 5, 1, tzinfo=dt.UTC), Config(layers=[Layer(units=2)])),
        ),
    ],
)
def test_typed_and_given_in_python_are_one(typed: Any, given_in_python: Run) -> None:
    """So that a cache knows them for the same. What has a default factory is left to the reader."""
    found = literal_from_json(typed, registry.literal_type_of(Run))
    assert isinstance(found, LiteralValue)
    document = json_from_literal(registry.to_literal(given_in_python, Run, CTX))
    assert isinstance(document, dict)
    assert json_from_literal(found) == {key: value for key, value in document.items() if key != "rates"}
