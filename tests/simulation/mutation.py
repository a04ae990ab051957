"""Plant every small fault in propeller's core, one at a time; each must be found by a test, or be known to be none.

`python -m tests.simulation.mutation` goes through all of `propeller/core`, `--files settle,fairness/line` through some,
and `--sample N --seed S` plants some drawn at random. A fault is judged by the core's unit tests, then by the kept
histories, then by simulated worlds; one of the fair queue by the queue's own tests, which simulate it. Those that
nothing finds are printed, and fail the run unless `tests/simulation/equivalent.txt` says why they change nothing.
`tests/simulation/mutation.md` keeps what became of each module that was gone through; `--again` plants only those that
survived by its word.

Written for this project rather than taken from a library: those that there are copy the project for each run or rewrite
its functions, and know no judges but test runners; here a fault is a compiled module in a forked process.
The rules that worlds are held to (`CHECKERS`) are judges themselves: `make mutants` shows that they bite.
"""

import argparse
import importlib.util
import os
import random
import resource
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from itertools import groupby
from pathlib import Path
from types import CodeType, ModuleType

import hypothesis  # noqa: F401 - loaded once, ahead of all forks
import pytest
from typing_extensions import override

import flytelike.codec.closures  # noqa: F401 - the same
from tests.simulation.faults import Fault, faults_of, planted
from tests.simulation.mutation_table import TABLE, Row, read, written

ROOT = Path(__file__).resolve().parent.parent.parent
CORE = ROOT / "propeller/core"
UNIT = ROOT / "tests/unit/propeller_core"
GOLDEN = ROOT / "tests/golden/test_histories.py"
EQUIVALENT = Path(__file__).with_name("equivalent.txt")
ASIDE = {"test_core_simulation.py", "test_core_properties.py", "test_core_faults.py"}
"""Too slow for each fault, or not about the core."""
NEAR = {
    "array_node": "arrays",
    "branch_node": "branches",
    "cache_lookup": "cache",
    "deadline": "waits",
    "dynamic_node": "dynamic",
    "elements": "arrays",
    "gate_node": "waits",
    "retry": "tasks",
    "sub_workflow_node": "sub_workflows",
    "taking_over": "taking_over",
    "task_node": "tasks",
}
"""Which tests are likeliest to find the faults of a module: they run first."""
FAIRNESS = "fairness/"
CHECKERS = {"invariants", "array_invariants"}
FIRST = ("evaluate", "settle", "stop", "resume", "transitions", "task_node", "array_node", "branch_node", "gate_node")
"""The most important files come first."""
WORLDS = 60
CPU_S = 60
"""What one fault may take: one that goes round in circles is found so."""
FOUND, SURVIVED = 0, 3


@dataclass(frozen=True)
class Target:
    """A fault and the module it is planted in."""

    stem: str
    fault: Fault | None

    @property
    def name(self) -> str:
        """What it is known by."""
        return self.stem if self.fault is None else f"{self.stem} {self.fault.name}"

    def code(self) -> CodeType:
        """Return the module with the fault in it."""
        path = CORE / f"{self.stem}.py"
        source = path.read_text()
        return compile(source if self.fault is None else planted(source, self.fault), str(path), "exec")


class _Planter(Loader, MetaPathFinder):
    """Loads one module with its fault; all others are left to Python."""

    def __init__(self, module: str, code: CodeType) -> None:
        self.module = module
        self.code = code

    @override
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(fullname, self) if fullname == self.module else None

    @override
    def exec_module(self, module: ModuleType) -> None:
        exec(self.code, module.__dict__)


def targets(stems: Sequence[str]) -> list[Target]:
    """Return all faults of some modules of the core; of all of them, the most important first, if none is named."""
    files = (*CORE.glob("*.py"), *CORE.glob(f"{FAIRNESS}*.py"))
    present = sorted({path.relative_to(CORE).with_suffix("").as_posix() for path in files} - CHECKERS)
    chosen = stems or [*FIRST, *(stem for stem in present if stem not in FIRST)]
    return [Target(stem, fault) for stem in chosen for fault in faults_of((CORE / f"{stem}.py").read_text())]


