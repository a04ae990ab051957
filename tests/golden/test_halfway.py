"""States that were stored half-way: every later engine reads them, and brings the executions to their right end."""

import asyncio
import json
from pathlib import Path

import pytest

from propeller.core import header, node_state
from propeller.engine.encoding import decode
from tests.golden.halfway import FOLDER, a_world, closures, to_the_end, world_of

FILES = sorted(FOLDER.glob("*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_newer_engine_brings_it_to_the_end_that_it_would_have_had(path: Path) -> None:
    told = json.loads(path.read_text())
    whole = a_world(closures()[path.stem.split("-")[0]])
    wanted = asyncio.run(to_the_end(whole, submitted=False))
    world = world_of(told)
    assert asyncio.run(to_the_end(world, submitted=True)) == wanted
    outputs = "mem://meta/p-d-e1/end-node/data/0/outputs.pb"
    assert world.blobs.objects.get(outputs) == whole.blobs.objects.get(outputs)


def test_the_executions_end_as_their_author_would_expect() -> None:
    ends = {name: asyncio.run(to_the_end(a_world(told), submitted=False)) for name, told in closures().items()}
    assert ends["good"]["execution"] == "SUCCEEDED"
    assert ends["bad"]["execution"] == "FAILED"
    assert ends["bad"]["fn0"] == "SUCCEEDED"


def test_the_files_show_states_of_all_kinds() -> None:
    rows = [json.loads(path.read_text())["row"] for path in FILES]
    worlds = [world_of(json.loads(path.read_text())) for path in FILES]
    assert len(rows) >= 10
    seen = set()
    for world in worlds:
        for row in world.store._rows.values():  # type: ignore[attr-defined] # the store in memory
            seen |= {type(decode(cell)) for cell in row.cells.values()}
            seen.add(type(decode(row.header)[0].status))
    wanted = {node_state.Started, node_state.Running, node_state.BackingOff, node_state.ChildRunning}
    wanted |= {node_state.Expanded, node_state.Decided, node_state.AtGate, node_state.Skipped, node_state.Succeeded}
    assert seen >= {*wanted, header.InProgress}
