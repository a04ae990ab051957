"""Workflows of many nodes: time and memory per node, which must not grow with their number."""

import json
import subprocess
import sys
from pathlib import Path

from bench.authoring import compiled
from bench.figure import Figure, median_s

SIZES = {1_000: 5, 10_000: 3, 50_000: 1}
"""Numbers of nodes, and how often each is measured."""
AIMS = {10_000: ("< 1.5 s", "< 200 MB")}


def measure() -> list[Figure]:
    """Trace, compile and digest chains of tasks, each size in a process of its own."""
    figures = []
    for nodes, times in SIZES.items():
        command = [sys.executable, "-m", "bench.compiling", str(nodes), str(times)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        time_aim, memory_aim = AIMS.get(nodes, ("", ""))
        per_node = f"{found['seconds'] / nodes * 1e6:.0f} µs a node"
        per_node_memory = f"{found['bytes'] / nodes / 1e3:.1f} kB a node"
        name = f"trace, compile, digest {nodes:,} nodes"
        figures.append(Figure(name, found["seconds"], "s", time_aim, per_node))
        figures.append(Figure(f"{name}: memory", found["bytes"] / 1e6, "MB", memory_aim, per_node_memory))
    return figures


def peak_bytes() -> int:
    """Return the most memory that this process has had resident since the last `forget_peak` (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024


def forget_peak() -> None:
    """Let the peak begin at what is resident now."""
    Path("/proc/self/clear_refs").write_text("5")


def main() -> None:
    """Measure one size in this process."""
    nodes, times = map(int, sys.argv[1:])
    compiled(10)
    forget_peak()
    before = peak_bytes()
    compiled(nodes)
    memory = peak_bytes() - before
    print(json.dumps({"seconds": median_s(lambda: compiled(nodes), times), "bytes": memory}))


if __name__ == "__main__":
    main()
