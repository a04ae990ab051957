"""Chaos on the real thing: whatever is killed and whatever the machine does, the guarantees hold.

Twenty executions of all kinds run at once (`scenario.py`, `flows.py`) while a storm drawn from a seed kills the
platform, its workers and what makes them, and the machine has a fault (`storm.py`, `faults.py`); somebody looks
all the time (`witness.py`), and at the end each guarantee is checked by itself (`checkers.py`).

`CHAOS_SEEDS=N` runs so many seeds, `CHAOS_SEED=N` that one; `CHAOS_KILLS` is how often a seed kills.
"""

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from flytelike.remote import Client
from tests.e2e.chaos import checkers
from tests.e2e.chaos.faults import Fault, FullDisk, LockedDatabase, SlowDisk, slow_sync, small_disk
from tests.e2e.chaos.ledger import Ledger
from tests.e2e.chaos.scenario import People, register
from tests.e2e.chaos.site import Site
from tests.e2e.chaos.storm import LOSSES, Storm
from tests.e2e.chaos.witness import Witness

PATIENCE_S = 240
CHOSEN = os.environ.get("CHAOS_SEED", "")
SEEDS = [int(CHOSEN)] if CHOSEN else range(int(os.environ.get("CHAOS_SEEDS", "2")))
KILLS = int(os.environ.get("CHAOS_KILLS", "5"))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A platform on a small disk of its own, with the workflows in reach."""
    with small_disk(tmp_path / "disk") as disk:
        found = Site(tmp_path, disk / "data")
        for name in ("flows.py", "kinds.py"):
            shutil.copy(Path(__file__).with_name(name), tmp_path)
        yield found
        found.end()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_the_guarantees_hold(site: Site, seed: int) -> None:
    storm = Storm(site, seed, KILLS, faults_of(seed, site))
    wrong = asyncio.run(lived_through(site, storm))
    assert not wrong, report(storm, wrong)


def faults_of(seed: int, site: Site) -> list[Fault]:
    """Return the machine's faults in a seed's storm: two of the four, in turn."""
    if seed % 2:
        return [LockedDatabase("controlplane.db"), SlowDisk(slow_sync(site.root))]
    return [FullDisk(), LockedDatabase("propeller.db")]


async def lived_through(site: Site, storm: Storm) -> list[str]:
    """Run the scenario through the storm, then check everything; return what is wrong."""
    for fault in storm.faults:
        site.extra.update(fault.environment)
    await asyncio.to_thread(site.up)
    await asyncio.to_thread(register, site)
    async with Client(site.endpoint) as client:
        people, witness = People(site, client, storm.seed), Witness(client)
        try:
            async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
                group.create_task(people.act())
                group.create_task(storm.rage())
                group.create_task(witness.watch())
        except TimeoutError:
            return [f"after {PATIENCE_S} s these had not ended: {witness.last.unfinished}"]
        except ExceptionGroup as group:
            return [f"{type(error).__name__}: {error}" for error in group.exceptions]
        faults = [] if await checkers.nothing_to_do(site.data) else ["the engine still has something to do or to tell"]
        # What is down has told all; what comes up again tells the same.
        await asyncio.to_thread(site.stop)
        faults += [*checkers.nothing_left_behind(site)]
        await asyncio.to_thread(site.up)
        assert await witness.look()
        view = witness.last
        attempts = await checkers.attempts_of(client, view)
        ledger = Ledger(site.ledger)
        faults += witness.faults
        faults += await checkers.right_ends(client, view)
        faults += checkers.nodes_have_ended(view)
        faults += checkers.attempts_add_up(view, attempts)
        faults += checkers.nothing_lost_or_repeated(view, attempts, dict(witness.succeeded_ns), ledger)
        losses = sum(storm.counted[kill] for kill in LOSSES)
        faults += await checkers.elements_kept_waiting_count_for_nothing(client, view, losses)
        faults += checkers.done_once_for_all(site.lives, losses, ledger)
        faults += checkers.houses_agree(site.data, view)
        faults += checkers.all_can_go(site, view)
    await asyncio.to_thread(site.stop)
    return [*faults, *checkers.nothing_left_behind(site)]


def report(storm: Storm, faults: list[str]) -> str:
    """Return what failed, what had happened, and how to see it again."""
    log = storm.site.told()
    return "\n".join(
        [
            f"seed {storm.seed}; to see it again: CHAOS_SEED={storm.seed} make chaos",
            *(f"  {line}" for line in storm.told),
            *(f"- {fault}" for fault in faults[:20]),
            f"the platform's log ended:\n{log[-6000:]}",
        ]
    )
