"""The pure parts: filters, inputs, differences, names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytelike.controlplane.differences import difference
from flytelike.controlplane.errors import Faults, Refusal
from flytelike.controlplane.inputs import complete_inputs, mismatch
from flytelike.controlplane.listing import Filter, ListRequest, Operator, next_token, parse_filters, parse_query
from flytelike.controlplane.naming import (
    EXECUTION_NAME,
    child_execution_name,
    generated_execution_name,
    is_path_segment,
)
from flytelike.controlplane.single_task import single_node_id
from flytelike.model.ids import NodeExecutionId, NodePath
from flytelike.model.interface import Parameter, Variable
from flytelike.model.literals import VOID, Collection, Literal, Map
from flytelike.model.types import (
    FLOAT,
    INTEGER,
    NONE,
    STRING,
    CollectionType,
    LiteralType,
    MapType,
    UnionType,
)
from flytelike_idl.admin import common_pb2
from flytelike_idl.core import tasks_pb2
from tests.unit.controlplane.builders import execution_id, number, text

OPTIONAL_INTEGER = LiteralType(UnionType((INTEGER, NONE)))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", ()),
        ("eq(name,a)", (Filter(Operator.EQ, "name", ("a",)),)),
        (
            "eq(task.name,a)+ne(version, b )",
            (Filter(Operator.EQ, "task.name", ("a",)), Filter(Operator.NE, "version", ("b",))),
        ),
        ("value_in(phase,RUNNING;FAILED)", (Filter(Operator.VALUE_IN, "phase", ("RUNNING", "FAILED")),)),
        ("eq(name,a+b)", (Filter(Operator.EQ, "name", ("a+b",)),)),
        ("eq(name,f(x)+1)", (Filter(Operator.EQ, "name", ("f(x)+1",)),)),
        ("contains(name,a,b)", (Filter(Operator.CONTAINS, "name", ("a,b",)),)),
    ],
)
def test_filters_are_read(written: str, expected: tuple[Filter, ...]) -> None:
    assert parse_filters(written, Faults()) == expected


@given(st.text())
def test_no_filter_makes_it_fall_over(written: str) -> None:
    faults = Faults()
    assert parse_filters(written, faults) or faults or not written.strip()


def test_limits_and_tokens() -> None:
    sort = common_pb2.Sort(key="task.created_at", direction=common_pb2.Sort.ASCENDING)
    query = parse_query(ListRequest(0, "", "", sort), 10)
    assert (query.limit, query.offset, query.sort_key, query.ascending) == (10, 0, "task.created_at", True)
    assert (next_token(query, 10), next_token(query, 9)) == ("10", "")


@pytest.mark.parametrize("token", ["a", "-1", "1.5", "९", "1" * 30])
def test_tokens_are_checked(token: str) -> None:
    with pytest.raises(Refusal, match="invalid-token"):
        parse_query(ListRequest(1, token, "", common_pb2.Sort()), 10)


def items(*values: Literal) -> Literal:
    return Literal(Collection(values))


@pytest.mark.parametrize(
    ("literal", "kind", "why"),
    [
        (number(1), INTEGER, None),
        (number(1), FLOAT, "expected float, got int 1"),
        (number(1), OPTIONAL_INTEGER, None),
        (VOID, OPTIONAL_INTEGER, None),
        (text("a"), OPTIONAL_INTEGER, "expected int | None, got str 'a'"),
        (
            items(number(1), text("a")),
            LiteralType(CollectionType(INTEGER)),
            "expected int at [1], got str 'a'",
        ),
        (
            Literal(Map({"k": items(text("a"))})),
            LiteralType(MapType(LiteralType(CollectionType(INTEGER)))),
            "expected int at ['k'][0], got str 'a'",
        ),
    ],
)
def test_a_mismatch_says_where_it_is(literal: Literal, kind: LiteralType, why: str | None) -> None:
    assert mismatch(literal, kind) == why


def test_what_may_be_none_is_none_when_left_out() -> None:
    faults = Faults()
    parameters = {"a": Parameter(Variable(OPTIONAL_INTEGER)), "b": Parameter(Variable(STRING))}
    assert complete_inputs({"b": text("x")}, parameters, {}, faults) == {"a": VOID, "b": text("x")}
    assert not faults


def test_all_faults_of_inputs_are_told() -> None:
    faults = Faults()
    parameters = {"a": Parameter(Variable(INTEGER)), "b": Parameter(Variable(INTEGER))}
    complete_inputs({"b": text("x"), "c": number(1), "d": number(1)}, parameters, {"d": number(2)}, faults)
    codes = [diagnostic.code for diagnostic in faults.found]
    assert codes == ["wrong-input-type", "unknown-input", "fixed-input", "missing-input"]


def test_names_of_children_are_the_same_each_time_and_differ() -> None:
    node = NodeExecutionId(execution_id(), NodePath("n0"))
    names = {child_execution_name(node, attempt) for attempt in (0, 1, 0)}
    other = NodeExecutionId(execution_id(), NodePath("n00"))
    names |= {child_execution_name(other, 0), generated_execution_name()}
    assert len(names) == 4
    assert all(EXECUTION_NAME.match(name) and len(name) == 20 for name in names)


@pytest.mark.parametrize(
    ("name", "node"), [("a.b.double", "abdouble"), ("größe", "gre"), ("...", "task"), ("x" * 80, "x" * 63)]
)
def test_the_node_of_a_single_task(name: str, node: str) -> None:
    assert single_node_id(name) == node


@given(st.text())
def test_a_path_segment_stays_where_it_is(name: str) -> None:
    if is_path_segment(name):
        assert "/" not in name
        assert name not in {"", ".", ".."}


def test_differences_name_what_changed() -> None:
    old = tasks_pb2.TaskTemplate(type="a", container=tasks_pb2.Container(image="x", args=["1"]), config={"k": "1"})
    new = tasks_pb2.TaskTemplate(type="b", container=tasks_pb2.Container(image="x", args=["2"]), config={"l": "2"})
    new.metadata.retries.retries = 3
    assert difference(old, new) == (
        "type: 'a' -> 'b'",
        "metadata: added retries { retries: 3 }",
        "container.args: ['1'] -> ['2']",
        "config[k]: removed '1'",
        "config[l]: added '2'",
    )


def test_long_differences_are_cut() -> None:
    old = tasks_pb2.TaskTemplate()
    new = tasks_pb2.TaskTemplate(config={f"k{index}": "v" * 500 for index in range(100)})
    lines = difference(old, new)
    assert len(lines) == 21
    assert all(len(line) < 100 for line in lines)
