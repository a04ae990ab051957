"""Files, folders and tables: where they lie, when they are copied, what their literals carry."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
import pytest

from flytelike import storage
from flytelike.model.literals import Blob, GenericStruct, SchemaValue
from flytelike.model.literals import Literal as LiteralValue
from flytelike.model.literals import StructuredDataset as DatasetLiteral
from flytelike.model.types import BlobType, JsonText, SchemaType, StructuredDatasetType
from flytelike.storage.digest import digest_of_bytes
from flytelike.types import ValueContext, registry
from flytelike.types.directory import FlyteDirectory
from flytelike.types.faults import TypeFault
from flytelike.types.file import FlyteFile
from flytelike.types.structured import StructuredDataset, kwtypes


@pytest.fixture(params=["file", "memory"])
def ctx(request: pytest.FixtureRequest, tmp_path: Path) -> ValueContext:
    prefix = f"file://{tmp_path}/raw" if request.param == "file" else "memory://raw"
    return ValueContext(storage.Store(storage.StoreConfig()), prefix, tmp_path / "local")


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.csv"
    path.write_text("a,b\n")
    return path


def test_a_file_is_stored_below_the_prefix_with_its_digest(ctx: ValueContext, report: Path) -> None:
    literal = registry.to_literal(FlyteFile(report), FlyteFile["csv"], ctx)
    assert isinstance(literal.value, Blob)
    assert literal.value.uri.startswith(ctx.raw_prefix)
    assert literal.value.uri.endswith("/report.csv")
    assert literal.value.type == BlobType("csv")
    assert literal.hash == digest_of_bytes(b"a,b\n")


@pytest.mark.parametrize("spelling", [str, Path, FlyteFile])
def test_a_path_will_do_for_a_file(ctx: ValueContext, report: Path, spelling: Any) -> None:
    literal = registry.to_literal(spelling(report), FlyteFile, ctx)
    assert Path(registry.to_python(literal, FlyteFile, ctx)).read_text() == "a,b\n"


def test_two_files_of_one_name_do_not_meet(ctx: ValueContext, tmp_path: Path) -> None:
    for name in "xy":
        (tmp_path / name).mkdir()
        (tmp_path / name / "same").write_text(name)
    literals = registry.to_literal([str(tmp_path / name / "same") for name in "xy"], list[FlyteFile], ctx)
    assert [Path(file).read_text() for file in registry.to_python(literals, list[FlyteFile], ctx)] == ["x", "y"]


def test_a_task_that_writes_to_its_input_changes_only_its_copy(ctx: ValueContext, report: Path) -> None:
    literal = registry.to_literal(FlyteFile(report), FlyteFile, ctx)
    given = registry.to_python(literal, FlyteFile, ctx)
    with given.open("a") as file:
        file.write("1,2\n")
    assert Path(registry.to_python(literal, FlyteFile, ctx)).read_text() == "a,b\n"
    again = registry.to_literal(given, FlyteFile, ctx)
    assert again.hash == digest_of_bytes(b"a,b\n1,2\n")


def test_content_that_changed_in_the_store_is_noticed(ctx: ValueContext, report: Path) -> None:
    literal = registry.to_literal(FlyteFile(report), FlyteFile, ctx)
    assert isinstance(literal.value, Blob)
    ctx.store.put(literal.value.uri, b"other")
    with pytest.raises(storage.DigestMismatch):
        os.fspath(registry.to_python(literal, FlyteFile, ctx))


def test_files_elsewhere_are_named_not_copied(ctx: ValueContext) -> None:
    literal = registry.to_literal(FlyteFile("s3://bucket/x"), FlyteFile, ctx)
    assert literal == LiteralValue(Blob("s3://bucket/x", BlobType()))


def test_a_uri_is_fetched_when_an_author_opens_it(report: Path) -> None:
    assert Path(FlyteFile(f"file://{report}")).read_text() == "a,b\n"
    with pytest.raises(storage.InvalidUri):
        FlyteFile("gs://bucket/x").open()


@pytest.mark.parametrize(("hint", "value"), [(FlyteFile, "/no/such"), (FlyteDirectory, "/no/such"), (FlyteFile, 3)])
def test_what_is_not_there_is_told(ctx: ValueContext, hint: Any, value: Any) -> None:
    with pytest.raises(TypeFault, match="value-mismatch"):
        registry.to_literal(value, hint, ctx)


def test_formats_in_every_spelling() -> None:
    assert FlyteFile["csv"] is FlyteFile[Literal["csv"]] is FlyteFile[".csv"]  # type: ignore[comparison-overlap]
    assert FlyteFile[Any] is FlyteFile
    assert FlyteFile["csv"].extension() == "csv"
    assert isinstance(FlyteFile("x"), FlyteFile["csv"])
    assert registry.literal_type_of(FlyteDirectory["csv"]).kind == BlobType("csv", multipart=True)


def test_paths_as_annotations_are_fetched_at_once(ctx: ValueContext, report: Path) -> None:
    literal = registry.to_literal(report, Path, ctx)
    assert registry.to_python(literal, Path, ctx).read_text() == "a,b\n"


def test_a_file_of_many_parts_is_no_file(ctx: ValueContext) -> None:
    with pytest.raises(TypeFault):
        registry.to_python(LiteralValue(Blob("s3://b/x", BlobType(multipart=True))), FlyteFile, ctx)


def test_an_attribute_of_a_document_is_read_as_a_file(ctx: ValueContext) -> None:
    """An engine that resolves `config.data` hands on a part of the document."""
    found = registry.to_python(LiteralValue(GenericStruct(JsonText('{"path": "s3://b/x"}'))), FlyteFile, ctx)
    assert found.remote_source == "s3://b/x"


FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})


def test_a_table_carries_digest_and_columns(ctx: ValueContext) -> None:
    hint = Annotated[pd.DataFrame, kwtypes(a=int, b=str)]
    literal = registry.to_literal(FRAME, hint, ctx)
    assert literal.hash.startswith("sha256:")
    assert isinstance(literal.value, DatasetLiteral)
    assert [name for name, _ in literal.value.type.columns] == ["a", "b"]
    assert registry.to_literal(FRAME.copy(), hint, ctx).hash == literal.hash


def test_only_the_columns_asked_for_are_read(ctx: ValueContext) -> None:
    literal = registry.to_literal(FRAME, pd.DataFrame, ctx)
    narrow = registry.to_python(literal, Annotated[pd.DataFrame, kwtypes(b=str)], ctx)
    assert list(narrow.columns) == ["b"]
    dataset = registry.to_python(literal, Annotated[StructuredDataset, kwtypes(a=int)], ctx)
    assert list(dataset.open(pd.DataFrame).all().columns) == ["a"]


def test_a_table_handed_on_stays_where_it_is(ctx: ValueContext) -> None:
    literal = registry.to_literal(StructuredDataset(FRAME), StructuredDataset, ctx)
    assert registry.to_literal(registry.to_python(literal, StructuredDataset, ctx), StructuredDataset, ctx) == literal


def test_a_table_may_be_stored_where_the_author_says(ctx: ValueContext) -> None:
    place = storage.join(ctx.raw_prefix, "mine")
    literal = registry.to_literal(StructuredDataset(FRAME, uri=place), StructuredDataset, ctx)
    assert isinstance(literal.value, DatasetLiteral)
    assert literal.value.uri == place
    assert registry.to_python(literal, pd.DataFrame, ctx).equals(FRAME)


def test_a_table_in_a_local_file_is_stored(ctx: ValueContext, tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "t.parquet")
    literal = registry.to_literal(StructuredDataset(uri=str(tmp_path / "t.parquet")), StructuredDataset, ctx)
    assert isinstance(literal.value, DatasetLiteral)
    assert literal.value.uri.startswith(ctx.raw_prefix)
    assert registry.to_python(literal, pd.DataFrame, ctx).equals(FRAME)


def test_the_older_table_type_is_read(ctx: ValueContext) -> None:
    literal = registry.to_literal(FRAME, pd.DataFrame, ctx)
    assert isinstance(literal.value, DatasetLiteral)
    older = LiteralValue(SchemaValue(literal.value.uri, SchemaType()))
    assert registry.to_python(older, pd.DataFrame, ctx).equals(FRAME)


@pytest.mark.parametrize(
    ("value", "hint", "text"),
    [
        (FRAME, StructuredDataset, "wrap the frame: StructuredDataset(frame)"),
        (StructuredDataset(), StructuredDataset, "neither a frame nor a uri"),
        (StructuredDataset([1]), StructuredDataset, "a pandas, pyarrow or polars frame"),
        (StructuredDataset(uri="/no/such"), StructuredDataset, "no such file or folder"),
        ([1], pd.DataFrame, "expected `DataFrame`"),
    ],
)
def test_other_tables_are_refused(ctx: ValueContext, value: Any, hint: Any, text: str) -> None:
    with pytest.raises(TypeFault) as caught:
        registry.to_literal(value, hint, ctx)
    assert text in str(caught.value)


def test_other_formats_are_refused(ctx: ValueContext) -> None:
    literal = LiteralValue(DatasetLiteral("s3://b/t", StructuredDatasetType(format="csv")))
    with pytest.raises(TypeFault, match="only parquet"):
        registry.to_python(literal, pd.DataFrame, ctx)
