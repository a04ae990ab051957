"""What goes into a literal comes out again, over the wire too; encodings are the stock SDK's."""

import enum
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgpack
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st

from flytelike.codec.literals import literal_from_proto, literal_to_proto
from flytelike.codec.types import literal_type_from_proto, literal_type_to_proto
from flytelike.model.diagnostic import DiagnosticError
from flytelike.storage import Store
from flytelike.types import registry
from flytelike.types.context import ValueContext
from flytelike.types.directory import FlyteDirectory
from flytelike.types.file import FlyteFile
from flytelike.types.inputs import json_from_literal, literal_from_json
from flytelike.types.structured import StructuredDataset


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Inner:
    k: list[int]
    w: str | None = None


@dataclass
class Outer:
    a: int
    b: float
    c: Inner
    d: dict[str, bool]
    e: Color
    t: datetime
    dd: timedelta
    da: date
    inners: list[Inner] = field(default_factory=list)
    either: int | str | None = None
    x: int = 3


NOON = datetime(2020, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
OUTER = Outer(1, 2.0, Inner([1, 2]), {"z": True}, Color.BLUE, NOON, timedelta(seconds=3, microseconds=5), NOON.date())


@pytest.fixture
def ctx(tmp_path: Path) -> ValueContext:
    return ValueContext(Store(), f"file://{tmp_path}/raw", tmp_path / "local")


def through(value: Any, hint: Any, ctx: ValueContext) -> Any:
    """Return the value after a trip through literal, bytes and back."""
    message = literal_to_proto(registry.to_literal(value, hint, ctx))
    literal = literal_from_proto(type(message).FromString(message.SerializeToString()))
    return registry.to_python(literal, hint, ctx)


HINTS = st.sampled_from(
    [
        (int, st.integers(-(2**63), 2**63 - 1)),
        (float, st.floats(allow_nan=False)),
        (str, st.text()),
        (bool, st.booleans()),
        (datetime, st.datetimes(timezones=st.just(UTC))),
        (date, st.dates()),
        (timedelta, st.timedeltas(timedelta(days=-3_000_000), timedelta(days=3_000_000))),
        (list[int], st.lists(st.integers(-9, 9))),
        (dict[str, float], st.dictionaries(st.text(), st.floats(allow_nan=False))),
        (int | None, st.none() | st.integers(0, 9)),
        (int | str | list[str], st.integers(0, 9) | st.text() | st.lists(st.text())),
        (Color, st.sampled_from(Color)),
        (list[dict[str, Color | None]], st.lists(st.dictionaries(st.text(), st.none() | st.sampled_from(Color)))),
        (
            dict,
            st.dictionaries(st.text(), st.recursive(st.none() | st.booleans() | st.text(), st.lists, max_leaves=5)),
        ),
        (Inner, st.builds(Inner, st.lists(st.integers(0, 9)), st.none() | st.text())),
    ]
)


@given(HINTS.flatmap(lambda pair: st.tuples(st.just(pair[0]), pair[1])))
def test_every_value_comes_back(pair: tuple[Any, Any]) -> None:
    hint, value = pair
    ctx = ValueContext(Store(), "memory://raw", Path("/nonexistent"))
    assert through(value, hint, ctx) == value


@given(HINTS.flatmap(lambda pair: st.tuples(st.just(pair[0]), pair[1])))
def test_what_is_printed_can_be_typed_again(pair: tuple[Any, Any]) -> None:
    hint, value = pair
    ctx = ValueContext(Store(), "memory://raw", Path("/nonexistent"))
    literal = registry.to_literal(value, hint, ctx)
    assert literal_from_json(json_from_literal(literal), registry.literal_type_of(hint)) == literal


def test_a_dataclass_comes_back(ctx: ValueContext) -> None:
    assert through(OUTER, Outer, ctx) == OUTER
    assert through([OUTER, None], list[Outer | None], ctx) == [OUTER, None]


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (int, {"simple": "INTEGER"}),
        (date, {"simple": "DATETIME"}),
        (list[int], {"collection_type": {"simple": "INTEGER"}}),
        (dict[str, int], {"map_value_type": {"simple": "INTEGER"}}),
        (Color, {"enum_type": {"values": ["red", "blue"]}}),
        (FlyteFile["csv"], {"blob": {"format": "csv"}}),
        (FlyteDirectory, {"blob": {"dimensionality": "MULTIPART"}}),
        (pd.DataFrame, {"structured_dataset_type": {}}),
        (
            int | None,
            {
                "union_type": {
                    "variants": [
                        {"simple": "INTEGER", "structure": {"tag": "int"}},
                        {"simple": "NONE", "structure": {"tag": "none"}},
                    ]
                }
            },
        ),
        (
            Inner,
            {
                "simple": "STRUCT",
                "metadata": {
                    "type": "object",
                    "title": "Inner",
                    "required": ["k"],
                    "additionalProperties": False,
                    "properties": {
                        "k": {"items": {"type": "integer"}, "type": "array"},
                        "w": {"default": None, "anyOf": [{"type": "string"}, {"type": "null"}]},
                    },
                },
                "annotation": {"annotations": {"cache-key-metadata": {"serialization-format": "msgpack"}}},
                "structure": {
                    "dataclass_type": {
                        "k": {"collection_type": {"simple": "INTEGER"}},
                        "w": {
                            "union_type": {
                                "variants": [
                                    {"simple": "STRING", "structure": {"tag": "str"}},
                                    {"simple": "NONE", "structure": {"tag": "none"}},
                                ]
                            }
                        },
                    }
                },
            },
        ),
    ],
)
def test_types_are_the_stock_sdks(hint: Any, expected: dict[str, Any]) -> None:
    """The expected messages were recorded from flytekit 1.16.31."""
    literal_type = registry.literal_type_of(hint)
    message = literal_type_to_proto(literal_type)
    assert MessageToDict(message, preserving_proto_field_name=True) == expected
    assert literal_type_from_proto(message) == literal_type


