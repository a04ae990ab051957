"""What the command lines of the simulations have in common: seeds, spread over processes."""

import argparse
import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
BROKEN_SHOWN = 20


@dataclass(frozen=True)
class Asked:
    """One seed to show, or seeds to run in some processes."""

    seed: int | None
    seeds: range
    jobs: int

    def spread(self, many: Callable[[range], T], size: int) -> list[T]:
        """Return what `many` gives for each `size` seeds."""
        parts = [self.seeds[at : at + size] for at in range(0, len(self.seeds), size)]
        with multiprocessing.get_context("spawn").Pool(self.jobs) as pool:
            return pool.map(many, parts, chunksize=1)


def asked(description: str | None, seeds: str) -> Asked:
    """Read the command line; without `--seeds` it is `seeds`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seed", type=int, help="run this seed and print its trace")
    parser.add_argument("--seeds", default=seeds, help="run seeds A to B-1; a number N means 0:N")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    start, _, end = arguments.seeds.rpartition(":")
    return Asked(arguments.seed, range(int(start or 0), int(end)), arguments.jobs)


def tell_broken(broken: Sequence[tuple[int, str]], module: str) -> int:
    """Print the seeds that broke a rule and how to see one again; return the exit code."""
    for seed, what in broken[:BROKEN_SHOWN]:
        print(f"BROKEN {what}  (python -m {module} --seed {seed})")
    if broken:
        print(f"{len(broken)} seeds are broken")
    return 1 if broken else 0
