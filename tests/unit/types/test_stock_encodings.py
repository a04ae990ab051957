"""Types and literals are, message by message, what the stock SDK makes of the same hints and values.

The golden data are recorded by `record_stock_encodings.py`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict

from flytelike.codec.literals import literal_from_proto, literal_to_proto
from flytelike.codec.types import literal_type_to_proto
from flytelike.storage import Store, StoreConfig
from flytelike.types import ValueContext, registry
from flytelike.types.directory import FlyteDirectory
from flytelike.types.file import FlyteFile
from flytelike.types.structured import StructuredDataset
from tests.unit.types import stock_cases

GOLDEN: Mapping[str, Any] = json.loads(
    (Path(__file__).parent / "golden" / "stock_encodings.json").read_text(encoding="utf-8")
)


@pytest.fixture
def cases(tmp_path: Path) -> Mapping[str, stock_cases.Case]:
    (tmp_path / "f.csv").write_text("a,b\n1,x\n")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "x").write_text("x")
    lib = stock_cases.Library(FlyteFile, FlyteDirectory, StructuredDataset)
    return {
        **stock_cases.plain_cases(),
        **stock_cases.file_cases(lib, tmp_path),
        **stock_cases.frame_cases(lib),
    }


@pytest.fixture
def ctx(tmp_path: Path) -> ValueContext:
    return ValueContext(Store(StoreConfig()), f"file://{tmp_path}/raw", tmp_path / "local")


@pytest.mark.parametrize("name", GOLDEN)
def test_types_are_the_stock_sdks(name: str, cases: Mapping[str, stock_cases.Case]) -> None:
    message = literal_type_to_proto(registry.literal_type_of(cases[name].hint))
    assert MessageToDict(message) == GOLDEN[name]["type"]


@pytest.mark.parametrize("name", GOLDEN)
def test_values_are_the_stock_sdks(name: str, cases: Mapping[str, stock_cases.Case], ctx: ValueContext) -> None:
    case = cases[name]
    messages = [literal_to_proto(registry.to_literal(value, case.hint, ctx)) for value in case.values]
    assert stock_cases.comparable([MessageToDict(m) for m in messages], case) == GOLDEN[name]["values"]


@pytest.mark.parametrize("name", [name for name, case in stock_cases.plain_cases().items()])
def test_what_the_stock_sdk_wrote_is_read(name: str, cases: Mapping[str, stock_cases.Case], ctx: ValueContext) -> None:
    case = cases[name]
    message_type = type(literal_to_proto(registry.to_literal(case.values[0], case.hint, ctx)))
    literals = [literal_from_proto(ParseDict(value, message_type())) for value in GOLDEN[name]["values"]]
    assert [registry.to_python(literal, case.hint, ctx) for literal in literals] == list(case.values)


def test_every_case_is_recorded(cases: Mapping[str, stock_cases.Case]) -> None:
    assert set(cases) == set(GOLDEN)
    assert not any("error" in recorded for recorded in GOLDEN.values())
