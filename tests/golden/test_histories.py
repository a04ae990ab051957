"""Histories of finished executions: the core decides on old events as the version did that wrote them."""

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import pytest

from propeller.core.commands import Command
from propeller.core.events import Event
from propeller.core.transitions import TRANSITIONS
from tests.golden.history import FOLDER, History, told
from tests.golden.record import kept

FILES = sorted(FOLDER.glob("*.jsonl"))

CHANGED: Mapping[str, str] = {}
"""Files that later versions decide otherwise on purpose, with the reason; see README.md."""


@pytest.mark.parametrize("path", [it for it in FILES if it.name not in CHANGED], ids=lambda path: path.stem)
def test_every_decision_is_what_it_was(path: Path) -> None:
    history = History.read(path)
    for number, (decision, before) in enumerate(zip(history.replay(), history.decided, strict=True)):
        assert told(decision) == before, f"batch {number}: {history.batches[number]}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_history_is_taken_in_to_its_end(path: Path) -> None:
    *_, last = History.read(path).replay()
    assert last.header.ended


def test_the_histories_show_all_that_can_happen() -> None:
    wanted = {kind.__name__ for union in (Event, Command) for kind in get_args(union)}
    wanted |= {transition.name for transition in TRANSITIONS}
    assert wanted - kept() == set(), "`make golden` adds histories"


def test_a_decision_that_differs_is_seen(tmp_path: Path) -> None:
    lines = FILES[0].read_text().splitlines()
    spoilt = tmp_path / "spoilt.jsonl"
    spoilt.write_text("\n".join([lines[0], lines[1].replace("RUNNING", "QUEUED"), *lines[2:]]))
    with pytest.raises(AssertionError, match="batch 0"):
        test_every_decision_is_what_it_was(spoilt)


def test_no_file_is_written_over() -> None:
    with pytest.raises(FileExistsError):
        History.read(FILES[0]).write(FILES[0])
