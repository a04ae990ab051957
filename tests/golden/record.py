"""Add histories to tests/golden/histories: `python -m tests.golden.record` those that show something new.

`--seed N` keeps the world of one seed of the core's simulation (one that once broke a rule, say): its file stays what
it is however the drawing of worlds changes. No file is ever written over.
"""

import argparse
import sys

from propeller.core.events import AttemptExpanded, GraphTaken
from tests.golden.history import FOLDER, History, told
from tests.simulation.run import Broken, Simulation
from tests.unit.propeller_core.builders import closure_of

EVENTS_MAX = 150
"""Longer histories are not worth their bytes."""


def recorded(seed: int) -> History:
    """Return the history of a seed's world. Raises Broken or AssertionError if it breaks a rule."""
    simulation = Simulation(seed)
    simulation.run()
    scenario, store = simulation.scenario, simulation.store
    inner = scenario.inner.values()
    given = sorted({it.graph for batch in store.log for it in batch if isinstance(it, AttemptExpanded | GraphTaken)})
    graphs = {str(name): closure_of(scenario.inner[name], *inner) for name in given}
    closure = closure_of(scenario.primary, *inner)
    history = History(closure, scenario.limits, scenario.reuse, graphs, store.log)
    history.decided.extend(map(told, history.replay()))
    return history


def kept() -> set[str]:
    """Return what the files show already."""
    return {feature for path in FOLDER.glob("*.jsonl") for feature in History.read(path).features()}


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--seeds", type=int, default=3000, help="how many seeds to look through")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        recorded(arguments.seed).write(FOLDER / f"seed-{arguments.seed}.jsonl")
        return 0
    known, shown = kept(), _shown(arguments.seeds)
    while shown:
        seed = max(shown, key=lambda it: (len(shown[it] - known), -it))
        if not shown[seed] - known:
            break
        recorded(seed).write(FOLDER / f"seed-{seed}.jsonl")
        print(f"seed-{seed}.jsonl: {len(shown[seed] - known)} new, such as {min(shown[seed] - known)}")
        known |= shown[seed]
    return 0


def _shown(seeds: int) -> dict[int, set[str]]:
    found = {}
    for seed in range(seeds):
        try:
            history = recorded(seed)
        except (Broken, AssertionError):
            continue
        if sum(map(len, history.batches)) <= EVENTS_MAX:
            found[seed] = set(history.features())
    return found


if __name__ == "__main__":
    sys.exit(main())
