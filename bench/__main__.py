"""`python -m bench [SUITE...]`: measure, print a table, and write `bench/results.json`.

Each suite runs in a process of its own: what one has imported would show in the forks and the memory of the next.
"""

import importlib
import inspect
import json
import platform
import subprocess
import sys
from pathlib import Path

import uvloop

from bench.figure import Figure

SUITES = (
    "limits",
    "authoring",
    "compiling",
    "values",
    "fairness",
    "sharing",
    "starting",
    "running",
    "large",
    "many",
    "arrays",
    "caching",
)
"""Modules of this package with a `measure`."""
INSIDE = "--inside"


def measured(suite: str) -> list[Figure]:
    """Run a suite in a process of its own."""
    command = [sys.executable, "-m", "bench", INSIDE, suite]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return [Figure(**found) for found in json.loads(done.stdout.splitlines()[-1])]


def measure_here(suite: str) -> None:
    """Run a suite in this process and print its figures as JSON."""
    figures = importlib.import_module(f"bench.{suite}").measure()
    found: list[Figure] = uvloop.run(figures) if inspect.iscoroutine(figures) else figures
    print(json.dumps([figure.document() for figure in found]))


def main() -> None:
    """Run the suites named on the command line, or all."""
    if sys.argv[1:2] == [INSIDE]:
        measure_here(sys.argv[2])
        return
    figures = [figure for suite in sys.argv[1:] or SUITES for figure in measured(suite)]
    width = max(len(figure.name) for figure in figures)
    for figure in figures:
        bound = f"   bounded by {figure.bound}" if figure.bound else ""
        aim = f"   aim {figure.aim}" if figure.aim else ""
        print(f"{figure.name:{width}}  {figure.value:10.3f} {figure.unit}{aim}{bound}")
    document = {
        "machine": {"python": platform.python_version(), "system": platform.system(), "processor": platform.machine()},
        "figures": [figure.document() for figure in figures],
    }
    Path(__file__).with_name("results.json").write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
