"""The key of work: equal for equal work wherever its data lies, different for every part that counts."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytelike.codec.cache_key import unnamed_data, with_inputs, work_key
from flytelike.model.caching import derived_version
from flytelike.model.graph import Container, TaskTemplate
from flytelike.model.ids import Identifier, ResourceKind
from flytelike.model.interface import TypedInterface, Variable
from flytelike.model.literals import Blob, Collection, Literal, Map, Primitive, StructuredDataset
from flytelike.model.policies import CachePolicy, NodeMetadata, TaskMetadata, cache_policy
from flytelike.model.types import FLOAT, INTEGER, BlobType, StructuredDatasetType

CODE = {"m.work": "a", "m.RATE": "b"}
DERIVED = CachePolicy(enabled=True, version=derived_version(CODE))
GIVEN = CachePolicy(enabled=True, version="1")
TASK = TaskTemplate(
    Identifier(ResourceKind.TASK, "p", "d", "m.work", "v1"),
    "python-task",
    TaskMetadata(cache=DERIVED),
    TypedInterface({"x": Variable(INTEGER)}, {"o0": Variable(INTEGER)}),
    Container("image:1"),
    code=CODE,
)
OTHER_IMAGE = replace(TASK, container=Container("image:2"))
OTHER_VERSION = replace(TASK, id=replace(TASK.id, version="v2"))
OTHER_TYPES = replace(TASK, interface=TypedInterface({"x": Variable(FLOAT)}, TASK.interface.outputs))
DESCRIBED = replace(TASK, interface=TypedInterface({"x": Variable(INTEGER, "how many")}, TASK.interface.outputs))


@pytest.mark.parametrize(
    ("other", "equal"), [(OTHER_VERSION, True), (DESCRIBED, True), (OTHER_IMAGE, False), (OTHER_TYPES, False)]
)
def test_a_derived_version_goes_with_the_image_and_the_types(other: TaskTemplate, equal: bool) -> None:
    assert (work_key(TASK, DERIVED) == work_key(other, DERIVED)) is equal


@pytest.mark.parametrize(("other", "equal"), [(OTHER_VERSION, True), (OTHER_IMAGE, True), (OTHER_TYPES, False)])
def test_a_version_that_the_author_gives_counts_alone(other: TaskTemplate, equal: bool) -> None:
    assert (work_key(TASK, GIVEN) == work_key(other, GIVEN)) is equal


def test_a_node_that_switches_caching_on_goes_by_the_code_too() -> None:
    plain = replace(TASK, metadata=TaskMetadata())
    policy = cache_policy(plain.metadata.cache, NodeMetadata(cacheable=True))
    assert work_key(plain, policy) == work_key(TASK, DERIVED)


def test_without_a_version_and_code_results_belong_to_one_version_of_the_task() -> None:
    unread, policy = replace(TASK, code={}), CachePolicy(enabled=True)
    newer = replace(unread, id=OTHER_VERSION.id)
    assert work_key(unread, policy).version == "task version v1"
    assert work_key(unread, policy) != work_key(newer, policy)


FILE, FOLDER, TABLE = BlobType(), BlobType(multipart=True), StructuredDatasetType()


def at(kind: BlobType | StructuredDatasetType, uri: str, digest: str = "") -> Literal:
    return Literal(Blob(uri, kind) if isinstance(kind, BlobType) else StructuredDataset(uri, kind), hash=digest)


@pytest.mark.parametrize("kind", [FILE, FOLDER, TABLE])
@given(
    uris=st.lists(st.sampled_from(["s3://a/x", "file:///b/y", "/c"]), min_size=2, max_size=2),
    digest=st.text(min_size=1),
)
def test_equal_data_is_equal_wherever_it_lies(
    kind: BlobType | StructuredDatasetType, uris: list[str], digest: str
) -> None:
    one, other = (with_inputs(work_key(TASK, DERIVED), {"x": at(kind, uri, digest)}, ()) for uri in uris)
    assert one == other
    assert unnamed_data({"x": at(kind, uris[0], digest)}, ()) == ()
    contents = {uris[0]: digest}
    assert with_inputs(work_key(TASK, DERIVED), {"x": at(kind, uris[0])}, (), contents) == one, "named by who looks"
    assert with_inputs(work_key(TASK, DERIVED), {"x": at(kind, uris[1], digest + "!")}, ()) != one


def test_data_is_named_inside_of_lists_and_maps_too() -> None:
    inputs = {"x": Literal(Collection((at(FILE, "/a"),))), "y": Literal(Map({"k": at(FILE, "/b")}))}
    assert unnamed_data(inputs, ()) == ("/a", "/b")
    assert unnamed_data(inputs, ("y",)) == ("/a",)
    before, after = (with_inputs(work_key(TASK, GIVEN), inputs, (), {"/a": "1", "/b": b}) for b in "12")
    assert before.inputs[0] == after.inputs[0]
    assert before.inputs[1] != after.inputs[1]


def test_inputs_count_by_name_in_no_order_and_ignored_ones_not_at_all() -> None:
    x, y = Literal(Primitive(1)), Literal(Primitive(2))
    key = work_key(TASK, GIVEN)
    assert with_inputs(key, {"x": x, "y": y}, ()).digest == with_inputs(key, {"y": y, "x": x}, ()).digest
    assert with_inputs(key, {"x": x, "y": y}, ()).digest != with_inputs(key, {"x": y, "y": x}, ()).digest
    assert with_inputs(key, {"x": x, "y": y}, ("y",)) == with_inputs(key, {"x": x}, ("y",))
