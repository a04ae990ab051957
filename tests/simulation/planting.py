"""Show that the checkers bite: plant faults one at a time, each must be found.

`python -m tests.simulation.planting` plants all of them, two at a time.
"""

import argparse
import importlib
import importlib.machinery
import importlib.util
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from typing_extensions import override

from tests.simulation.array_mutants import ARRAY_MUTANTS
from tests.simulation.engine.mutants import ENGINE_MUTANTS
from tests.simulation.mutant import Mutant
from tests.simulation.mutants import MUTANTS

ALL = (*MUTANTS, *ARRAY_MUTANTS, *ENGINE_MUTANTS)
SEEDS = 2_000
SURVIVED = 3


class _Planter(importlib.machinery.SourceFileLoader, MetaPathFinder):
    """Loads one module with its fault; all others are left to Python."""

    def __init__(self, mutant: Mutant) -> None:
        spec = importlib.util.find_spec("propeller")
        assert spec
        assert spec.submodule_search_locations
        # To ask for the module itself would import the package around it.
        inside = mutant.module.split(".")[1:]
        super().__init__(mutant.module, str(Path(*spec.submodule_search_locations, *inside)) + ".py")
        self.mutant = mutant

    @override
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.mutant.module:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    @override
    def exec_module(self, module: ModuleType) -> None:
        source = Path(self.path).read_text()
        found = source.count(self.mutant.old)
        if found != 1:
            raise SystemExit(f"{self.mutant.name}: the text to replace occurs {found} times")
        exec(compile(source.replace(self.mutant.old, self.mutant.new), self.path, "exec"), module.__dict__)


def hunt(mutant: Mutant, seeds: int) -> int:
    """Plant the fault in this process and look for it; return the exit status."""
    sys.meta_path.insert(0, _Planter(mutant))
    world, broken_world = importlib.import_module(mutant.world), importlib.import_module("tests.simulation.run").Broken
    for seed in range(seeds):
        try:
            world.simulate(seed)
        except broken_world as broken:
            print(f"{seed + 1:5} seeds: {str(broken.cause)[:90]}")
            return 0
    print(f"SURVIVED {seeds} seeds")
    return SURVIVED


def hunt_apart(mutant: Mutant, seeds: int) -> tuple[Mutant, int, str]:
    """Plant the fault in a process of its own."""
    command = [sys.executable, "-m", "tests.simulation.planting", "--name", mutant.name, "--seeds", str(seeds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return mutant, done.returncode, (done.stdout + done.stderr).strip()


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", help="plant only this one, in this process")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    arguments = parser.parse_args()
    if arguments.name:
        return hunt(next(mutant for mutant in ALL if mutant.name == arguments.name), arguments.seeds)
    began, status = time.perf_counter(), 0
    with ThreadPoolExecutor(2) as pool:
        for mutant, code, said in pool.map(lambda one: hunt_apart(one, arguments.seeds), ALL):
            print(f"{mutant.name:45} {said}")
            status = status or code
    print(f"{len(ALL)} faults planted, {time.perf_counter() - began:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main())
