"""pydantic's models are documents with their own schema; pydantic checks what goes in and out."""

import datetime as dt
import decimal
import enum
import json
import uuid
from pathlib import Path
from typing import Any, Literal

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytelike.model.literals import Binary
from flytelike.model.literals import Literal as Value
from flytelike.storage import Store, StoreConfig
from flytelike.types import ValueContext, msgpack_value, registry
from flytelike.types.directory import FlyteDirectory
from flytelike.types.faults import TypeFault
from flytelike.types.file import FlyteFile
from flytelike.types.structured import StructuredDataset


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Inner(pydantic.BaseModel):
    at: dt.datetime
    length: dt.timedelta
    price: decimal.Decimal
    key: uuid.UUID


class Model(pydantic.BaseModel):
    n: int = pydantic.Field(ge=1, alias="enn")
    x: float
    colour: Colour
    kind: Literal["a", "b"]
    inner: Inner | None = None
    kids: list["Model"] = []
    sets: set[int] = set()
    pair: tuple[int, str] = (1, "a")
    by_number: dict[int, str] = {}


class Stored(pydantic.BaseModel):
    file: FlyteFile
    folders: list[FlyteDirectory]
    table: StructuredDataset


INNER = st.builds(
    Inner,
    at=st.datetimes(timezones=st.just(dt.UTC)),
    length=st.timedeltas(dt.timedelta(-999), dt.timedelta(999)),
    price=st.decimals(allow_nan=False, allow_infinity=False, places=4),
    key=st.uuids(),
)


def models(kids: st.SearchStrategy[Any] | None = None) -> st.SearchStrategy[Model]:
    return st.builds(
        Model,
        enn=st.integers(1, 2**63 - 1),
        x=st.floats(allow_nan=False),
        colour=st.sampled_from(Colour),
        kind=st.sampled_from(["a", "b"]),
        inner=st.none() | INNER,
        kids=st.just([]) if kids is None else st.lists(kids, max_size=2),
        sets=st.sets(st.integers(0, 99)),
        by_number=st.dictionaries(st.integers(0, 9), st.text()),
    )


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    ctx = ValueContext(Store(StoreConfig()), f"file://{tmp_path}/raw", tmp_path)

    @given(models(models()))
    def check(model: Model) -> None:
        assert registry.to_python(registry.to_literal(model, Model, ctx), Model, ctx) == model

    check()


def test_files_folders_and_tables_in_models_are_stored_and_fetched(ctx: ValueContext, tmp_path: Path) -> None:
    import pandas as pd

    (tmp_path / "f").write_text("hello")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "x").write_text("x")
    model = Stored(
        file=FlyteFile(tmp_path / "f"),
        folders=[FlyteDirectory(tmp_path / "d")],
        table=StructuredDataset(pd.DataFrame({"a": [1]})),
    )
    literal = registry.to_literal(model, Stored, ctx)
    (tmp_path / "f").unlink()
    found = registry.to_python(literal, Stored, ctx)
    assert Path(found.file).read_text() == "hello"
    assert (Path(found.folders[0]) / "x").read_text() == "x"
    assert found.table.read(pd.DataFrame).to_dict() == {"a": {0: 1}}


def test_outside_of_tasks_a_model_names_files_by_path() -> None:
    class Holder(pydantic.BaseModel):
        file: FlyteFile

    holder = Holder(file="s3://bucket/x")  # type: ignore[arg-type]  # as JSON gives it
    assert json.loads(holder.model_dump_json()) == {"file": {"path": "s3://bucket/x"}}
    assert Holder.model_validate_json(holder.model_dump_json()) == holder


def test_fields_go_by_their_names_not_their_aliases(ctx: ValueContext) -> None:
    model = Model(enn=3, x=1, colour=Colour.RED, kind="a")
    literal = registry.to_literal(model, Model, ctx)
    assert isinstance(literal.value, Binary)
    assert msgpack_value.unpacked(literal.value)["n"] == 3
    assert '"n"' in registry.literal_type_of(Model).metadata


def test_all_fields_that_pydantic_refuses_are_told(ctx: ValueContext) -> None:
    plain = {"n": 0, "x": "y", "colour": "green", "kind": "a", "kids": [{"n": 1}]}
    literal = Value(Binary(msgpack_value.packed(plain, Model), "msgpack"))
    with pytest.raises(TypeFault) as raised:
        registry.to_python(literal, Model, ctx)
    paths = [found.headline.partition(":")[0] for found in raised.value.diagnostics]
    assert paths == ["$.n", "$.x", "$.colour", "$.kids[0].x", "$.kids[0].colour", "$.kids[0].kind"]


def test_a_model_that_no_longer_holds_what_its_fields_say_is_refused(ctx: ValueContext) -> None:
    model = Model(enn=3, x=1, colour=Colour.RED, kind="a")
    model.x = "not a number"  # type: ignore[assignment]
    with pytest.raises(TypeFault, match="expected `Model`"):
        registry.to_literal(model, Model, ctx)


def test_a_model_inside_of_a_dataclass_and_in_unions(ctx: ValueContext) -> None:
    for hint in (list[Inner | Model], dict[str, Model | None]):
        model = Model(enn=3, x=1, colour=Colour.RED, kind="a")
        value = [model] if hint == list[Inner | Model] else {"k": model, "none": None}
        assert registry.to_python(registry.to_literal(value, hint, ctx), hint, ctx) == value


def test_secrets_are_no_values() -> None:
    class Login(pydantic.BaseModel):
        password: pydantic.SecretStr

    with pytest.raises(TypeFault, match=r"`Login.password` is a secret"):
        registry.literal_type_of(Login)


class Left(pydantic.BaseModel):
    right: "Right | None" = None


class Right(pydantic.BaseModel):
    left: dict[str, Left] = {}


def test_models_inside_of_themselves_have_a_type(ctx: ValueContext) -> None:
    structure = registry.literal_type_of(Model).structure
    assert structure is not None
    assert {name for name, _ in structure.fields} >= {"n", "x", "colour", "inner", "kids"}
    value = Left(right=Right(left={"a": Left()}))
    assert registry.to_python(registry.to_literal(value, Left, ctx), Left, ctx) == value
    assert registry.literal_type_of(Left).structure
