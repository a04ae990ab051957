"""What people type becomes literals, by literal type alone; all faults are told, with their places."""

import enum
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytelike.model.literals import Blob, Instant, Primitive, Span, StructuredDataset, UnionValue
from flytelike.model.literals import Literal as LiteralValue
from flytelike.model.types import BlobType, LiteralType, SimpleKind, SimpleType, json_text
from flytelike.storage import Store, StoreConfig
from flytelike.types import ValueContext, guess, registry
from flytelike.types.directory import FlyteDirectory
from flytelike.types.faults import TypeFault
from flytelike.types.file import FlyteFile
from flytelike.types.input_times import duration, duration_text
from flytelike.types.inputs import Outcome, json_from_literal, literal_from_json, parse_text
from flytelike.types.structured import StructuredDataset as Dataset


class Kind(enum.Enum):
    DENSE = "dense"
    CONV = "conv"


@dataclass
class Layer:
    units: int
    kind: Kind = Kind.DENSE
    rate: float = 0.5


@dataclass
class Config:
    layers: list[Layer]
    since: datetime
    pause: timedelta = timedelta(minutes=1)
    day: date = date(2024, 1, 1)
    weights: dict[int, float] = field(default_factory=dict)
    best: Layer | None = None
    extra: dict = field(default_factory=dict)  # type: ignore[type-arg]


@dataclass
class ByAir:
    by: Literal["air"]
    wings: int = 2


@dataclass
class ByRoad:
    by: Literal["road"]
    axles: int = 2


@dataclass
class Stored:
    data: FlyteFile
    folder: FlyteDirectory
    table: Dataset
    more: list[FlyteFile] | None = None


CTX = ValueContext(Store(StoreConfig()), "memory://raw", Path("/nonexistent"))


def headlines(outcome: Outcome) -> list[str]:
    assert isinstance(outcome, list)
    assert {found.code for found in outcome} == {"wrong-input-value"}
    return [found.headline for found in outcome]


def value_of(outcome: Outcome, hint: Any) -> Any:
    assert not isinstance(outcome, list), outcome
    return registry.to_python(outcome, hint, CTX)


@pytest.mark.parametrize(
    ("text", "hint", "value"),
    [
        ("5", int, 5),
        ("1_000", int, 1000),
        ("5", float, 5.0),
        ("1e3", float, 1000.0),
        ("inf", float, float("inf")),
        ("true", bool, True),
        ("False", bool, False),
        ("5", str, "5"),
        ("", str, ""),
        ("2024-05-01", datetime, datetime(2024, 5, 1, tzinfo=UTC)),
        ("2024-05-01T12:00:00+02:00", datetime, datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("2024-05-01", date, date(2024, 5, 1)),
        ("1h30m", timedelta, timedelta(hours=1, minutes=30)),
        ("PT1H30M", timedelta, timedelta(hours=1, minutes=30)),
        ("-P1DT0.5S", timedelta, -timedelta(days=1, seconds=0.5)),
        ("[1, 2]", list[int], [1, 2]),
        ('{"a": [1]}', dict[str, list[int]], {"a": [1]}),
        ("dense", Kind, Kind.DENSE),
        ("b", Literal["a", "b"], "b"),
        ("null", int | None, None),
        ("None", int | None, None),
        ("7", int | str, 7),
        ("x", int | str, "x"),
        ("dense", str | Kind, Kind.DENSE),
        ("1.5", int | float, 1.5),
        ("3", float | int, 3),
        ("3", int | float, 3),
        ('{"units": 3}', Layer | None, Layer(3)),
    ],
)
def test_the_text_of_a_flag(text: str, hint: Any, value: object) -> None:
    found = value_of(parse_text(text, registry.literal_type_of(hint)), hint)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("text", "hint", "expected"),
    [
        ("many", int, '--x: expected int, got "many"'),
        ("1.5", int, "--x: expected int, got 1.5"),
        ("99999999999999999999", int, "--x: expected int, got 99999999999999999999"),
        ("yesterday", datetime, '--x: expected a date or time such as 2024-05-01T12:00:00Z, got "yesterday"'),
        ("P1Y", timedelta, '--x: expected a duration such as 1h30m, got "P1Y"'),
        ("sparse", Kind, "--x: expected one of 'dense', 'conv', got \"sparse\""),
        ("c", Literal["a", "b"], "--x: expected one of 'a', 'b', got \"c\""),
        ("maybe", bool | None, '--x: expected bool | None, got "maybe"'),
        ("", FlyteFile, '--x: expected a file\'s path or uri, got ""'),
        ("[" * 9999, list[int], '--x: expected list[int], got "[[['),
        ('{"units": "many"}', Layer | None, '--x.units: expected int, got "many"'),
        ("[1, true]", list[int] | None, "--x[1]: expected int, got true"),
        ("5", list[Layer | Kind], "--x: expected list[Layer | one of 'dense', 'conv'], got 5"),
        ('[{"units": "many"}]', list[Layer | Kind], '--x[0].units: expected int, got "many"'),
        ('{"by": "ship"}', ByAir | ByRoad, "--x.by: expected one of 'air', 'road', got \"ship\""),
        ('[{"by": "ship"}]', list[ByAir | ByRoad], "--x[0].by: expected one of 'air', 'road', got \"ship\""),
        ('[{"by": "road", "axles": "x"}]', list[ByAir | ByRoad], '--x[0].axles: expected int, got "x"'),
    ],
)
def test_a_flag_that_does_not_fit(text: str, hint: Any, expected: str) -> None:
    assert headlines(parse_text(text, registry.literal_type_of(hint), "--x"))[0].startswith(expected)


