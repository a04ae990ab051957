"""Hypothesis strategies for the model: types, literals, templates, closures, diagnostics.

Only what has a normal form on the wire is drawn: NaN equals nothing, and a retry count of 0 is not sent.
"""

import string
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from flytelike.codec.parse import serialise
from flytelike.model.closure import CompiledWorkflow, WorkflowClosure
from flytelike.model.condition import (
    Comparator,
    Comparison,
    Conjunction,
    InputOperand,
    Junction,
    PrimitiveOperand,
    ScalarOperand,
)
from flytelike.model.diagnostic import Diagnostic, Label, Severity
from flytelike.model.failure import Failure, Fault
from flytelike.model.gate import Approval, Signal, Sleep
from flytelike.model.graph import (
    Alias,
    ArrayDataMode,
    ArrayExecutionMode,
    ArrayTarget,
    Binding,
    BindingData,
    BoundCollection,
    BoundMap,
    BoundOffloaded,
    BoundPromise,
    BoundScalar,
    BranchCase,
    BranchTarget,
    Container,
    GateTarget,
    LaunchPlanTarget,
    LaunchPlanTemplate,
    MinSuccesses,
    MinSuccessRatio,
    Node,
    Promise,
    SecretRequest,
    SubWorkflowTarget,
    TaskOverrides,
    TaskTarget,
    TaskTemplate,
    WorkflowTemplate,
)
from flytelike.model.ids import (
    ExecutionId,
    Identifier,
    NodeExecutionId,
    NodeId,
    NodePath,
    ResourceKind,
    TaskExecutionId,
)
from flytelike.model.interface import Parameter, TypedInterface, Variable
from flytelike.model.literals import (
    VOID,
    Binary,
    Blob,
    Collection,
    ErrorValue,
    GenericStruct,
    Instant,
    Literal,
    Map,
    Offloaded,
    Primitive,
    SchemaValue,
    Span,
    StructuredDataset,
    UnionValue,
)
from flytelike.model.policies import (
    CachePolicy,
    FailurePolicy,
    NodeMetadata,
    ResourceName,
    Resources,
    ReusePolicy,
    TaskMetadata,
    WorkflowMetadata,
)
from flytelike.model.span import SourceSpan
from flytelike.model.types import (
    NO_JSON,
    BlobType,
    CollectionType,
    ColumnKind,
    EnumType,
    LiteralType,
    MapType,
    SchemaType,
    SimpleKind,
    SimpleType,
    StructuredDatasetType,
    TypeStructure,
    UnionType,
    json_text,
)
from flytelike_idl.admin.launch_plan_pb2 import LaunchPlanSpec

INT64 = 2**63 - 1
JSON_INTEGER = 2**53 - 1
"""The largest integer up to which JSON's doubles hold all."""
names = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=8)
texts = st.text(max_size=10)
counts = st.integers(0, 2**31 - 1)
flags = st.booleans()


@st.composite
def made(draw: st.DrawFn, kind: Callable[..., Any], *args: st.SearchStrategy, **named: st.SearchStrategy) -> Any:
    """Draw the parts of a thing and make it: `st.builds`, whose report of a nested thing takes exponential time."""
    return kind(*(draw(part) for part in args), **{name: draw(part) for name, part in named.items()})