def test_a_documents_bytes_are_the_stock_sdks(ctx: ValueContext) -> None:
    """Recorded from flytekit 1.16.31, the same values under the same annotations."""
    literal = registry.to_literal(OUTER, Outer, ctx)
    document = msgpack.unpackb(literal.value.value)
    assert document["t"] == "2020-01-02T03:04:05.000006+00:00"
    assert document["dd"] == 3.000005
    assert (document["da"], document["e"], document["c"]) == ("2020-01-02", "blue", {"k": [1, 2], "w": None})


def test_files_carry_their_digest_and_are_fetched_when_opened(ctx: ValueContext, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    literal = registry.to_literal(FlyteFile(tmp_path / "a.txt"), FlyteFile, ctx)
    assert literal.hash == "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    back = registry.to_python(literal, FlyteFile, ctx)
    assert not any(ctx.local_dir.rglob("a.txt"))
    with back.open() as file:
        assert file.read() == "hello"
    assert registry.to_literal(back, FlyteFile, ctx) == literal


def test_folders_come_back(ctx: ValueContext, tmp_path: Path) -> None:
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d" / "e" / "f.txt").write_text("deep")
    back = through(FlyteDirectory(tmp_path / "d"), FlyteDirectory, ctx)
    assert (Path(back) / "e" / "f.txt").read_text() == "deep"


@pytest.mark.parametrize("reader", [pd.DataFrame, pa.Table, pl.DataFrame])
@pytest.mark.parametrize(
    "frame",
    [pd.DataFrame({"a": [1, 2]}), pa.table({"a": [1, 2]}), pl.DataFrame({"a": [1, 2]})],
    ids=["pd", "pa", "pl"],
)
def test_frames_are_read_as_whatever_the_next_task_wants(frame: Any, reader: Any, ctx: ValueContext) -> None:
    literal = registry.to_literal(frame, type(frame), ctx)
    assert list(registry.to_python(literal, reader, ctx)["a"]) in ([1, 2], [pa.scalar(1), pa.scalar(2)])
    dataset = registry.to_python(literal, StructuredDataset, ctx)
    assert list(dataset.open(pd.DataFrame).all()["a"]) == [1, 2]


@pytest.mark.parametrize("hint", [Any, set[int], tuple[int, str], bytes, dict[bytes, str], object])
def test_annotations_without_a_literal_type_are_refused(hint: Any) -> None:
    with pytest.raises(DiagnosticError) as caught:
        registry.literal_type_of(hint)
    assert caught.value.diagnostics[0].code == "unsupported-type"
    assert caught.value.diagnostics[0].help


@pytest.mark.parametrize(
    ("value", "hint"),
    [(True, int), (1.5, int), ("1", int), (1, str), ([1, "a"], list[int]), ({1: 2}, dict[str, int])],
)
def test_values_of_another_type_are_refused(value: Any, hint: Any, ctx: ValueContext) -> None:
    with pytest.raises(DiagnosticError) as caught:
        registry.to_literal(value, hint, ctx)
    assert caught.value.diagnostics[0].code == "value-mismatch"


def test_all_faults_of_an_input_are_told_with_their_paths() -> None:
    value = {"a": "x", "b": 1, "c": {"k": [1, "no"]}, "e": "green", "inners": [{"k": []}, {}]}
    faults = literal_from_json(value, registry.literal_type_of(Outer), "$.config")
    assert isinstance(faults, list)
    text = "\n".join(found.headline for found in faults)
    for expected in ("$.config.a: expected int", "$.config.c.k[1]: expected int", "$.config.e: expected one of"):
        assert expected in text
    assert "$.config.inners[1]: the field `k` is missing" in text
    assert "$.config: the field `d` is missing" in text