def test_a_document_is_what_python_would_make_of_it() -> None:
    """So that an input typed and one given in Python are the same for a cache."""
    typed = literal_from_json(
        {
            "layers": [{"units": 3}, {"units": 4, "kind": "conv", "rate": 1}],
            "since": date(2024, 5, 1),
            "weights": {"1": 2},
        },
        registry.literal_type_of(Config),
    )
    meant = Config([Layer(3), Layer(4, Kind.CONV, 1.0)], datetime(2024, 5, 1, tzinfo=UTC), weights={1: 2.0})
    assert value_of(typed, Config) == meant
    given_in_python = json_from_literal(registry.to_literal(meant, Config, CTX))
    assert isinstance(given_in_python, dict)
    assert isinstance(typed, LiteralValue)
    # What has a default factory is left to the reader: the type does not say what it makes.
    assert json_from_literal(typed) == {k: v for k, v in given_in_python.items() if k != "extra"}


def test_all_faults_are_told_with_their_places() -> None:
    value = {
        "layers": [{"units": 1}, {"kind": "x"}, {"units": "many", "depth": 2}],
        "since": "soon",
        "pause": "long",
        "weights": {"one": 1, "2": "two"},
        "best": {"units": None},
    }
    assert headlines(literal_from_json(value, registry.literal_type_of(Config), "$.config")) == [
        "$.config.layers[1]: the field `units` is missing",
        "$.config.layers[1].kind: expected one of 'dense', 'conv', got \"x\"",
        '$.config.layers[2].units: expected int, got "many"',
        "$.config.layers[2].depth: there is no such field; the fields are kind, rate, units",
        '$.config.since: expected a date or time such as 2024-05-01T12:00:00Z, got "soon"',
        '$.config.pause: expected a duration such as 1h30m, got "long"',
        "$.config.weights.one: expected int as the key, got 'one'",
        '$.config.weights.2: expected float, got "two"',
        "$.config.best.units: expected int, got null",
    ]


def test_faults_inside_lists_and_maps() -> None:
    kind = registry.literal_type_of(dict[str, list[int]])
    assert headlines(literal_from_json({"a": [1, "x"], "b c": 2}, kind)) == [
        '$.a[1]: expected int, got "x"',
        "$['b c']: expected list[int], got 2",
    ]


def test_places_of_files_become_uris() -> None:
    value = {"data": "s3://b/x.csv", "folder": "/data/d", "table": {"uri": "s3://b/t"}, "more": ["/data/y"]}
    found = value_of(literal_from_json(value, registry.literal_type_of(Stored)), Stored)
    assert [str(place) for place in (found.data, found.folder, found.more[0])] == ["s3://b/x.csv", "/data/d", "/data/y"]
    assert found.table.uri == "s3://b/t"


def test_why_a_place_is_none_is_told_of_unions_too() -> None:
    def locate(text: str, kind: object) -> str:
        raise ValueError(f"there is no {text}")

    kind = registry.literal_type_of(FlyteFile | None)
    assert headlines(parse_text("gone", kind, "--x", locate)) == ["--x: there is no gone"]
    assert headlines(literal_from_json("gone", kind, locate=locate)) == ["$: there is no gone"]
    holder = registry.literal_type_of(Stored)
    value = {"data": "a", "folder": {"path": "b"}, "table": {"uri": "s3://b/t"}, "more": ["c"]}
    assert headlines(literal_from_json(value, holder, locate=locate)) == [
        "$.data: there is no a",
        "$.folder.path: there is no b",
        "$.table.uri: there is no s3://b/t",
        "$.more[0]: there is no c",
    ]


@pytest.mark.parametrize("kind", [SimpleKind.BINARY, SimpleKind.ERROR])
def test_some_types_have_no_text(kind: SimpleKind) -> None:
    told = headlines(literal_from_json("x", LiteralType(SimpleType(kind))))
    assert told == [f'$: expected {kind.name.lower()}, got "x"']


