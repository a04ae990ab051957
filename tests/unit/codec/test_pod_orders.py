"""Orders for pods that are kept, and the marks in their logs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytelike.codec.pod_orders import (
    At,
    BatchOrder,
    Begun,
    Ended,
    Mark,
    MarkReader,
    Order,
    OrderError,
    Used,
    mark_line,
    order_from_json,
    order_to_json,
)

WORDS = st.binary(min_size=4, max_size=32).map(bytes.hex)
NUMBERS = st.integers(0, 2**63)
ENDED = st.builds(Ended, WORDS, NUMBERS, st.integers(0, 255), st.booleans())
AMOUNTS = st.integers(0, 10**16 - 1)
USED = st.builds(Used, WORDS, AMOUNTS, AMOUNTS)
MARKS = st.builds(Begun, WORDS, NUMBERS) | st.builds(At, WORDS, st.integers(0, 10**9 - 1)) | USED | ENDED
NO_BATCH = '{"mark": "abcdef01", "args": [], "env": {}, "grace_s": 0, "batch": {"elements": [1]}}'
TEXTS = st.lists(st.text()).map(tuple)
BATCHES = st.builds(BatchOrder, TEXTS, TEXTS, st.lists(st.tuples(NUMBERS, NUMBERS)).map(tuple), st.text())
PRINTED = st.binary(max_size=60) | st.sampled_from([b"\x1e", b"\x1eflytelike ", b"\x1eflytelike abcdef01 begin", b"\n"])


@given(st.builds(Order, WORDS, st.lists(st.text()).map(tuple), st.dictionaries(st.text(), st.text()), st.booleans()))
def test_an_order_is_read_as_it_was_written(order: Order) -> None:
    assert order_from_json(order_to_json(order)) == order


@given(st.builds(Order, WORDS, env=st.dictionaries(st.text(), st.text()), batch=BATCHES))
def test_an_order_of_elements_is_read_as_it_was_written(order: Order) -> None:
    assert order_from_json(order_to_json(order)) == order


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"mark": "..", "args": [], "env": {}, "grace_s": 0}', NO_BATCH]
)
def test_what_is_no_order_is_told(text: str) -> None:
    with pytest.raises(OrderError):
        order_from_json(text)


@given(st.lists(st.tuples(PRINTED, MARKS), max_size=6), st.integers(1, 40))
def test_a_log_is_taken_apart_however_it_is_cut(told: list[tuple[bytes, Mark]], size: int) -> None:
    log = b"".join(printed + mark_line(mark) for printed, mark in told)
    reader, found = MarkReader(), []
    for at in range(0, len(log), size):
        found += reader.feed(log[at : at + size])
    assert [one for one in found if not isinstance(one, bytes)] == [mark for _, mark in told]
    printed = b"".join(one for one in found if isinstance(one, bytes)) + reader.rest()
    assert printed == b"".join(text for text, _ in told)


def test_what_may_become_a_mark_is_held_back_until_it_is_none() -> None:
    reader = MarkReader()
    assert reader.feed(b"one\x1eflyte") == [b"one"]
    assert reader.feed(b"d\n") == [b"\x1eflyted\n"]
    assert reader.feed(b"\x1e") == []
    assert reader.rest() == b"\x1e"