def few(items: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(items, max_size=3).map(tuple)


def by_name(values: st.SearchStrategy) -> st.SearchStrategy:
    return st.dictionaries(names, values, max_size=3)


# --- types ------------------------------------------------------------------------------

plain_json = st.recursive(
    st.none() | flags | st.integers(-JSON_INTEGER, JSON_INTEGER) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
json_objects = st.dictionaries(texts, plain_json, max_size=3).map(json_text)
blob_types = made(BlobType, texts, flags)
schema_types = made(SchemaType, few(st.tuples(names, st.sampled_from(ColumnKind))))
simple_kinds = made(SimpleType, st.sampled_from(SimpleKind))


def dataset_types(inner: st.SearchStrategy[LiteralType]) -> st.SearchStrategy[StructuredDatasetType]:
    return made(StructuredDatasetType, few(st.tuples(names, inner)), texts, texts, st.binary(max_size=4))


def structures(inner: st.SearchStrategy[LiteralType]) -> st.SearchStrategy[TypeStructure]:
    return made(TypeStructure, texts, by_name(inner).map(lambda found: tuple(sorted(found.items()))))


def _types_over(inner: st.SearchStrategy[LiteralType]) -> st.SearchStrategy[LiteralType]:
    kinds = st.one_of(
        made(CollectionType, inner),
        made(MapType, inner),
        dataset_types(inner),
        made(UnionType, few(inner)),
    )
    return made(LiteralType, kinds) | made(
        LiteralType,
        simple_kinds | kinds,
        st.none() | structures(inner),
        st.just(NO_JSON) | json_objects,
        st.just(NO_JSON) | json_objects,
    )


leaf_types = made(LiteralType, simple_kinds | blob_types | schema_types | made(EnumType, few(texts)))
literal_types = st.recursive(leaf_types, _types_over, max_leaves=5)

# --- literals ---------------------------------------------------------------------------

instants = made(Instant, st.integers(-62_135_596_800 * 10**9, 253_402_300_799 * 10**9))
spans_of_time = made(Span, st.integers(-315_576_000_000 * 10**9, 315_576_000_000 * 10**9))
primitives = made(
    Primitive, st.integers(-INT64 - 1, INT64) | st.floats(allow_nan=False) | texts | flags | instants | spans_of_time
)
simple_scalars = st.one_of(
    primitives,
    st.just(VOID.value),
    made(Blob, texts, blob_types),
    made(Binary, st.binary(max_size=8), texts),
    made(GenericStruct, json_objects),
    made(SchemaValue, texts, schema_types),
    made(StructuredDataset, texts, dataset_types(leaf_types)),
    made(ErrorValue, texts, texts),
)
offloaded = made(Offloaded, names, st.integers(0, INT64), st.none() | literal_types)


def literals_of(values: st.SearchStrategy) -> st.SearchStrategy[Literal]:
    return made(Literal, values) | made(Literal, values, texts, by_name(texts))


literals = st.recursive(
    literals_of(simple_scalars | offloaded),
    lambda inner: literals_of(
        made(Collection, few(inner)) | made(Map, by_name(inner)) | made(UnionValue, inner, literal_types)
    ),
    max_leaves=5,
)
literal_maps = by_name(literals)
scalars = simple_scalars | made(UnionValue, literals, literal_types)

# --- names and places -------------------------------------------------------------------


def identifiers(*kinds: ResourceKind) -> st.SearchStrategy[Identifier]:
    chosen = st.sampled_from(kinds or (ResourceKind.TASK, ResourceKind.WORKFLOW, ResourceKind.LAUNCH_PLAN))
    return made(Identifier, chosen, names, names, names, names, texts)


execution_ids = made(ExecutionId, names, names, names, texts)
node_execution_ids = made(NodeExecutionId, execution_ids, names.map(NodePath))
task_execution_ids = made(TaskExecutionId, identifiers(ResourceKind.TASK), node_execution_ids, counts)
source_spans = made(SourceSpan, texts, counts, counts, counts, counts)
places = st.none() | source_spans

# --- interfaces -------------------------------------------------------------------------

variables = made(Variable, literal_types, texts, places)
interfaces = made(TypedInterface, by_name(variables), by_name(variables))
parameters = made(Parameter, variables) | made(Parameter, variables, literals, st.just(False))

# --- tasks ------------------------------------------------------------------------------

amounts = st.dictionaries(st.sampled_from([name for name in ResourceName if name]), texts, max_size=3)
resources = made(Resources, amounts, amounts)
cache_policies = made(CachePolicy, flags, texts, flags, few(names))
task_metadata = made(
    TaskMetadata,
    retries=counts,
    timeout_ns=st.integers(0, 10**18),
    interruptible=st.none() | flags,
    cache=cache_policies,
    deprecated=texts,
    runtime_version=texts,
    runtime_flavor=texts,
    pod_template_name=texts,
    generates_deck=flags,
    is_eager=flags,
    tags=by_name(texts),
    reuse=st.none() | made(ReusePolicy, st.integers(1, 1000), st.integers(0, 10**14)),
)
containers = made(Container, texts, few(texts), few(texts), resources, by_name(texts), by_name(texts))
secrets = made(SecretRequest, texts, texts, texts, flags, texts)
tasks = made(
    TaskTemplate,
    id=identifiers(ResourceKind.TASK),
    type=names,
    metadata=task_metadata,
    interface=interfaces,
    container=st.none() | containers,
    custom=st.just(NO_JSON) | json_objects,
    type_version=counts,
    config=by_name(texts),
    secrets=few(secrets),
    span=places,
)

# --- workflows --------------------------------------------------------------------------

node_ids = names.map(NodeId)
promises = made(Promise, node_ids | st.just(NodeId("")), names, few(texts | counts))
targets_of_unions = st.none() | literal_types
bound: st.SearchStrategy[BindingData] = st.recursive(
    made(BoundScalar, scalars, targets_of_unions)
    | made(BoundPromise, promises, targets_of_unions)
    | made(BoundOffloaded, offloaded, targets_of_unions),
    lambda inner: (
        made(BoundCollection, few(inner), targets_of_unions) | made(BoundMap, by_name(inner), targets_of_unions)
    ),
    max_leaves=4,
)
bindings = made(Binding, names, bound, places)
node_metadata = made(
    NodeMetadata,
    name=texts,
    timeout_ns=st.none() | st.integers(1, 10**18),
    retries=st.none() | st.integers(1, 100),
    interruptible=st.none() | flags,
    cacheable=st.none() | flags,
    cache_version=st.none() | texts,
    cache_serializable=st.none() | flags,
    config=by_name(texts),
)
overrides = made(TaskOverrides, st.none() | resources.filter(lambda found: bool(found.requests or found.limits)), texts)
operands = st.one_of(made(InputOperand, texts), made(PrimitiveOperand, primitives), made(ScalarOperand, simple_scalars))
conditions = st.recursive(
    made(Comparison, st.sampled_from(Comparator), operands, operands),
    lambda inner: made(Conjunction, st.sampled_from(Junction), inner, inner),
    max_leaves=4,
)
gates = st.one_of(
    made(Approval, texts),
    made(Signal, texts, literal_types, names),
    made(Sleep, st.integers(-(10**18), 10**18)),
)
calls = st.one_of(
    made(TaskTarget, identifiers(ResourceKind.TASK), overrides),
    made(SubWorkflowTarget, identifiers(ResourceKind.WORKFLOW)),
    made(LaunchPlanTarget, identifiers(ResourceKind.LAUNCH_PLAN)),
    made(GateTarget, st.none() | gates),
)


def nodes_with(targets: st.SearchStrategy) -> st.SearchStrategy[Node]:
    aliases = few(made(Alias, names, texts))
    return made(Node, node_ids, targets, few(bindings), few(node_ids), node_metadata, aliases, places)


def nodes_around(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    cases = st.lists(made(BranchCase, st.none() | conditions, st.none() | inner), min_size=1, max_size=2).map(tuple)
    ratios = st.floats(width=32, allow_nan=False)
    return nodes_with(
        made(BranchTarget, cases, st.none() | inner | made(ErrorValue, texts, texts))
        | made(
            ArrayTarget,
            inner,
            st.none() | counts,
            st.none() | made(MinSuccesses, counts) | made(MinSuccessRatio, ratios),
            few(names),
            st.none() | flags,
            st.sampled_from(ArrayExecutionMode),
            st.sampled_from(ArrayDataMode),
            flags,
        )
    )


nodes = st.recursive(nodes_with(calls), nodes_around, max_leaves=2)
workflow_metadata = made(WorkflowMetadata, st.sampled_from(FailurePolicy), flags, by_name(texts))
workflows = made(
    WorkflowTemplate,
    id=identifiers(ResourceKind.WORKFLOW),
    interface=interfaces,
    nodes=few(nodes),
    outputs=few(bindings),
    metadata=workflow_metadata,
    failure_node=st.none() | nodes,
    span=places,
)
launch_plan_options = made(
    lambda labels, parallelism: serialise(LaunchPlanSpec(labels={"values": labels}, max_parallelism=parallelism)),
    st.dictionaries(names, texts, min_size=1, max_size=2),
    counts,
)
launch_plans = made(
    LaunchPlanTemplate,
    id=identifiers(ResourceKind.LAUNCH_PLAN),
    workflow=identifiers(ResourceKind.WORKFLOW),
    inputs=by_name(parameters),
    fixed=literal_maps,
    options=st.just(b"") | launch_plan_options,
)
edges = st.dictionaries(node_ids, few(node_ids), max_size=3)
compiled_workflows = made(CompiledWorkflow, workflows, edges, edges)
closures = made(
    WorkflowClosure,
    compiled_workflows,
    st.lists(compiled_workflows, max_size=1).map(lambda found: {one.template.id: one for one in found}),
    st.lists(tasks, max_size=2).map(lambda found: {one.id: one for one in found}),
    st.dictionaries(identifiers(ResourceKind.LAUNCH_PLAN), interfaces, max_size=1),
)

# --- faults -----------------------------------------------------------------------------

labels = made(Label, places, texts, few(texts))
diagnostics = made(Diagnostic, names, texts, st.none() | labels, few(labels), few(texts), st.sampled_from(Severity))
failures = made(Failure, texts, texts, st.sampled_from(Fault), flags, texts)