def test_a_caller_may_upload_what_is_named() -> None:
    asked: list[tuple[str, object]] = []

    def locate(text: str, kind: object) -> str:
        asked.append((text, kind))
        if text == "gone":
            raise FileNotFoundError("gone is not there")
        return f"s3://up/{text}"

    kind = registry.literal_type_of(dict[str, FlyteFile])
    found = literal_from_json({"a": "x"}, kind, locate=locate)
    assert isinstance(found, LiteralValue)
    assert json_from_literal(found) == {"a": "s3://up/x"}
    assert headlines(literal_from_json({"a": "gone"}, kind, locate=locate)) == ["$.a: gone is not there"]
    folder = literal_from_json("d", registry.literal_type_of(FlyteDirectory), locate=locate)
    assert folder == LiteralValue(Blob("s3://up/d", BlobType(multipart=True)))
    assert asked == [("x", BlobType()), ("gone", BlobType()), ("d", BlobType(multipart=True))]


def test_relative_paths_are_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = parse_text("x.csv", registry.literal_type_of(FlyteFile["csv"]))
    assert found == LiteralValue(Blob(str(tmp_path / "x.csv"), BlobType("csv")))


def test_schemas_of_other_sdks_are_respected() -> None:
    """Definitions by `$ref`, as marshmallow and pydantic write them."""
    schema = {
        "$ref": "#/definitions/P",
        "definitions": {
            "P": {"type": "object", "required": ["x"], "properties": {"x": {"type": "number", "format": "integer"}}}
        },
    }
    kind = LiteralType(SimpleType(SimpleKind.STRUCT), metadata=json_text(schema))  # type: ignore[arg-type]
    assert headlines(literal_from_json({}, kind)) == ["$: the field `x` is missing"]
    assert not isinstance(literal_from_json({"x": 1}, kind), list)


def test_free_documents_take_what_yaml_reads() -> None:
    found = literal_from_json({"at": date(2024, 1, 1), 1: [True]}, registry.literal_type_of(dict))
    assert value_of(found, dict) == {"at": "2024-01-01", 1: [True]}


def test_now_is_an_instant() -> None:
    found = parse_text("now", registry.literal_type_of(datetime))
    assert isinstance(found, LiteralValue)
    assert isinstance(found.value, Primitive)
    assert isinstance(found.value.value, Instant)


@given(st.integers(-(10**19), 10**19))
def test_durations_are_read_as_they_are_printed(ns: int) -> None:
    assert duration(duration_text(Span(ns))) == Span(ns)


@pytest.mark.parametrize(
    ("ns", "text"), [(0, "PT0S"), (10**9, "PT1S"), (-1, "-PT0.000000001S"), (90 * 10**9, "PT1M30S")]
)
def test_durations_are_printed_in_iso_8601(ns: int, text: str) -> None:
    assert duration_text(Span(ns)) == text


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 1e300, "P", "PT", "-", "1", "1h1d", True, None, "9" * 300 + "s"]
)
def test_other_durations_are_refused(value: object) -> None:
    assert duration(value) is None


@pytest.mark.parametrize(
    "hint",
    [int, float, str, bool, datetime, timedelta, list[int], dict[str, list[float]], int | None, dict, FlyteFile["csv"]],
)
def test_a_guessed_annotation_has_the_same_type(hint: Any) -> None:
    kind = registry.literal_type_of(hint)
    assert registry.literal_type_of(guess.python_hint_for(kind)) == kind


def test_guesses_for_what_needs_code() -> None:
    assert guess.python_hint_for(registry.literal_type_of(Config)) is dict
    assert [m.value for m in guess.python_hint_for(registry.literal_type_of(Kind))] == ["dense", "conv"]
    assert guess.python_hint_for(registry.literal_type_of(Dataset)) is Dataset
    with pytest.raises(TypeFault):
        guess.python_hint_for(LiteralType(SimpleType(SimpleKind.BINARY)))


def test_values_are_printed_for_scripts() -> None:
    literal = registry.to_literal([Layer(1), None], list[Layer | None], CTX)
    assert json_from_literal(literal) == [{"units": 1, "kind": "dense", "rate": 0.5}, None]
    found = literal_from_json("s3://b/t", registry.literal_type_of(Dataset))
    assert isinstance(found, LiteralValue)
    assert isinstance(found.value, StructuredDataset)
    assert (json_from_literal(found), found.value.type.format) == ("s3://b/t", "parquet")


def test_a_unions_variant_travels_along() -> None:
    found = literal_from_json(1, registry.literal_type_of(float | int))
    assert isinstance(found, LiteralValue)
    assert isinstance(found.value, UnionValue)
    assert found.value.type.structure is not None
    assert found.value.type.structure.tag == "int"
