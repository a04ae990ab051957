"""Names in Kubernetes: valid whatever the platform's names are, and never the same for two."""

import re

from hypothesis import given
from hypothesis import strategies as st

from flytelike.model.ids import ExecutionId, NodePath
from propeller.executors.pod.names import is_dns_label, label_value, pod_name
from propeller.ports import AttemptKey

texts = st.text(max_size=90)
keys = st.builds(
    AttemptKey,
    st.builds(ExecutionId, texts, texts, texts),
    st.builds(NodePath, texts),
    st.integers(0, 10_000),
)


def key(project: str, domain: str, name: str, path: str, attempt: int = 0) -> AttemptKey:
    return AttemptKey(ExecutionId(project, domain, name), NodePath(path), attempt)


def test_a_name_is_readable() -> None:
    assert re.fullmatch(r"e1f2-n0-0-dn1-2-[0-9a-f]{10}", pod_name(key("p", "d", "e1f2", "n0.0.dn1", 2)))


@given(keys)
def test_every_attempt_has_a_valid_name_that_is_always_the_same(key: AttemptKey) -> None:
    assert is_dns_label(pod_name(key))
    assert pod_name(key) == pod_name(key)


@given(keys, keys)
def test_two_attempts_never_share_a_name(one: AttemptKey, other: AttemptKey) -> None:
    assert (pod_name(one) == pod_name(other)) == (one == other)


def test_names_that_read_the_same_are_told_apart() -> None:
    likes = [
        key("a-b", "c", "e", "n"),
        key("a", "b-c", "e", "n"),
        key("a", "b-c", "e-n", ""),
        key("a", "b-c", "E", "n"),
        key("a", "b-c", "e", "n.0"),
    ]
    assert len({pod_name(one) for one in likes}) == len(likes)


@given(texts)
def test_any_text_becomes_a_valid_label_value(text: str) -> None:
    value = label_value(text)
    assert len(value) <= 63
    assert re.fullmatch(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?", value)


@given(texts, texts)
def test_different_texts_have_different_label_values(one: str, other: str) -> None:
    assert (label_value(one) == label_value(other)) == (one == other)


def test_a_valid_value_stays_as_it_is() -> None:
    assert [label_value(text) for text in ("flows.main", "v1", "", "A_b-c.9")] == ["flows.main", "v1", "", "A_b-c.9"]
