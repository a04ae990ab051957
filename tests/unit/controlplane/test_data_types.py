"""Which workflows' values can name data, so that their documents are read before something is deleted."""

import pytest

from flytelike.codec.types import literal_type_to_proto
from flytelike.controlplane.collecting.data_types import may_name_data
from flytelike.model.types import INTEGER, STRING, BlobType, CollectionType, LiteralType, MapType, UnionType
from flytelike_idl.core import compiler_pb2


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (INTEGER, False),
        (STRING, False),
        (LiteralType(UnionType((INTEGER, STRING))), False),
        (LiteralType(BlobType("", multipart=False)), True),
        (LiteralType(CollectionType(INTEGER)), True),
        (LiteralType(MapType(INTEGER)), True),
        (LiteralType(UnionType((INTEGER, LiteralType(CollectionType(INTEGER))))), True),
    ],
)
def test_lists_and_maps_may_lie_in_the_store_themselves(kind: LiteralType, names: bool) -> None:  # noqa: FBT001
    closure = compiler_pb2.CompiledWorkflowClosure()
    variables = closure.primary.template.interface.outputs.variables
    variables["o0"].type.CopyFrom(literal_type_to_proto(kind))
    assert may_name_data(closure) is names
