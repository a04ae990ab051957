"""Equal values have equal digests, in every process and wherever their files lie; different ones have not."""

import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytelike import JSON, FlyteFile
from flytelike.codec.value_digest import value_digest
from flytelike.storage import Store, StoreConfig
from flytelike.types import ValueContext, registry

SIMPLE = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SIMPLE | st.text(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
SAMPLES: list[tuple[str, Any, Any]] = [
    ("int", int, 7),
    ("negative", int, -(2**63)),
    ("float", float, 0.1),
    ("text", str, "ü\U0001f600"),
    ("list", list[int], [1, 2]),
    ("map", dict[str, float], {"b": 1.0, "a": 2.0}),
    ("document", JSON, {"b": [1, None, True], "a": {"c": 0.5}}),
]
GOLDEN = Path(__file__).with_name("golden") / "value_digests.json"


@dataclass
class One:
    x: int


@dataclass
class Other:
    x: int


@dataclass
class Holder:
    file: FlyteFile[Any]


def digest(value: Any, hint: Any, ctx: ValueContext) -> str:
    return value_digest(registry.to_literal(value, hint, ctx))


def shuffled(value: Any) -> Any:
    """The same value with its entries in another order."""
    if isinstance(value, list):
        return [shuffled(item) for item in value]
    return {key: shuffled(value[key]) for key in reversed(value)} if isinstance(value, dict) else value


def distinct(value: Any) -> str:
    """A text that differs for values which are not the same: 1, 1.0 and True are three."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{distinct(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(distinct, value)) + "]"
    return f"{type(value).__name__} {value + 0.0 if type(value) is float else value!r}"


def test_digests_are_equal_exactly_for_equal_values(tmp_path: Path) -> None:
    ctx = ValueContext(Store(StoreConfig()), f"file://{tmp_path}/raw", tmp_path)

    @given(VALUES, VALUES)
    def check(one: Any, other: Any) -> None:
        assert digest(one, JSON, ctx) == digest(shuffled(one), JSON, ctx)
        assert (digest(one, JSON, ctx) == digest(other, JSON, ctx)) == (distinct(one) == distinct(other))

    check()


@pytest.mark.parametrize(("name", "hint", "value"), SAMPLES, ids=[name for name, _, _ in SAMPLES])
def test_digests_are_those_that_were_written_down(name: str, hint: Any, value: Any, ctx: ValueContext) -> None:
    """Caches outlive processes, releases and versions of Python."""
    assert digest(value, hint, ctx) == json.loads(GOLDEN.read_text())[name]


@pytest.mark.parametrize("seed", ["0", "1"])
def test_another_process_gives_the_same_digests(seed: str) -> None:
    program = (
        "import json, pathlib, tempfile\n"
        "from tests.unit.types.test_value_digests import SAMPLES, digest\n"
        "from flytelike.storage import Store, StoreConfig\n"
        "from flytelike.types import ValueContext\n"
        "ctx = ValueContext(Store(StoreConfig()), '/nowhere', pathlib.Path('/nowhere'))\n"
        "print(json.dumps({name: digest(value, hint, ctx) for name, hint, value in SAMPLES}))\n"
    )
    env = {**os.environ, "PYTHONHASHSEED": seed}
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=env, cwd=root, check=True
    )
    assert json.loads(done.stdout) == json.loads(GOLDEN.read_text())


def test_types_count(ctx: ValueContext) -> None:
    found = {digest(value, hint, ctx) for value, hint in ((1, int), (1.0, float), (True, bool), ("1", str))}
    assert len(found) == 4


def test_zero_has_no_sign_and_nan_is_itself(ctx: ValueContext) -> None:
    assert digest(-0.0, float, ctx) == digest(0.0, float, ctx)
    assert digest(math.nan, float, ctx) == digest(-math.nan, float, ctx)


def test_a_value_is_the_same_under_optional(ctx: ValueContext) -> None:
    assert digest(1, int | None, ctx) == digest(1, int, ctx)


def test_two_records_of_a_union_differ(ctx: ValueContext) -> None:
    assert digest(One(1), One | Other, ctx) != digest(Other(1), One | Other, ctx)


def test_files_go_by_their_content_inside_of_records_too(ctx: ValueContext, tmp_path: Path) -> None:
    for name, content in (("a", "x"), ("b", "x"), ("c", "y")):
        (tmp_path / name).write_text(content)
    for hint, made in ((FlyteFile, FlyteFile), (Holder, lambda path: Holder(FlyteFile(path)))):
        a, b, c = (digest(made(tmp_path / name), hint, ctx) for name in "abc")
        assert a == b != c
    literal = registry.to_literal(Holder(FlyteFile(tmp_path / "a")), Holder, ctx)
    again = registry.to_literal(registry.to_python(literal, Holder, ctx), Holder, ctx)
    assert value_digest(again) == value_digest(literal)
