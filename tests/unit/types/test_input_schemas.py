"""Documents by JSON schema: what fits takes its own form, and every fault is told at its place."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytelike.model.literals import Binary, Literal
from flytelike.model.types import LiteralType, SimpleKind, SimpleType, json_text
from flytelike.types.inputs import Outcome, json_from_literal, literal_from_json
from flytelike.types.inputs.door import LEVELS_MAX, VALUES_MAX
from flytelike.types.inputs.faults import FAULTS_MAX
from flytelike.types.inputs.literals import literal_field

Schema = dict[str, Any]


def document(schema: Schema) -> LiteralType:
    """Return the type of documents with a schema."""
    return LiteralType(SimpleType(SimpleKind.STRUCT), metadata=json_text(schema))


def holding(schema: Any, **rest: Any) -> LiteralType:
    """Return the type of documents `{"x": ...}` whose x has a schema."""
    return document({"type": "object", "properties": {"x": schema}, **rest})


def faults(outcome: Outcome) -> list[str]:
    assert isinstance(outcome, list), outcome
    assert {found.code for found in outcome} == {"wrong-input-value"}
    return [found.headline for found in outcome]


def read(value: Any, schema: Any, **rest: Any) -> Any:
    """Return what x becomes in a document."""
    outcome = literal_from_json({"x": value}, holding(schema, **rest))
    assert isinstance(outcome, Literal), outcome
    assert isinstance(outcome.value, Binary)
    return msgpack.unpackb(outcome.value.value, strict_map_key=False)["x"]


LAYER = {
    "type": "object",
    "title": "Layer",
    "properties": {"units": {"type": "integer", "minimum": 1}, "kind": {"enum": ["dense", "conv"], "default": "dense"}},
    "required": ["units"],
    "additionalProperties": False,
}
CONFIG = {"type": "object", "properties": {"layers": {"type": "array", "items": LAYER, "minItems": 1}}}


def test_a_fault_is_told_with_its_path_what_was_expected_and_what_was_found() -> None:
    value = {"layers": [{"units": 1}, {"units": 2}, {"units": "many"}]}
    outcome = literal_from_json(value, document(CONFIG), "$.config")
    assert faults(outcome) == ['$.config.layers[2].units: expected int ≥ 1, got "many"']


def test_all_faults_are_told_in_the_order_of_the_data() -> None:
    value = {"layers": [{"kind": "deep", "units": 0}, {"size": 3, "kind": "conv"}, 7, {"units": None}]}
    assert faults(literal_from_json(value, document(CONFIG))) == [
        "$.layers[0].kind: expected one of 'dense', 'conv', got \"deep\"",
        "$.layers[0].units: expected int ≥ 1, got 0",
        "$.layers[1]: the field `units` is missing",
        "$.layers[1].size: there is no such field; the fields are kind, units",
        "$.layers[2]: expected Layer, got 7",
        "$.layers[3].units: expected int ≥ 1, got null",
    ]


# --- the keywords ---------------------------------------------------------------------------

INT, TEXT, TRUTH, NUMBER, NULL = ({"type": t} for t in ("integer", "string", "boolean", "number", "null"))
UNIQUE = {"type": "array", "uniqueItems": True}
KEYS = {"patternProperties": {"^a": INT}}
CAT, DOG = (
    {"type": "object", "title": name, "properties": {"kind": {"const": name}, "age": INT}, "required": ["kind"]}
    for name in ("cat", "dog")
)


@pytest.mark.parametrize(
    ("schema", "value", "fault"),
    [
        (INT, True, "expected int, got true"),
        (INT, 1.0, "expected int, got 1.0"),
        (INT, 2**64, "expected int, got 18446744073709551616"),
        (TRUTH, 1, "expected bool, got 1"),
        (TEXT, 5, "expected str, got 5"),
        (TEXT, b"x", "expected str, got \"b'x'\""),
        (TEXT, "\ud800", 'expected str, got "\\ud800"'),
        (NUMBER, "1.5", 'expected float, got "1.5"'),
        (NULL, 0, "expected None, got 0"),
        ({**INT, "minimum": 1}, 0, "expected int ≥ 1, got 0"),
        ({**INT, "minimum": 1, "maximum": 9}, 10, "expected int ≥ 1 and ≤ 9, got 10"),
        ({**NUMBER, "exclusiveMinimum": 0}, 0, "expected float > 0, got 0"),
        ({**NUMBER, "exclusiveMaximum": 0.5}, 0.5, "expected float < 0.5, got 0.5"),
        ({**NUMBER, "minimum": 0, "exclusiveMinimum": True}, 0, "expected float > 0, got 0"),
        ({**NUMBER, "minimum": 0}, float("nan"), "expected float ≥ 0, got NaN"),
        ({**INT, "multipleOf": 5}, 7, "expected int that is a multiple of 5, got 7"),
        ({**INT, "minimum": 1, "multipleOf": 5}, 7, "expected int ≥ 1 that is a multiple of 5, got 7"),
        ({**INT, "minimum": 1, "exclusiveMinimum": 0}, 0, "expected int ≥ 1, got 0"),
        ({**INT, "maximum": 1, "exclusiveMaximum": 1}, 1, "expected int < 1, got 1"),
        ({**TEXT, "minLength": 1}, "", 'expected str of at least 1 character, got ""'),
        ({**TEXT, "maxLength": 2}, "abc", 'expected str of at most 2 characters, got "abc"'),
        ({**TEXT, "minLength": 2, "maxLength": 4}, "a", 'expected str of 2 to 4 characters, got "a"'),
        ({**TEXT, "minLength": 3, "maxLength": 3}, "a", 'expected str of 3 characters, got "a"'),
        ({**TEXT, "pattern": "^a{2}$"}, "a", 'expected str matching `^a{2}$`, got "a"'),
        ({"type": "array"}, "a", 'expected list, got "a"'),
        ({"type": "array", "items": INT, "minItems": 1}, [], "expected list[int] of at least 1 item, got []"),
        ({"type": "array", "maxItems": 1}, [1, 2], "expected list of at most 1 item, got [1, 2]"),
        ({**UNIQUE}, [1, 1.0], "expected list of distinct items, got [1, 1.0]"),
        ({**UNIQUE, "maxItems": 1}, [1, 2], "expected list of at most 1 distinct item, got [1, 2]"),
        ({"type": "array", "prefixItems": [INT, TEXT]}, [1], "expected tuple[int, str], got [1]"),
        ({"type": "array", "prefixItems": [INT, TEXT]}, [1, 2], "[1]: expected str, got 2"),
        ({"type": "object"}, [], "expected dict, got []"),
        ({"type": "object", "additionalProperties": INT}, 1, "expected dict[str, int], got 1"),
        ({"type": "object", "minProperties": 1}, {}, "expected dict of at least 1 entry, got {}"),
        ({"properties": {"a": INT}, "maxProperties": 0}, {"a": 1}, 'expected dict of at most 0 entries, got {"a": 1}'),
        ({"type": "object", "additionalProperties": INT}, {"b c": ""}, "['b c']: expected int, got \"\""),
        ({"type": "object", "propertyNames": INT}, {"a": 1}, ".a: expected int as the key, got 'a'"),
        ({"type": "object", **KEYS}, {"b": 1}, ".b: expected str matching `^a` as the key, got 'b'"),
        ({"enum": [1, "a"]}, True, "expected one of 1, 'a', got true"),
        ({"const": "a"}, "b", "expected one of 'a', got \"b\""),
        ({"anyOf": [INT, NULL]}, "a", 'expected int | None, got "a"'),
        ({"type": ["integer", "null"]}, "a", 'expected int | None, got "a"'),
        ({"oneOf": [{"anyOf": [INT, TEXT]}, NULL]}, [], "expected str | int | None, got []"),
        ({"anyOf": [{"type": "array", "items": INT}, NULL]}, [1, "a"], '[1]: expected int, got "a"'),
        ({"anyOf": [CAT, DOG]}, {"kind": "dog", "age": "old"}, '.age: expected int, got "old"'),
        ({"anyOf": [CAT, NULL]}, {"kind": "dog"}, ".kind: expected one of 'cat', got \"dog\""),
        ({"anyOf": [CAT, DOG]}, {"age": 1}, 'expected cat | dog, got {"age": 1}'),
        ({"anyOf": [CAT, DOG]}, {"kind": "cow"}, ".kind: expected one of 'cat', 'dog', got \"cow\""),
        ({"allOf": [{**INT, "minimum": 1}, {"maximum": 3}]}, 4, "expected int ≥ 1 and ≤ 3, got 4"),
        ({**TEXT, "format": "date-time"}, "soon", 'expected a date or time such as 2024-05-01T12:00:00Z, got "soon"'),
        ({**TEXT, "format": "date"}, 5, "expected a date such as 2024-05-01, got 5"),
        ({**TEXT, "format": "time"}, "noon", 'expected a time such as 12:00:00, got "noon"'),
        ({**TEXT, "format": "duration"}, "long", 'expected a duration such as 1h30m, got "long"'),
        ({**NUMBER, "format": "time-delta"}, "long", 'expected a duration such as 1h30m, got "long"'),
        ({**TEXT, "format": "uuid"}, "1", 'expected a UUID, got "1"'),
        ({**TEXT, "format": "ipv4"}, "::1", 'expected an IPv4 address, got "::1"'),
        ({"type": "object", "title": "FlyteFile"}, 5, "expected a file's path or uri, got 5"),
        ({"type": "object", "title": "FlyteDirectory"}, "", 'expected a folder\'s path or uri, got ""'),
        (False, 1, "there is no such field; the fields are none"),
        ({}, {"a": [2**70]}, ".a[0]: expected what a document can hold, got 1180591620717411303424"),
    ],
)  # fmt: skip
def test_what_does_not_fit(schema: Any, value: Any, fault: str) -> None:
    colon = "" if re.match(r"[.\[]", fault) else ": "
    assert faults(literal_from_json({"x": value}, holding(schema))) == [f"$.x{colon}{fault}"]


@pytest.mark.parametrize(
    ("schema", "value", "becomes"),
    [
        (NUMBER, 1, 1.0),
        ({**NUMBER, "format": "integer"}, 1, 1),
        ({**NUMBER, "multipleOf": 0.1}, 0.3, 0.3),
        ({"anyOf": [NUMBER, INT]}, 1, 1),
        ({"anyOf": [{**TEXT, "format": "date-time"}, TEXT]}, "2024-05-01", "2024-05-01"),
        ({**TEXT, "format": "date-time"}, "2024-05-01T12:00:00Z", "2024-05-01T12:00:00+00:00"),
        ({**TEXT, "format": "date-time"}, "2024-05-01T12:00+02:00", "2024-05-01T12:00:00+02:00"),
        ({**TEXT, "format": "date"}, date(2024, 5, 1), "2024-05-01"),
        ({**TEXT, "format": "time"}, "12:30Z", "12:30Z"),
        ({**TEXT, "format": "duration"}, "90m", "PT1H30M"),
        ({**TEXT, "format": "duration"}, "-P1Y35DT0.5S", "-P1Y35DT0.5S"),
        ({**NUMBER, "format": "time-delta"}, "1h30m", 5400.0),
        ({**TEXT, "format": "uuid"}, "A" * 32, "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"),
        ({**TEXT, "format": "ipv6"}, "::0001", "::1"),
        ({**TEXT, "format": "of-tomorrow"}, "x", "x"),
        ({**UNIQUE}, [1, True, "1", [1], {1: 1}, {"1": 1}], [1, True, "1", [1], {1: 1}, {"1": 1}]),
        ({**TEXT, "pattern": r"^\p{L}+$"}, "é", "é"),
        ({"type": "object", "propertyNames": INT}, {"1": "a", 2: "b"}, {1: "a", 2: "b"}),
        ({"type": "object", "propertyNames": NUMBER}, {"1.5": 1}, {1.5: 1}),
        ({"type": "object", "propertyNames": TRUTH}, {"True": 1}, {True: 1}),
        ({"type": "object", "propertyNames": {"enum": [1, 2]}}, {"2": 1}, {2: 1}),
        ({"type": "object", "propertyNames": TEXT}, {1: 1}, {"1": 1}),
        ({"type": "object", "title": "FlyteFile"}, "s3://b/x", {"path": "s3://b/x"}),
        ({"type": "object", "title": "FlyteFile"}, {"path": "s3://b/x", "m": None}, {"path": "s3://b/x", "m": None}),
        ({"type": "object", "title": "StructuredDataset"}, "s3://b/x", {"uri": "s3://b/x", "file_format": "parquet"}),
        (True, {"at": date(2024, 1, 1), 1: None}, {"at": "2024-01-01", 1: None}),
    ],
)  # fmt: skip
def test_what_fits_takes_the_form_of_documents(schema: Any, value: Any, becomes: object) -> None:
    found = read(value, schema)
    assert (found, repr(found)) == (becomes, repr(becomes))


@pytest.mark.parametrize(
    ("schema", "default", "becomes"),
    [
        (NUMBER, 1, 1.0),
        ({"type": "array", "items": NUMBER}, [1, 2.5], [1.0, 2.5]),
        ({**TEXT, "format": "date-time"}, "2024-05-01T12:00:00", "2024-05-01T12:00:00+00:00"),
        (TEXT, None, None),
        ({"anyOf": [{"type": "object", "title": "FlyteFile"}, TEXT]}, "none", "none"),
        ({"$ref": "#/$defs/n"}, 1, 1.0),
    ],
)
def test_what_is_missing_takes_its_default_in_the_form_of_documents(schema: Any, default: Any, becomes: object) -> None:
    kind = holding({**schema, "default": default}, **{"$defs": {"n": NUMBER}})
    found = literal_from_json({}, kind)
    assert isinstance(found, Literal)
    assert repr(json_from_literal(found)) == repr({"x": becomes})


def test_references_lead_to_definitions_and_to_the_type_itself() -> None:
    itself = {"$ref": "#/$defs/a~1b%20c"}
    node = {"type": "object", "title": "Node", "properties": {"next": {"anyOf": [itself, NULL]}, "v": INT}}
    kind = document({**itself, "$defs": {"a/b c": node}})
    assert not isinstance(literal_from_json({"v": 1, "next": {"v": 2, "next": None}}, kind), list)
    assert faults(literal_from_json({"v": 1, "next": {"v": 2, "next": {"v": "x"}}}, kind)) == [
        '$.next.next.v: expected int, got "x"'
    ]
    assert faults(literal_from_json({"v": 1, "next": 5}, kind)) == ["$.next: expected Node | None, got 5"]
    assert faults(
        literal_from_json({"x": 5}, holding({"$ref": "#/$defs/i", "maximum": 3}, **{"$defs": {"i": INT}}))
    ) == ["$.x: expected int ≤ 3, got 5"]


@pytest.mark.parametrize("name", ["a.b", "Meta", "_schema", "load", "fields", "p0", "", "é", "1"])
def test_a_property_may_have_any_name(name: str) -> None:
    kind = document({"type": "object", "properties": {name: {"type": "object", "properties": {"x": INT}}}})
    found = literal_from_json({name: {"x": 1}}, kind)
    assert isinstance(found, Literal)
    assert json_from_literal(found) == {name: {"x": 1}}
    assert faults(literal_from_json({name: {"x": "y"}}, kind)) == [
        f'{text_of(("$", name, "x"))}: expected int, got "y"'
    ]


# --- any schema and any value ---------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    schema: Schema
    value: Any


def bounded(value: Any, schema: Schema, low: str, high: str, size: float) -> Case:
    return Case({**schema, low: size, high: size}, value)


NAMES = st.sampled_from(["a", "b_c", "d-e", "f.g", "Meta", "_schema", "h i", "ü", "0"])
WHOLE = st.integers(-(2**63), 2**63 - 1)
LEAVES = st.one_of(
    WHOLE.map(lambda value: bounded(value, INT, "minimum", "maximum", value)),
    st.integers(-1000, 1000).map(lambda n: Case({**INT, "multipleOf": 7}, 7 * n)),
    st.floats(allow_nan=False).map(lambda value: Case(NUMBER, value)),
    st.floats(0, 1, exclude_min=True, exclude_max=True).map(
        lambda value: Case({**NUMBER, "exclusiveMinimum": 0, "exclusiveMaximum": 1}, value)
    ),
    st.text().map(lambda value: bounded(value, TEXT, "minLength", "maxLength", len(value))),
    st.from_regex(r"\A[a-z]{2,5}\Z").map(lambda value: Case({**TEXT, "pattern": "^[a-z]+$"}, value)),
    st.booleans().map(lambda value: Case(TRUTH, value)),
    st.just(Case(NULL, None)),
    st.sampled_from(["x", 3, False]).map(lambda value: Case({"enum": ["x", 3, False]}, value)),
    st.datetimes(timezones=st.just(UTC)).map(lambda value: Case({**TEXT, "format": "date-time"}, value.isoformat())),
    st.dates().map(lambda value: Case({**TEXT, "format": "date"}, value.isoformat())),
    st.integers(-(10**9), 10**9).map(lambda value: Case({**NUMBER, "format": "time-delta"}, value / 4)),
    st.uuids().map(lambda value: Case({**TEXT, "format": "uuid"}, str(value))),
)


@st.composite
def lists(draw: st.DrawFn, inner: st.SearchStrategy[Case]) -> Case:
    items = draw(st.lists(inner, max_size=4))
    if draw(st.booleans()):
        return Case({"type": "array", "prefixItems": [item.schema for item in items]}, [item.value for item in items])
    same = items[:1] * draw(st.integers(0, 3))
    schema = {"type": "array", "items": items[0].schema if items else {}, "maxItems": 3}
    return Case(schema, [item.value for item in same])


@st.composite
def objects(draw: st.DrawFn, inner: st.SearchStrategy[Case]) -> Case:
    items = draw(st.dictionaries(NAMES, inner, max_size=4))
    value = {name: item.value for name, item in items.items()}
    if items and draw(st.booleans()):
        one = next(iter(items.values()))
        return Case(
            {"type": "object", "additionalProperties": one.schema, "propertyNames": TEXT},
            dict.fromkeys(items, one.value),
        )
    schemas = {name: item.schema for name, item in draw(st.permutations(list(items.items())))}
    return Case(
        {"type": "object", "properties": schemas, "required": list(items), "additionalProperties": False}, value
    )


def optional(inner: st.SearchStrategy[Case]) -> st.SearchStrategy[Case]:
    return st.builds(
        lambda case, first: Case({"anyOf": [NULL, case.schema] if first else [case.schema, NULL]}, case.value),
        inner,
        st.booleans(),
    )


DOCUMENTS = st.recursive(LEAVES, lambda inner: lists(inner) | objects(inner) | optional(inner), max_leaves=12).map(
    lambda case: Case({"type": "object", "properties": {"x": case.schema}}, {"x": case.value})
)


@given(DOCUMENTS)
def test_a_value_of_the_schema_is_its_own_document(case: Case) -> None:
    found = literal_from_json(json.loads(json.dumps(case.value)), document(case.schema))
    assert isinstance(found, Literal), found
    assert isinstance(found.value, Binary)
    assert found.value.value == msgpack.packb(case.value)


@given(DOCUMENTS, st.data())
def test_a_value_broken_at_some_places_has_faults_at_just_these(case: Case, data: st.DataObject) -> None:
    places = list(leaves(case.value))
    broken = data.draw(st.lists(st.sampled_from(places), unique=True, min_size=1)) if places else []
    outcome = literal_from_json(spoiled(case.value, broken), document(case.schema))
    told = [text.split(": expected ")[0] for text in faults(outcome)] if broken else []
    assert told == [text_of(place) for place in places if place in broken]


Place = tuple[str | int, ...]


def leaves(value: Any, place: Place = ("$",)) -> Iterator[Place]:
    """Yield the places of what is no list and no object, in order."""
    match value:
        case dict():
            for name, item in value.items():
                yield from leaves(item, (*place, name))
        case list():
            for i, item in enumerate(value):
                yield from leaves(item, (*place, i))
        case _:
            yield place


def spoiled(value: Any, places: Sequence[Place], place: Place = ("$",)) -> Any:
    """Return the value with a list of a list, which no simple type takes, at the places."""
    match value:
        case _ if place in places:
            return [["broken"]]
        case dict():
            return {name: spoiled(item, places, (*place, name)) for name, item in value.items()}
        case list():
            return [spoiled(item, places, (*place, i)) for i, item in enumerate(value)]
        case _:
            return value


def text_of(place: Place) -> str:
    """Return a place as faults write it."""
    steps = [
        f"[{s}]" if isinstance(s, int) else f".{s}" if re.fullmatch(r"[\w-]+", s) else f"[{s!r}]" for s in place[1:]
    ]
    return "".join(["$", *steps])


# --- bounds ---------------------------------------------------------------------------------


def nested(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels - 1):
        value = {"x": value}
    return value


def references(*names: str) -> Schema:
    """Return the schema of an object whose x is one of some definitions."""
    return {"type": "object", "properties": {"x": {"anyOf": [{"$ref": f"#/$defs/{name}"} for name in names]}, "y": INT}}


RECURSIVE = {**references("N"), "$defs": {"N": references("N")}}
TWINS = {**references("A", "B"), "$defs": {name: {**references("A", "B"), "title": name} for name in "AB"}}


@pytest.mark.parametrize("schema", [{}, RECURSIVE, TWINS])
def test_what_is_deep_is_read_to_a_bound(schema: Schema) -> None:
    assert not isinstance(literal_from_json(nested(LEVELS_MAX), document(schema)), list)
    for levels in (LEVELS_MAX + 1, 100_000):
        text = f"$: lists and objects are more than {LEVELS_MAX} levels inside of each other"
        assert faults(literal_from_json(nested(levels), document(schema))) == [text]


def test_a_fault_deep_in_an_ambiguous_type_is_found_in_time() -> None:
    """Trying both options of each level anew would take 2**31 attempts."""
    value = nested(LEVELS_MAX)
    inmost = value
    while inmost:
        inmost = inmost["x"]
    inmost["y"] = "wrong"
    assert faults(literal_from_json(value, document(TWINS)))[0].startswith("$.x: expected A | B, got {")


def circle() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


def laughs() -> Any:
    """Return little memory with 2**25 values, as YAML's aliases can make."""
    value: list[Any] = ["ha"]
    for _ in range(25):
        value = [value, value]
    return value


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (circle(), f"lists and objects are more than {LEVELS_MAX} levels inside of each other"),
        (laughs(), f"there are more than {VALUES_MAX:,} values; a file or table can hold them"),
        ({2**5000: 1}, "there is a number of more than 1024 bits"),
        (["x" * 2**20] * 65, "there are more than 67,108,864 characters; a file can hold them"),
    ],
    ids=["in circles", "too many values", "too large", "too long"],
)
def test_what_is_too_much_is_not_read(value: Any, fault: str) -> None:
    assert faults(literal_from_json(value, document({}), "$.x")) == [f"$.x: {fault}"]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}},
        {"$ref": "#/$defs/A", "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}, NULL]}}},
        {"$ref": "#/$defs/A", "$defs": {"A": {"allOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/A"}]}}},
    ],
)
def test_a_type_that_is_only_itself_is_told(schema: Schema) -> None:
    told = "$: the input's type has too many levels, or leads back to itself without an end"
    assert faults(literal_from_json({"x": 1}, document(schema))) == [told]


