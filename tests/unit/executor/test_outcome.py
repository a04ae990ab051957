"""Verdicts on processes, quantities of memory, and frames: the pure parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytelike.codec.worker_frames import (
    Done,
    Exec,
    Exited,
    Fork,
    Forked,
    Frame,
    FrameError,
    FrameReader,
    Hello,
    NotForked,
    Run,
    Signal,
    encode,
)
from flytelike.model.failure import Failure, Fault
from flytelike.model.quantity import bytes_of
from flytelike.model.usage import USE_MAX, AttemptUse
from propeller.executors.process.outcome import failure_of_exit, failure_of_start


@pytest.mark.parametrize(
    ("status", "memory_event", "code", "fault"),
    [
        (-9, False, "Interrupted", Fault.SYSTEM),
        (-9, True, "OOMKilled", Fault.USER),
        (137, True, "OOMKilled", Fault.USER),
        (137, False, "NonZeroExit", Fault.USER),
        (247, True, "OOMKilled", Fault.USER),
        (247, False, "NonZeroExit", Fault.USER),
        (-11, True, "KilledBySignal", Fault.USER),
        (-64, False, "KilledBySignal", Fault.USER),
        (1, False, "NonZeroExit", Fault.USER),
        (255, False, "NonZeroExit", Fault.USER),
        (0, False, "ProcessEndedEarly", Fault.USER),
    ],
)
def test_exits(status: int, memory_event: bool, code: str, fault: Fault) -> None:
    failure = failure_of_exit(status, memory_event=memory_event)
    assert (failure.code, failure.fault, failure.retryable) == (code, fault, True)


@pytest.mark.parametrize(
    ("status", "named"), [(139, "SIGSEGV"), (137, "SIGKILL"), (247, "SIGKILL"), (245, "SIGSEGV"), (255, ""), (3, "")]
)
def test_an_exit_code_names_the_signal_behind_it(status: int, named: str) -> None:
    """By a shell's count, and by that of a Python program which hands on what it waited for."""
    message = failure_of_exit(status, memory_event=False).message
    assert ("killed by" in message) is bool(named)
    assert named in message


@pytest.mark.parametrize(("error", "retryable"), [(2, False), (13, False), (11, True), (12, True), (0, True)])
def test_a_lack_of_resources_may_pass(error: int, retryable: bool) -> None:
    assert failure_of_start(error, "why", "x").retryable is retryable


@pytest.mark.parametrize(
    ("quantity", "size"),
    [
        ("0", 0),
        ("128974848", 128974848),
        ("129e6", 129_000_000),
        ("129M", 129_000_000),
        ("123Mi", 123 << 20),
        ("1.5Gi", 3 << 29),
        ("2k", 2000),
        ("1Ki", 1024),
        (".5G", 500_000_000),
        ("128974848000m", 128974848),
        ("1E", 10**18),
        ("1e3", 1000),
    ],
)
def test_quantities(quantity: str, size: int) -> None:
    """Kubernetes' grammar of quantities."""
    assert bytes_of(quantity) == size


@pytest.mark.parametrize("quantity", ["", "Gi", "1 Gi", "-1Gi", "1gi", "1KB", "one", "1e", "1Mi1"])
def test_what_is_no_quantity(quantity: str) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        bytes_of(quantity)


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
INT = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.lists(TEXT).map(tuple)
ENV = st.dictionaries(TEXT, TEXT)
FAILURE = st.builds(Failure, TEXT, TEXT, st.sampled_from(Fault), st.booleans(), TEXT)
USE = st.builds(AttemptUse, st.integers(0, USE_MAX), st.integers(0, USE_MAX))
FRAMES: st.SearchStrategy[Frame] = st.one_of(
    st.builds(Hello, INT),
    st.builds(Fork, INT, TEXT, ENV),
    st.builds(Exec, INT, TEXTS, ENV, TEXT),
    st.builds(Signal, INT, INT),
    st.builds(Forked, INT, INT),
    st.builds(NotForked, INT, INT, TEXT),
    st.builds(Exited, INT, INT, USE),
    st.builds(Run, TEXTS, ENV),
    st.builds(Done, st.none() | FAILURE, INT, TEXT, used=st.none() | USE),
)


@given(st.lists(FRAMES, max_size=4), st.integers(1, 9))
def test_frames_survive_any_cut(frames: list[Frame], step: int) -> None:
    data = b"".join(map(encode, frames))
    reader = FrameReader()
    found = [frame for at in range(0, len(data), step) for frame in reader.feed(data[at : at + step])]
    assert found == frames


@given(st.binary(max_size=60))
def test_whatever_comes_is_a_frame_or_an_error(data: bytes) -> None:
    try:
        FrameReader().feed(len(data).to_bytes(4, "big") + data)
    except FrameError:
        pass


def test_frames_are_bounded() -> None:
    with pytest.raises(FrameError, match="at most"):
        FrameReader().feed(b"\xff\xff\xff\xff")
    with pytest.raises(FrameError, match="at most"):
        encode(Run(("x" * (9 << 20),), {}))
