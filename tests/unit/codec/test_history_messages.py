"""History and cached results come out of their messages as they went in."""

import typing
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytelike.codec.cached_results import (
    entry_from_proto as result_from_proto,
)
from flytelike.codec.cached_results import (
    entry_to_proto as result_to_proto,
)
from flytelike.codec.cached_results import use_from_proto, use_to_proto
from flytelike.codec.faults import MalformedError
from flytelike.codec.history import entry_from_proto, entry_to_proto
from flytelike.model.caching import CacheEntry, CacheKey, CacheNote, CacheSource, CacheStatus, CatalogUse
from flytelike.model.failure import Failure, Fault
from flytelike.model.history import (
    AttemptChanged,
    ElementFailure,
    ElementsChanged,
    ElementSpan,
    ExecutionChanged,
    HistoryEntry,
    NodeChanged,
)
from flytelike.model.ids import Digest, ExecutionId, Identifier, NodeId, NodePath, ResourceKind
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from flytelike.model.usage import AskedResources, AttemptUse, ResourceAmounts
from flytelike_idl.core import usage_pb2
from flytelike_idl.service import propeller_pb2 as pb

words = st.text(st.characters(codec="utf-8"), max_size=8)
names = st.text("abc", min_size=1, max_size=5)
counts = st.integers(0, 2**31 - 1)
instants = st.integers(0, 2**62)
flags = st.booleans()
failures = st.builds(Failure, words, words, st.sampled_from(Fault), flags, words)
perhaps_failed = st.none() | failures
ids = st.builds(ExecutionId, names, names, names)
paths = names.map(NodePath)
tasks = st.builds(Identifier, st.just(ResourceKind.TASK), names, names, names, names)
inputs = st.lists(st.tuples(names, words), max_size=3).map(tuple)
keys = st.builds(CacheKey, words, words, words, words, words, words, inputs)
sources = st.builds(CacheSource, ids, paths, counts, words)
statuses = st.sampled_from(CacheStatus)
notes = st.builds(CacheNote, statuses, st.none() | keys, st.none() | sources, words)
spans = st.builds(ElementSpan, counts, counts, st.sampled_from(TaskPhase))
element_failures = st.builds(ElementFailure, counts, counts, failures)
amounts = st.builds(ResourceAmounts, counts, instants, counts, instants)
asked = st.builds(AskedResources, amounts, amounts)
used = st.builds(AttemptUse, instants, instants)
records = st.one_of(
    st.builds(ExecutionChanged, st.sampled_from(WorkflowPhase), instants, perhaps_failed, words),
    st.builds(
        NodeChanged,
        paths,
        words.map(NodePath),
        names.map(NodeId),
        st.sampled_from(NodePhase),
        instants,
        perhaps_failed,
        flags,
        flags,
        words,
        words,
        st.none() | notes,
        words.map(Digest),
        words,
        instants,
        st.integers(-1000, 1000),
    ),
    st.builds(
        AttemptChanged,
        paths,
        counts,
        tasks,
        st.sampled_from(TaskPhase),
        instants,
        perhaps_failed,
        instants,
        st.none() | asked,
        st.none() | used,
    ),
    st.builds(
        ElementsChanged,
        paths,
        counts,
        instants,
        counts,
        counts,
        counts,
        counts,
        st.lists(spans, max_size=3).map(tuple),
        st.lists(element_failures, max_size=2).map(tuple),
        statuses,
        flags,
    ),
)
entries = st.builds(HistoryEntry, ids, counts, records, words, words, words, st.none() | ids)
results = st.builds(
    CacheEntry,
    keys,
    sources,
    st.binary(max_size=5),
    words,
    st.lists(words, max_size=3).map(tuple),
    counts,
    counts,
    instants,
    instants,
)


@given(entries)
def test_history_goes_through(entry: HistoryEntry) -> None:
    assert entry_from_proto(pb.HistoryEntry.FromString(entry_to_proto(entry).SerializeToString())) == entry


@given(results)
def test_results_go_through(entry: CacheEntry) -> None:
    assert result_from_proto(pb.CachedResult.FromString(result_to_proto(entry).SerializeToString())) == entry


@given(keys, flags, counts)
def test_uses_go_through(key: CacheKey, hit: bool, saved_ns: int) -> None:
    use = CatalogUse(key, key.digest, hit, saved_ns)
    assert use_from_proto(use_to_proto(use)) == use


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (ExecutionChanged, pb.ExecutionChanged),
        (NodeChanged, pb.NodeChanged),
        (AttemptChanged, pb.AttemptChanged),
        (ElementsChanged, pb.ElementsChanged),
        (CacheEntry, pb.CachedResult),
        (CacheNote, pb.CacheNote),
        (ResourceAmounts, usage_pb2.ResourceAmounts),
        (AskedResources, usage_pb2.AskedResources),
        (AttemptUse, usage_pb2.AttemptUse),
    ],
)
def test_a_message_has_every_field(kind: type, message: type[typing.Any]) -> None:
    """Who gives a record another field gives it to its message, too."""
    assert {field.name for field in fields(kind)} == {field.name for field in message.DESCRIPTOR.fields}


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (pb.HistoryEntry(), "execution required"),
        (pb.HistoryEntry(execution={"project": "p", "domain": "d", "name": "e"}), "record required"),
        (
            pb.HistoryEntry(execution={"project": "p", "domain": "d", "name": "e"}, execution_changed={"phase": 99}),
            "execution_changed: unknown phase 99",
        ),
    ],
)
def test_what_is_no_history_is_told_with_its_place(message: pb.HistoryEntry, fault: str) -> None:
    with pytest.raises(MalformedError, match=fault):
        entry_from_proto(message)
