"""How inputs are bound: constants, promises and paths into values, lists, maps, unions, what was left out."""

import msgpack
import pytest
from google.protobuf import json_format, struct_pb2

from flytelike.model.failure import Fault
from flytelike.model.graph import (
    Binding,
    BindingData,
    BoundCollection,
    BoundMap,
    BoundOffloaded,
    BoundPromise,
    BoundScalar,
    Promise,
)
from flytelike.model.ids import NodeId
from flytelike.model.interface import Variable
from flytelike.model.literals import Offloaded, Primitive, Void
from flytelike.model.types import (
    BOOLEAN,
    DATETIME,
    FLOAT,
    INTEGER,
    NONE,
    STRING,
    STRUCT,
    CollectionType,
    EnumType,
    LiteralType,
    MapType,
    UnionType,
)
from flytelike_idl.core import literals_pb2 as pb
from propeller.engine.binding import BindingFailed, NotLoaded, bind, needed
from tests.unit.propeller_engine.fakes import fill
from tests.unit.propeller_engine.world import plain

INTS = LiteralType(CollectionType(INTEGER))
MAYBE = LiteralType(UnionType((INTEGER, NONE)))
EITHER = LiteralType(UnionType((INTEGER, STRING)))


def promise(var: str, *path: str | int, node: str = "a", union: LiteralType | None = None) -> BoundPromise:
    return BoundPromise(Promise(NodeId(node), var, path), union)


def outputs(**values: object) -> pb.LiteralMap:
    message = pb.LiteralMap()
    for name, value in values.items():
        fill(value, message.literals[name])
    return message


def document(value: object, tag: str = "msgpack") -> pb.Literal:
    return pb.Literal(scalar=pb.Scalar(binary=pb.Binary(value=msgpack.packb(value), tag=tag)))


def json_document(value: dict[str, object]) -> pb.Literal:
    struct = json_format.ParseDict(value, struct_pb2.Struct())
    return pb.Literal(scalar=pb.Scalar(generic=struct))


def bound(data: BindingData, type_: LiteralType = INTEGER, **values: object) -> object:
    sources = {NodeId("a"): outputs(**values), NodeId(""): outputs(i=9)}
    return plain(bind([Binding("x", data)], {"x": Variable(type_)}, sources, {}).literals["x"])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (BoundScalar(Primitive(1)), 1),
        (BoundScalar(Primitive(True)), True),
        (BoundScalar(Primitive("s")), "s"),
        (BoundScalar(Void()), None),
        (promise("o"), 5),
        (promise("i", node=""), 9),
        (BoundCollection(()), []),
        (BoundCollection((BoundScalar(Primitive(1)), promise("o"))), [1, 5]),
        (BoundMap({"k": promise("o"), "l": BoundCollection((promise("o"),))}), {"k": 5, "l": [5]}),
    ],
)
def test_constants_promises_and_collections(data: BindingData, expected: object) -> None:
    assert bound(data, o=5) == expected


VALUE = {"name": "x", "rows": [{"n": 1}, {"n": 2}], "share": 1, "none": None, "ok": True}


@pytest.mark.parametrize("as_literal", [lambda value: value, document, json_document])
@pytest.mark.parametrize(
    ("path", "type_", "expected"),
    [
        (("name",), STRING, "x"),
        (("rows", 1, "n"), INTEGER, 2),
        (("ok",), BOOLEAN, True),
    ],
)
def test_a_path_leads_into_lists_maps_and_structures_alike(
    as_literal: object, path: tuple[str | int, ...], type_: LiteralType, expected: object
) -> None:
    found = bound(promise("o", *path), type_, o=as_literal(VALUE))  # type: ignore[operator]
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("path", "type_", "expected"),
    [
        (("share",), FLOAT, 1.0),
        (("rows",), LiteralType(CollectionType(LiteralType(MapType(INTEGER)))), [{"n": 1}, {"n": 2}]),
        (("name",), LiteralType(EnumType(("x", "y"))), "x"),
        (("none",), NONE, None),
    ],
)
def test_what_lies_in_a_structure_takes_the_receivers_type(
    path: tuple[str | int, ...], type_: LiteralType, expected: object
) -> None:
    found = bound(promise("o", *path), type_, o=document(VALUE))
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("path", "type_"), [(("rows", 0), STRUCT), (("name",), DATETIME), (("name",), MAYBE), (("share",), STRING)]
)
def test_what_the_receivers_type_does_not_say_stays_msgpack(path: tuple[str | int, ...], type_: LiteralType) -> None:
    sources = {NodeId("a"): outputs(o=document(VALUE))}
    literal = bind([Binding("x", promise("o", *path))], {"x": Variable(type_)}, sources, {}).literals["x"]
    value: object = VALUE
    for step in path:
        value = value[step]  # type: ignore[index]
    assert literal.scalar.binary.tag == "msgpack"
    assert msgpack.unpackb(literal.scalar.binary.value) == value


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (promise("gone"), "`x` cannot be bound: node `a` gave no `gone`"),
        (promise("gone", node=""), "`x` cannot be bound: the workflow's inputs gave no `gone`"),
        (promise("o", "nothing"), "`x` cannot be bound: `o` of node `a` has nothing at `.nothing`"),
        (promise("o", "rows", 7), "`x` cannot be bound: `o.rows` of node `a` has nothing at `[7]`"),
        (promise("o", "rows", -1), "`x` cannot be bound: `o.rows` of node `a` has nothing at `[-1]`"),
        (promise("o", 0), "`x` cannot be bound: `o` of node `a` has nothing at `[0]`"),
        (promise("n", "f"), "`x` cannot be bound: `n` of node `a` is a primitive, nothing lies inside"),
        (BoundCollection((promise("o", "name", "deeper"),)), "has nothing at `.deeper`"),
    ],
)
@pytest.mark.parametrize("as_literal", [lambda value: value, document])
def test_what_cannot_be_bound_is_the_authors_failure_and_says_where(
    data: BindingData, message: str, as_literal: object
) -> None:
    with pytest.raises(BindingFailed) as caught:
        bound(data, o=as_literal(VALUE), n=5)  # type: ignore[operator]
    failure = caught.value.failure
    assert failure.fault is Fault.USER
    assert not failure.retryable
    if "deeper" not in message:
        assert failure.message == message


