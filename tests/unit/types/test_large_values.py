"""Values of the sizes that people have."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flytelike import FlyteFile
from flytelike.codec.literals import literal_from_proto, literal_to_proto
from flytelike.codec.value_digest import value_digest
from flytelike.types import ValueContext, registry


def through(value: object, hint: Any, ctx: ValueContext) -> Any:
    literal = literal_from_proto(literal_to_proto(registry.to_literal(value, hint, ctx)))
    assert value_digest(literal).startswith("sha256:")
    return registry.to_python(literal, hint, ctx)


def test_ten_thousand_files_by_name(ctx: ValueContext, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    files = {}
    for number in range(10_000):
        path = folder / f"{number}.txt"
        path.write_text(str(number))
        files[f"datei-{number}-ü"] = FlyteFile(path)
    found = through(files, dict[str, FlyteFile], ctx)
    assert len(found) == 10_000
    with found["datei-9999-ü"].open() as stream:
        assert stream.read() == "9999"


@pytest.mark.slow
def test_a_frame_of_200_mb(ctx: ValueContext) -> None:
    frame = pd.DataFrame(np.random.default_rng(0).random((2_600_000, 10)), columns=list("abcdefghij"))
    assert frame.memory_usage().sum() > 200e6
    found = through(frame, pd.DataFrame, ctx)
    pd.testing.assert_frame_equal(found, frame)


def test_a_record_of_a_thousand_fields(ctx: ValueContext) -> None:
    wide: Any = dataclasses.make_dataclass("Wide", [(f"f{number}", int, number) for number in range(1_000)])
    structure = registry.literal_type_of(wide).structure
    assert structure is not None
    assert len(structure.fields) == 1_000
    assert through(wide(f7=-1), wide, ctx) == wide(f7=-1)


@dataclass
class Leaf:
    größe: int  # noqa: PLC2401
    名前: str  # noqa: PLC2401


def test_ten_levels_of_lists_maps_and_records(ctx: ValueContext) -> None:
    hint: Any = Leaf
    value: Any = Leaf(1, "葉")
    for level in range(10):
        if level % 3 == 0:
            hint, value = list[hint], [value]
        elif level % 3 == 1:
            hint, value = dict[str, hint], {"schlüssel": value}
        else:
            cls: Any = dataclasses.make_dataclass(f"Level{level}", [("inner", hint)])
            hint, value = cls, cls(value)
    assert through(value, hint, ctx) == value


def test_unicode_names_of_files_and_fields(ctx: ValueContext, tmp_path: Path) -> None:
    (tmp_path / "größe 名前 #1?%20.txt").write_text("x")
    found = through(FlyteFile(tmp_path / "größe 名前 #1?%20.txt"), FlyteFile, ctx)
    assert Path(found).name == "größe 名前 #1?%20.txt"
    assert Path(found).read_text() == "x"
