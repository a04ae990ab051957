"""`python -m bench`: measure, print a table, and write `bench/results.json`."""

import asyncio
import json
import platform
import sys
from collections.abc import Callable
from pathlib import Path

from bench import authoring, compiling, limits, running, values
from bench.figure import Figure

SUITES: dict[str, Callable[[], list[Figure]]] = {
    "limits": limits.measure,
    "authoring": authoring.measure,
    "compiling": compiling.measure,
    "values": values.measure,
    "running": lambda: asyncio.run(running.measure()),
}


def main() -> None:
    """Run the suites named on the command line, or all."""
    wanted = sys.argv[1:] or list(SUITES)
    figures = [figure for name in wanted for figure in SUITES[name]()]
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