def known() -> dict[str, str]:
    """Return the faults that change nothing, with the reason."""
    lines = [line for line in EQUIVALENT.read_text().splitlines() if line and not line.startswith("#")]
    return {name.strip(): reason.strip() for name, _, reason in (line.partition(" -- ") for line in lines)}


def found(target: Target) -> bool:
    """Plant a fault in a process of its own; tell whether anything finds it."""
    child = os.fork()
    if child == 0:
        _judge(target)
    _, status = os.waitpid(child, 0)
    return status != SURVIVED << 8


def _judge(target: Target) -> None:
    """Look for a fault, and end the process with what came of it."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    signal.alarm(CPU_S * 10)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    code = FOUND
    try:
        sys.meta_path.insert(0, _Planter(f"propeller.core.{target.stem.replace('/', '.')}", target.code()))
        code = SURVIVED if _passes(target.stem) else FOUND
    finally:
        os._exit(code)


def _passes(stem: str) -> bool:
    if stem.startswith(FAIRNESS):
        return _pass(UNIT / FAIRNESS)
    near = f"test_core_{NEAR.get(stem, '')}.py"
    unit = sorted((path for path in UNIT.glob("test_*.py") if path.name not in ASIDE), key=lambda it: it.name != near)
    if not _pass(*unit, GOLDEN):
        return False
    from tests.simulation.run import simulate_many  # noqa: PLC0415 - the core must not be there before its fault

    return not simulate_many(range(WORLDS)).broken


def _pass(*tests: Path) -> bool:
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--assert=plain", f"--rootdir={ROOT}"]
    return pytest.main([*options, *map(str, tests)]) == pytest.ExitCode.OK


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", default="", help="modules of the core, with commas between")
    parser.add_argument("--sample", type=int, default=0, help="how many faults to draw; all if not given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--again", action="store_true", help="only those that survived before")
    arguments = parser.parse_args()
    chosen = targets([stem for stem in arguments.files.split(",") if stem])
    if found(Target("evaluate", None)):
        print("the tests fail without any fault")
        return 1
    rows = read(TABLE.read_text()) if TABLE.exists() else {}
    if arguments.again:
        chosen = [it for it in chosen if it.fault and it.fault.name in rows.get(it.stem, Row()).survivors]
    elif arguments.sample:
        chosen = random.Random(arguments.seed).sample(chosen, min(arguments.sample, len(chosen)))
    survived = 0
    for stem, of_module in groupby(chosen, key=lambda target: target.stem):
        row = _judged(list(of_module))
        survived += len(row.survivors)
        if arguments.again:
            row = _completed(rows[stem], row)
        if arguments.again or not arguments.sample:
            rows[stem] = row
            TABLE.write_text(written(rows, {target.stem for target in targets([])}))
    return 1 if survived else 0


def _judged(chosen: Sequence[Target]) -> Row:
    """Plant faults one after the other, and tell of each that nothing finds."""
    row, harmless = Row(faults=len(chosen)), known()
    for target in chosen:
        assert target.fault
        if target.name in harmless:
            row.equivalent += 1
        elif found(target):
            row.found += 1
        else:
            row.survivors.append(target.fault.name)
            print(f"SURVIVED {target.name} (line {target.fault.line})", flush=True)
    print(f"{chosen[0].stem}: {row.faults} faults, {row.found} found, {row.equivalent} equivalent", flush=True)
    return row


def _completed(before: Row, again: Row) -> Row:
    """Return a row with what became of its survivors."""
    return Row(before.faults, before.found + again.found, before.equivalent + again.equivalent, again.survivors)


if __name__ == "__main__":
    sys.exit(main())
