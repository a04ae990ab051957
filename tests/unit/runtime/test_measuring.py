"""Measuring an attempt inside of its process."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from flytelike.runtime import measuring

MIB = 1 << 20
ALONE = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]], check=True)"
CHILDREN = """
import subprocess, sys
from flytelike.runtime import measuring

for mebibytes in (450, 350):
    begun = measuring.begin()
    assert measuring.wait(subprocess.Popen([sys.executable, "-c", f"b'x' * ({mebibytes} << 20)"])) == 0
    print(measuring.used_since(begun).memory_peak_bytes)
"""
"""Waits for a child that uses much, and then for one that uses less; tells the peak of each."""


def test_a_peak_is_that_of_the_attempt_and_not_of_the_process() -> None:
    begun = measuring.begin()
    held = len(b"x" * (128 * MIB))
    large = measuring.used_since(begun)
    small = measuring.used_since(measuring.begin())
    assert held < large.memory_peak_bytes
    assert small.memory_peak_bytes < large.memory_peak_bytes - 100 * MIB


def test_where_the_peak_cannot_be_set_back_it_is_known_only_beyond_earlier_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(measuring, "_set_back", lambda: False)
    begun = measuring.begin()
    held = len(b"x" * measuring.used_so_far().memory_peak_bytes)
    assert measuring.used_since(begun).memory_peak_bytes > held
    again = measuring.begin()
    assert len(b"x" * MIB) == MIB
    assert measuring.used_since(again).memory_peak_bytes == 0


def test_time_on_processors_is_not_time_that_goes_by() -> None:
    begun = measuring.begin()
    since, busy = time.perf_counter(), time.process_time()
    while time.process_time() - busy < 0.1:
        pass
    took_ns = (time.perf_counter() - since) * 1e9
    found = measuring.used_since(begun).processor_ns
    assert 90_000_000 < found < took_ns + 50_000_000


def test_a_child_that_was_waited_for_with_its_use_counts_though_an_earlier_one_was_larger() -> None:
    # Two processes away: `execve` keeps the peak of what was forked, and that was a copy of the tests' process.
    command = [sys.executable, "-c", ALONE, CHILDREN]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    large, smaller = map(int, told.split())
    assert 450 * MIB < large
    assert 350 * MIB < smaller < 450 * MIB


@pytest.mark.parametrize(("source", "code"), [("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", -9)])
def test_how_a_child_ended_is_told(source: str, code: int) -> None:
    process = subprocess.Popen([sys.executable, "-c", source])
    assert measuring.wait(process) == code
    assert process.returncode == code


def test_no_descriptor_is_left_open() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    measuring.used_since(measuring.begin())
    assert len(list(Path("/proc/self/fd").iterdir())) == before
