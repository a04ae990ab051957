"""Show that the checkers bite: plant faults in the core one at a time, each must be found.

`python -m tests.simulation.mutants` plants all of them, two at a time.
"""

import argparse
import importlib.machinery
import importlib.util
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from typing_extensions import override

SEEDS = 2_000
SURVIVED = 3


@dataclass(frozen=True)
class Mutant:
    """A fault: in `module`, the text `old` (which occurs once) reads `new`."""

    name: str
    module: str
    old: str
    new: str


def _mutant(name: str, module: str, old: str, new: str) -> Mutant:
    return Mutant(name, f"propeller.core.{module}", old, new)


_STALE = "if not isinstance(state, Started | Running) or state.attempt != event.attempt:\n        return\n    place"
_OPEN = "if not isinstance(state, Started | Running):\n        return\n    place"

MUTANTS = (
    _mutant("a stale success is accepted", "task_node", _STALE, _OPEN),
    _mutant(
        "a stale failure is accepted",
        "task_node",
        "Started | Running) and state.attempt == event.attempt",
        "Started | Running)",
    ),
    _mutant("a stale child is accepted", "launch_plan_node", "state.attempt != event.attempt or ", ""),
    _mutant("a child that goes on has ended", "launch_plan_node", " or not event.phase.terminal", ""),
    _mutant(
        "outputs of a stale scope are accepted",
        "sub_workflow_node",
        "if isinstance(state, Collecting) and state.attempt == event.attempt:\n        _succeed",
        "if isinstance(state, Collecting):\n        _succeed",
    ),
    _mutant("events count after the end", "evaluate", "if turn.header.ended:", "if False:"),
    _mutant("one retry too many", "retry", "user_failures > budget.retries", "user_failures > budget.retries + 1"),
    _mutant("one retry too few", "retry", "user_failures > budget.retries", "user_failures >= budget.retries"),
    _mutant(
        "one restart too many",
        "retry",
        "system_failures > budget.system_retries",
        "system_failures > budget.system_retries + 1",
    ),
    _mutant("no pause", "retry", "return min(FIRST_PAUSE_NS", "return 0 * min(FIRST_PAUSE_NS"),
    _mutant("the pause does not grow", "retry", "<< min(system_failures - 1, 16)", "<< 0"),
    _mutant("whose fault it is does not matter", "retry", "if failure.fault is Fault.SYSTEM:", "if False:"),
    _mutant(
        "what is not retryable is retried",
        "retry",
        "if not failure.retryable:\n        return GiveUp(failure, exhausted=False)\n    if",
        "if",
    ),
    _mutant("used-up retries are not told", "retry", "code=EXHAUSTED + failure.code", "code=failure.code"),
    _mutant("a scope is retried too often", "retry", "failures + 1 > retries", "failures > retries"),
    _mutant("nodes start before all above them", "index", ".upstream)\n", ".upstream) - 1\n"),
    _mutant("failure policies are swapped", "settle", "on_failure is FailurePolicy", "on_failure is not FailurePolicy"),
    _mutant(
        "skips do not go on",
        "settle",
        "case Skipped():\n            _skip_below(turn, place)",
        "case Skipped():\n            pass",
    ),
    _mutant("one node too many at once", "settle", "turn.tally.slots < limit", "turn.tally.slots <= limit"),
    _mutant("held nodes are forgotten", "turn", "if self.tally.held == 0:", "if True:"),
    _mutant(
        "a pause gives its slot away", "node_state", "Running, BackingOff, ChildRunning}", "Running, ChildRunning}"
    ),
    _mutant("the line is forgotten on reload", "state", "in sorted(held)", "in sorted(held, reverse=True)"),
    _mutant(
        "attempts outlive their scope",
        "stop",
        "turn.commands.append(task_node.abort_command(place, attempt, reason))",
        "pass",
    ),
    _mutant(
        "children outlive their parent",
        "stop",
        "turn.commands.append(launch_plan_node.abort_command(place, attempt, reason))",
        "pass",
    ),
    _mutant("inner scopes are not stopped", "stop", "stop_scope(turn, scope_of(path, attempt), reason)", "pass"),
    _mutant(
        "a hanging attempt is not stopped",
        "task_node",
        "turn.commands.append(abort_command(place, state.attempt, failure.message))\n",
        "pass\n",
    ),
    _mutant(
        "any timer is a deadline",
        "task_node",
        "isinstance(state, Running) and event.stamp == deadline.stamp(state.attempt, state.started_ns)",
        "isinstance(state, Running)",
    ),
    _mutant("no deadline", "task_node", "if timeout_ns:", "if False:"),
    _mutant("any timer ends a pause", "task_node", " and event.stamp == deadline.retry_stamp(state.attempt)", ""),
    _mutant("the last failure is the execution's", "execution", "if status.failure is None:\n", "if True:\n"),
    _mutant("the last chance is interruptible", "task_node", "system_failures >= node.system_retries", "False"),
    _mutant(
        "pauses are lost in a restart",
        "resume",
        "yield deadline.retry(place.path, node.attempt, until_ns)",
        "pass",
    ),
    _mutant(
        "attempts are lost in a restart",
        "resume",
        "yield task_node.start_command(plan, place, work, node, state.header.limits)",
        "pass",
    ),
    _mutant(
        "a success is recorded twice",
        "task_node",
        "turn.tell_node(place, NodePhase.SUCCEEDED)",
        "turn.tell_node(place, NodePhase.SUCCEEDED); turn.tell_node(place, NodePhase.SUCCEEDED)",
    ),
    _mutant("outputs are not waited for", "execution", "if turn.plan.primary.has_outputs:", "if False:"),
    _mutant("a node overrides its task's retries with nothing", "plan", "retries or of_task.retries", "retries"),
)


