"""Flyte's casting table: which values may flow into which inputs, row by row, and the laws it keeps."""

from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytelike.compiler import castable
from flytelike.model.types import (
    BINARY,
    BOOLEAN,
    DATETIME,
    DURATION,
    ERROR,
    FLOAT,
    INTEGER,
    NONE,
    STRING,
    STRUCT,
    BlobType,
    CollectionType,
    ColumnKind,
    EnumType,
    LiteralType,
    MapType,
    SchemaType,
    StructuredDatasetType,
    TypeStructure,
    UnionType,
    json_text,
)
from tests import strategies as some

SIMPLE = (NONE, INTEGER, FLOAT, STRING, BOOLEAN, DATETIME, DURATION, BINARY, ERROR, STRUCT)


def of_list(element: LiteralType) -> LiteralType:
    return LiteralType(CollectionType(element))


def of_map(value: LiteralType) -> LiteralType:
    return LiteralType(MapType(value))


def enum(*values: str) -> LiteralType:
    return LiteralType(EnumType(values))


def file(form: str = "") -> LiteralType:
    return LiteralType(BlobType(form))


def folder(form: str = "") -> LiteralType:
    return LiteralType(BlobType(form, multipart=True))


def table(form: str = "", **columns: LiteralType) -> LiteralType:
    return LiteralType(StructuredDatasetType(tuple(columns.items()), form))


def schema(**columns: ColumnKind) -> LiteralType:
    return LiteralType(SchemaType(tuple(columns.items())))


def union(*variants: LiteralType) -> LiteralType:
    return LiteralType(UnionType(variants))


def tagged(kind: LiteralType, tag: str) -> LiteralType:
    return replace(kind, structure=TypeStructure(tag))


def struct(**properties: str) -> LiteralType:
    return replace(
        STRUCT,
        metadata=json_text(
            {
                "type": "object",
                "properties": {name: {"type": kind} for name, kind in properties.items()},
                "required": list(properties),
            }
        ),
    )


INT, INT_TAGGED, STR_TAGGED = ColumnKind.INTEGER, tagged(INTEGER, "int"), tagged(STRING, "str")

ROWS = [
    # simple types
    (INTEGER, FLOAT, False, "no int to float"),
    (FLOAT, INTEGER, False, "no float to int"),
    (INTEGER, STRING, False, "no int to text"),
    (NONE, INTEGER, False, "None only where None is taken"),
    (INTEGER, NONE, False, "only None where None is declared"),
    (replace(INTEGER, annotation=json_text({"a": 1})), INTEGER, True, "annotations say nothing about values"),
    (INT_TAGGED, INTEGER, False, "a variant's value needs its tag"),
    (INT_TAGGED, tagged(INTEGER, "int"), True, "equal tags"),
    (INT_TAGGED, tagged(INTEGER, "long"), False, "other tags"),
    (INTEGER, INT_TAGGED, True, "a plain value fits a tagged variant"),
    # texts and enums
    (enum("a", "b"), STRING, True, "an enum's value is text"),
    (STRING, enum("a", "b"), True, "text may be one of an enum"),
    (enum("a", "b"), enum("a", "b"), True, "equal enums"),
    (enum("a"), enum("a", "b"), False, "an enum with fewer values is another one"),
    (INTEGER, enum("a"), False, "an int is no enum"),
    # documents
    (STRUCT, STRUCT, True, "documents without schemas"),
    (STRUCT, struct(x="integer"), True, "the schema of the source is missing"),
    (struct(x="integer"), STRUCT, True, "the schema of the target is missing"),
    (struct(x="integer"), struct(x="integer"), True, "equal schemas"),
    (struct(x="integer", y="string"), struct(x="integer"), True, "the source has a field more"),
    (struct(x="integer"), struct(x="integer", y="string"), False, "the source lacks a field"),
    (struct(x="string"), struct(x="integer"), False, "a field of another type"),
    (struct(x="integer"), struct(x="number"), True, "an integer is a number in a schema"),
    (struct(x="number"), struct(x="integer"), False, "a number may be no integer"),
    # lists and maps
    (of_list(INTEGER), of_list(INTEGER), True, "equal items"),
    (of_list(INTEGER), of_list(FLOAT), False, "items that do not fit"),
    (of_list(NONE), of_list(INTEGER), True, "an empty list"),
    (INTEGER, of_list(INTEGER), False, "one item is no list"),
    (of_list(INTEGER), INTEGER, False, "a list is no item"),
    (of_map(STRING), of_map(STRING), True, "equal values"),
    (of_map(NONE), of_map(STRING), True, "an empty map"),
    (of_map(STRING), of_list(STRING), False, "a map is no list"),
    (of_map(STRING), STRUCT, False, "a map is no document"),
    (of_list(of_map(NONE)), of_list(of_map(INTEGER)), True, "empty inside"),
    # files and folders
    (file("csv"), file("csv"), True, "equal formats"),
    (file("csv"), file("CSV"), True, "formats differ in case only"),
    (file(), file("csv"), True, "the format of the source is not stated"),
    (file("csv"), file(), True, "any format is taken"),
    (file("csv"), file("png"), False, "another format"),
    (file("csv"), folder("csv"), True, "one file or a folder: not compared"),
    (STRING, file(), False, "a path is no file"),
    # tables
    (table(), table(), True, "tables"),
    (table("parquet"), table("csv"), False, "formats differ"),
    (table("Parquet"), table("parquet"), True, "formats differ in case only"),
    (table(a=INTEGER, b=STRING), table(a=INTEGER), True, "a column more"),
    (table(a=INTEGER), table(a=INTEGER, b=STRING), False, "a column is missing"),
    (table(a=STRING), table(a=INTEGER), False, "a column of another type"),
    (table(), table(a=INTEGER), True, "the columns of the source are not stated"),
    (NONE, table(), True, "None is taken for a table"),
    (NONE, schema(), False, "but not for a schema"),
    (INTEGER, table(), False, "an int is no table"),
    (schema(a=INT), table(a=INTEGER), True, "a schema for a table"),
    (schema(a=INT), table("csv", a=INTEGER), False, "a schema is parquet"),
    (table(a=INTEGER), schema(a=INT), True, "a table for a schema"),
    (table("csv"), schema(), False, "a schema is parquet"),
    (schema(a=INT), schema(a=INT), True, "equal schemas"),
    (schema(a=INT), schema(a=ColumnKind.STRING), False, "a column of another type"),
    # unions
    (INTEGER, union(INT_TAGGED, STR_TAGGED), True, "fits one variant"),
    (FLOAT, union(INT_TAGGED, STR_TAGGED), False, "fits no variant"),
    (INTEGER, union(INT_TAGGED, tagged(INTEGER, "long")), False, "fits two variants"),
    (union(INT_TAGGED), union(INT_TAGGED, STR_TAGGED), True, "fewer variants"),
    (union(INT_TAGGED, STR_TAGGED), union(INT_TAGGED), False, "more variants"),
    (union(INT_TAGGED, STR_TAGGED), union(STR_TAGGED, INT_TAGGED), True, "variants in another order"),
    (union(INTEGER), INTEGER, True, "a union of one is what it holds"),
    (union(INTEGER, NONE), INTEGER, False, "an optional value where one is needed"),
    (NONE, union(INT_TAGGED, tagged(NONE, "none")), True, "None for an optional value"),
]  # fmt: skip