@pytest.mark.parametrize("tag", ["", "pickle"])
def test_structures_in_other_encodings_are_not_opened(tag: str) -> None:
    with pytest.raises(BindingFailed, match="is a binary"):
        bound(promise("o", "name"), STRING, o=document(VALUE, tag))


def test_a_damaged_structure_is_a_failure() -> None:
    damaged = pb.Literal(scalar=pb.Scalar(binary=pb.Binary(value=b"\xc1", tag="msgpack")))
    with pytest.raises(BindingFailed, match="no msgpack"):
        bound(promise("o", "name"), STRING, o=damaged)


def test_a_path_leads_through_unions() -> None:
    union = pb.Literal()
    fill({"k": 3}, union.scalar.union.value)
    assert bound(promise("o", "k"), o=union) == 3


def test_a_path_into_an_offloaded_value_asks_for_it() -> None:
    offloaded = pb.Literal(offloaded_metadata=pb.LiteralOffloadedMetadata(uri="mem://big"))
    sources = {NodeId("a"): outputs(o=offloaded)}
    bindings, declared = [Binding("x", promise("o", 1))], {"x": Variable(INTEGER)}
    with pytest.raises(NotLoaded) as caught:
        bind(bindings, declared, sources, {})
    whole = pb.Literal()
    fill([1, 2], whole)
    assert plain(bind(bindings, declared, sources, {caught.value.uri: whole}).literals["x"]) == 2


def test_an_offloaded_value_passes_as_it_is() -> None:
    data = BoundOffloaded(Offloaded("mem://big", 12, INTS))
    literal = bind([Binding("x", data)], {"x": Variable(INTS)}, {}, {}).literals["x"]
    assert literal.offloaded_metadata.uri == "mem://big"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (promise("o", union=MAYBE), ("union", 5)),
        (promise("o", union=EITHER), ("union", 5)),
        (BoundScalar(Primitive("s"), EITHER), ("union", "s")),
        (BoundScalar(Void(), MAYBE), ("union", None)),
        (promise("u", union=MAYBE), ("union", 6)),
        (promise("o", union=LiteralType(UnionType((STRING, FLOAT)))), 5),
    ],
)
def test_a_value_for_a_union_says_its_variant_where_one_fits(data: BindingData, expected: object) -> None:
    already = pb.Literal()
    fill(6, already.scalar.union.value)
    assert bound(data, MAYBE, o=5, u=already) == expected


@pytest.mark.parametrize(("type_", "expected"), [(MAYBE, ("union", None)), (NONE, None)])
def test_what_is_left_out_and_may_be_none_is_none(type_: LiteralType, expected: object) -> None:
    assert plain(bind([], {"x": Variable(type_)}, {}, {}).literals["x"]) == expected


def test_what_is_left_out_else_is_a_failure() -> None:
    with pytest.raises(BindingFailed, match="`x` is not bound"):
        bind([], {"x": Variable(INTEGER)}, {}, {})


def test_only_the_nodes_named_are_needed() -> None:
    bindings = [
        Binding("x", BoundCollection((promise("o"), BoundMap({"k": promise("o", node="b")})))),
        Binding("y", promise("i", node="")),
        Binding("z", BoundScalar(Primitive(1))),
    ]
    assert needed(bindings) == {"a", "b", ""}
