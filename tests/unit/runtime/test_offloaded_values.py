"""Lists and maps that are too large for a document lie in the store by themselves; who takes them has their values."""

from pathlib import Path

import pytest

from flytelike import task
from flytelike.codec.offloading import offloaded_value
from flytelike.model.literals import Collection, Literal, Offloaded, Primitive, UnionValue
from flytelike.model.types import INTEGER, CollectionType, LiteralType
from flytelike.runtime import values
from flytelike.runtime.failures import AttemptError
from flytelike.runtime.offloaded import loaded
from flytelike.storage import NotFound, Store
from flytelike.types.context import ValueContext
from flytelike_idl.core import literals_pb2 as pb

INTS = LiteralType(CollectionType(INTEGER))


@task
def gives(n: int) -> tuple[list[int], dict[str, int], int]:
    return [*range(n)], {str(i): i for i in range(n)}, n


@task
def takes(numbers: list[int], nested: list[list[int]], maybe: list[int] | None = None) -> int:
    return sum(numbers) + len(nested)


@pytest.fixture
def context(tmp_path: Path) -> ValueContext:
    return ValueContext(Store(), f"{tmp_path}/raw", tmp_path)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "OFFLOAD_BYTES_MIN", 100)


def outputs(n: int, context: ValueContext) -> pb.LiteralMap:
    given = gives.outputs_of(gives.function(n=n))
    return pb.LiteralMap.FromString(values.encode_values(given, gives, context))


def stored(context: ValueContext, *numbers: int) -> Literal:
    """Return a list of numbers that lies in the store."""
    message = pb.Literal()
    for number in numbers:
        message.collection.literals.add().scalar.primitive.integer = number
    uri = context.new_uri("numbers.pb")
    context.store.put(uri, message.SerializeToString())
    return Literal(Offloaded(uri, 1, INTS))


def ints(*numbers: int) -> Literal:
    return Literal(Collection(tuple(Literal(Primitive(number)) for number in numbers)))


@pytest.mark.usefixtures("small")
def test_what_is_large_is_kept_by_itself_with_its_type_and_size(context: ValueContext) -> None:
    given = outputs(50, context)
    assert given.literals["o2"].scalar.primitive.integer == 50
    for name in ("o0", "o1"):
        told = given.literals[name].offloaded_metadata
        data = context.store.get(told.uri)
        assert told.uri.endswith(f"{name}_offloaded_metadata.pb")
        assert told.size_bytes == len(data)
    assert given.literals["o0"].offloaded_metadata.inferred_type.HasField("collection_type")
    assert offloaded_value(context.store.get(given.literals["o0"].offloaded_metadata.uri)) == ints(*range(50))


@pytest.mark.usefixtures("small")
def test_what_fits_into_the_document_lies_in_it(context: ValueContext) -> None:
    given = outputs(2, context)
    assert [given.literals[name].WhichOneof("value") for name in ("o0", "o1", "o2")] == ["collection", "map", "scalar"]


@pytest.mark.usefixtures("small")
def test_what_is_too_large_to_be_read_again_is_refused_with_all_that_is(
    context: ValueContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(values, "OFFLOADED_BYTES_MAX", 150)
    with pytest.raises(AttemptError) as caught:
        outputs(50, context)
    assert [word in caught.value.failure.message for word in ("output o0 is", "output o1 is", "give it as a file")] == [
        True,
        True,
        True,
    ]


def test_a_value_is_read_wherever_it_lies(context: ValueContext) -> None:
    far = stored(context, 1, 2)
    literals = {
        "numbers": far,
        "nested": Literal(Collection((far, ints(3)))),
        "maybe": Literal(UnionValue(far, INTS)),
    }
    assert [loaded(literal, context.store) for literal in literals.values()] == [
        ints(1, 2),
        Literal(Collection((ints(1, 2), ints(3)))),
        Literal(UnionValue(ints(1, 2), INTS)),
    ]
    near = ints(1, 2)
    assert loaded(near, context.store) is near


def test_what_lies_there_is_held_to_the_task_s_own_type(context: ValueContext) -> None:
    wrong = pb.Literal()
    wrong.collection.literals.add().scalar.primitive.string_value = "no number"
    uri = context.new_uri("wrong.pb")
    context.store.put(uri, wrong.SerializeToString())
    document = pb.LiteralMap()
    for name in ("numbers", "nested"):
        document.literals[name].offloaded_metadata.uri = uri
    with pytest.raises(AttemptError, match="numbers cannot be turned into"):
        values.decode_inputs(document.SerializeToString(), takes, context)


def test_a_store_that_does_not_have_it_is_no_fault_of_the_value(context: ValueContext) -> None:
    document = pb.LiteralMap()
    document.literals["numbers"].offloaded_metadata.uri = context.new_uri("gone.pb")
    with pytest.raises(NotFound):
        values.decode_inputs(document.SerializeToString(), takes, context)
