"""Importing, asking for help, and defining large workflows."""

import tempfile
import time
import tracemalloc
from pathlib import Path

from bench.figure import Figure, command_s, median_s
from flytelike import task, workflow
from flytelike.codec.closures import closure_to_proto
from flytelike.codec.digest import digest_of
from flytelike.compiler import Rejected, compile  # noqa: A004 - the compiler's door
from flytelike.sdk.code_digest import code_parts
from flytelike.sdk.entities import templates
from flytelike.sdk.settings import Settings
from flytelike.sdk.workflow import Workflow

SETTINGS = Settings("p", "d", "v", Path(__file__).parent, "sha256:" + "0" * 64)


@task
def step(x: int) -> int:
    """Do nothing."""
    return x


def chain(nodes: int) -> Workflow[[int], int]:
    """Return a workflow of `nodes` calls, each fed by the last."""

    @workflow
    def long(x: int) -> int:
        for _ in range(nodes):
            x = step(x=x)
        return x

    return long


def compiled(nodes: int) -> None:
    """Define, compile and digest a workflow."""
    found = templates([chain(nodes)], SETTINGS)
    outcome = compile(found.entities)
    assert not isinstance(outcome, Rejected)
    for closure in outcome.workflows.values():
        digest_of(closure_to_proto(closure))


def digesting_s(tasks: int) -> float:
    """Return the CPU time of digesting the code of so many tasks of a module that was not read before, in seconds."""
    shared = "".join(f"C{n} = {n}\ndef h{n}(x):\n    return x + C{n}\n" for n in range(5))
    calls = " + ".join(f"h{n}(x)" for n in range(5))
    own = "".join(f"@task\ndef t{n}(x: int) -> int:\n    y = {calls}\n    return y + {n}\n" for n in range(tasks))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "many.py").write_text(shared + own)
        before = time.process_time()
        parts = [code_parts("many", f"t{n}", Path(folder)) for n in range(tasks)]
        spent = time.process_time() - before
    assert all(len(found) == 11 for found in parts)
    return spent


def measure() -> list[Figure]:
    """Measure imports, `--help`, and workflows of 1,000 and 5,000 nodes."""
    bare = command_s(["-c", "pass"])
    imported = command_s(["-c", "from flytelike import task, workflow"])
    helped = command_s(["-m", "flytelike", "--help"])
    compiled(10)
    tracemalloc.start()
    compiled(5_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return [
        Figure("import flytelike", imported * 1e3, "ms", "< 120 ms", f"a Python start, {bare * 1e3:.0f} ms of it"),
        Figure("flytelike --help", helped * 1e3, "ms", "< 200 ms", f"a Python start, {bare * 1e3:.0f} ms of it"),
        Figure("define, compile, digest 1,000 nodes", median_s(lambda: compiled(1_000), 3), "s"),
        Figure("define, compile, digest 5,000 nodes", median_s(lambda: compiled(5_000), 3), "s", "< 0.8 s"),
        Figure("peak memory of 5,000 nodes", peak / 1e6, "MB"),
        Figure("digest the code of 1,000 tasks", digesting_s(1_000), "s", "< 1.5 s", "CPU time; five helpers shared"),
    ]