def test_the_first_faults_are_told_and_the_others_counted() -> None:
    outcome = faults(literal_from_json({"x": ["no"] * 1000}, holding({"type": "array", "items": INT})))
    assert len(outcome) == FAULTS_MAX + 1
    assert outcome[-1] == f"$: {1000 - FAULTS_MAX} more values do not fit"


KEYWORDS = st.sampled_from(
    "type properties items prefixItems required additionalProperties propertyNames patternProperties anyOf oneOf allOf "
    "enum const format minimum exclusiveMaximum multipleOf minLength maxItems uniqueItems pattern default title "
    "$ref".split()
)
TERMS = st.sampled_from(
    "integer number string boolean null array object date-time date uuid duration FlyteFile a # #/properties/a "
    "^a (".split()
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | TERMS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYWORDS, inner, max_size=4)
        | st.dictionaries(TERMS, inner, max_size=3)
    ),
    max_leaves=20,
)
YAML = st.recursive(
    ANYTHING | st.dates() | st.datetimes() | st.binary() | st.text() | st.sets(st.integers()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TERMS | st.integers() | st.floats() | st.dates() | st.tuples(st.none()), inner, max_size=3)
    ),
)


@given(st.dictionaries(KEYWORDS, ANYTHING, max_size=5), YAML)
def test_whatever_a_schema_says_there_is_a_value_or_faults(schema: Schema, value: Any) -> None:
    """Schemas come with registered types, from whoever registered them."""
    outcome = literal_from_json({"a": value}, holding({}, **schema))
    assert isinstance(outcome, Literal) or faults(outcome)


# --- cost -----------------------------------------------------------------------------------


def test_fields_are_built_once_for_each_type() -> None:
    assert literal_field(document(CONFIG)) is literal_field(document(dict(reversed(CONFIG.items()))))


def test_plain_flags_and_help_do_not_load_marshmallow() -> None:
    script = """
import sys
import flytelike, flytelike.cli.main
from flytelike.model.types import BOOLEAN, FLOAT, INTEGER, STRING, CollectionType, LiteralType
from flytelike.types.inputs import parse_text
for text, kind in ("5", INTEGER), ("1e3", FLOAT), ("true", BOOLEAN), ("x", STRING):
    assert not isinstance(parse_text(text, kind), list)
assert "marshmallow" not in sys.modules
parse_text("[1]", LiteralType(CollectionType(INTEGER)))
assert "marshmallow" in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