@pytest.mark.parametrize(("up", "down", "fits"), [row[:3] for row in ROWS], ids=[row[3] for row in ROWS])
def test_row(up: LiteralType, down: LiteralType, fits: bool) -> None:
    assert castable(up, down) is fits


@pytest.mark.parametrize("down", SIMPLE, ids=lambda kind: kind.kind.simple.name)
def test_a_simple_type_takes_itself_alone_of_the_simple_types(down: LiteralType) -> None:
    assert [up for up in SIMPLE if castable(up, down)] == [down]


unambiguous = some.literal_types.filter(lambda kind: "UnionType" not in repr(kind))
"""A union may have two variants that one value fits: no value that is not of a union is taken then."""


@given(some.literal_types)
def test_a_type_takes_itself(kind: LiteralType) -> None:
    assert castable(kind, deepcopy(kind))  # a copy: the same object is not looked into


@given(unambiguous, some.leaf_types)
def test_what_fits_an_item_fits_in_lists_and_maps(up: LiteralType, down: LiteralType) -> None:
    fits = castable(up, down) or up.kind == NONE.kind
    assert castable(of_list(up), of_list(down)) == fits
    assert castable(of_map(up), of_map(down)) == fits


@given(st.lists(some.literal_types, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_a_union_takes_its_variants_in_any_order_and_any_part_of_them(
    variants: list[LiteralType], random: object
) -> None:
    shuffled = list(variants)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert castable(union(*shuffled), union(*variants))
    assert castable(union(*variants[:1]), union(*variants))


@given(unambiguous, unambiguous)
def test_a_union_of_one_is_what_it_holds(up: LiteralType, down: LiteralType) -> None:
    assert castable(union(up), down) or not castable(up, down)
    assert castable(up, union(down)) == castable(up, down)


@given(unambiguous.filter(lambda kind: not castable(NONE, kind)))
def test_an_optional_type_takes_none_and_its_values_but_gives_not_to_a_plain_one(kind: LiteralType) -> None:
    optional = union(kind, tagged(NONE, "none"))
    assert castable(NONE, optional)
    assert castable(kind, optional)
    assert not castable(optional, kind)