class _Planter(importlib.machinery.SourceFileLoader, MetaPathFinder):
    """Loads one module with its fault; all others are left to Python."""

    def __init__(self, mutant: Mutant) -> None:
        spec = importlib.util.find_spec(mutant.module)
        assert spec
        assert spec.origin
        super().__init__(mutant.module, spec.origin)
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
        with open(self.path, encoding="utf-8") as file:  # noqa: PTH123 - `path` is the loader's own text
            source = file.read()
        found = source.count(self.mutant.old)
        if found != 1:
            raise SystemExit(f"{self.mutant.name}: the text to replace occurs {found} times")
        exec(compile(source.replace(self.mutant.old, self.mutant.new), self.path, "exec"), module.__dict__)


def hunt(mutant: Mutant, seeds: int) -> int:
    """Plant the fault in this process and look for it; return the exit status."""
    sys.meta_path.insert(0, _Planter(mutant))
    from tests.simulation.run import Broken, simulate

    for seed in range(seeds):
        try:
            simulate(seed)
        except Broken as broken:
            print(f"{seed + 1:5} seeds: {str(broken.cause)[:90]}")
            return 0
    print(f"SURVIVED {seeds} seeds")
    return SURVIVED


def hunt_apart(mutant: Mutant, seeds: int) -> tuple[Mutant, int, str]:
    """Plant the fault in a process of its own."""
    command = [sys.executable, "-m", "tests.simulation.mutants", "--name", mutant.name, "--seeds", str(seeds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return mutant, done.returncode, (done.stdout + done.stderr).strip()


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", help="plant only this one, in this process")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    arguments = parser.parse_args()
    if arguments.name:
        return hunt(next(mutant for mutant in MUTANTS if mutant.name == arguments.name), arguments.seeds)
    began, status = time.perf_counter(), 0
    with ThreadPoolExecutor(2) as pool:
        for mutant, code, said in pool.map(lambda one: hunt_apart(one, arguments.seeds), MUTANTS):
            print(f"{mutant.name:45} {said}")
            status = status or code
    print(f"{len(MUTANTS)} faults planted, {time.perf_counter() - began:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main())
