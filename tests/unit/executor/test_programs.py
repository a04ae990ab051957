"""Containers whose command is any program: they run as processes of this machine."""

import sys
from pathlib import Path

import pytest

from flytelike.model.failure import Fault
from tests.unit.executor.builders import Bench, gone, output

pytestmark = pytest.mark.anyio

COPY = """
import sys, os
from flytelike_idl.core import literals_pb2
message = literals_pb2.LiteralMap()
message.literals["o0"].scalar.primitive.integer = int(sys.argv[2])
os.makedirs(sys.argv[1])
open(sys.argv[1] + "/outputs.pb", "wb").write(message.SerializeToString())
print("ran")
"""


def python(source: str, *args: str) -> tuple[str, ...]:
    return (sys.executable, "-c", source, *args)


async def test_a_program_gets_its_inputs_by_templates_and_its_outputs_are_found(bench: Bench) -> None:
    spec = bench.site.spec(python(COPY, "{{ .OutputPrefix }}", "{{.inputs.n}}"), {"n": 5}, outputs=True)
    ended = await bench.end_of(spec)
    assert ended.failure is None
    assert output(spec) == 5
    assert await bench.log(spec.key) == b"ran\n"


async def test_a_program_without_outputs_needs_to_write_none(bench: Bench) -> None:
    assert (await bench.end_of(bench.site.spec(("true",)))).failure is None


@pytest.mark.parametrize(
    ("args", "code", "fault", "retryable", "text"),
    [
        (("false",), "NonZeroExit", Fault.USER, True, "exit code 1"),
        (("sh", "-c", "echo why; exit 3"), "NonZeroExit", Fault.USER, True, "why"),
        (("sh", "-c", "kill -TERM $$"), "KilledBySignal", Fault.USER, True, "SIGTERM"),
        (("sh", "-c", "kill -KILL $$"), "Interrupted", Fault.SYSTEM, True, "SIGKILL"),
        (("no-such-program", "x"), "ProgramNotFound", Fault.USER, False, "--image 'image=FOLDER'"),
        ((), "BadTaskFormat", Fault.USER, False, "has no command"),
        (("echo", "{{.inputs.gone}}"), "BadTaskFormat", Fault.USER, False, "there is no input gone"),
        (("echo", "{{.surprise}}"), "BadTaskFormat", Fault.USER, False, "{{.surprise}}"),
        (("echo", "a\0b"), "BadTaskFormat", Fault.USER, False, "NUL"),
    ],
)
async def test_a_program_that_fails(
    bench: Bench, args: tuple[str, ...], code: str, fault: Fault, retryable: bool, text: str
) -> None:
    failure = (await bench.end_of(bench.site.spec(args))).failure
    assert failure is not None
    assert (failure.code, failure.fault, failure.retryable) == (code, fault, retryable)
    assert text in failure.message


async def test_declared_outputs_that_are_missing(bench: Bench) -> None:
    failure = (await bench.end_of(bench.site.spec(("true",), outputs=True))).failure
    assert failure is not None
    assert (failure.code, failure.retryable) == ("OutputsNotFound", True)


async def test_an_error_document_counts_though_the_program_ended_well(bench: Bench) -> None:
    """Flyte's own entry point exits 0 for its author's faults."""
    source = """
import sys, os
from flytelike_idl.core import errors_pb2
os.makedirs(sys.argv[1])
error = errors_pb2.ContainerError(code="USER:KeyError", message="no such key", kind=1)
for name, data in (("error.pb", errors_pb2.ErrorDocument(error=error).SerializeToString()), ("outputs.pb", b"")):
    open(f"{sys.argv[1]}/{name}", "wb").write(data)
"""
    failure = (await bench.end_of(bench.site.spec(python(source, "{{.outputPrefix}}")))).failure
    assert failure is not None
    assert (failure.code, failure.message, failure.retryable) == ("USER:KeyError", "no such key", True)


FUTURES = """
import sys, os
from flytelike_idl.core import dynamic_job_pb2, workflow_pb2
os.makedirs(sys.argv[1])
job = dynamic_job_pb2.DynamicJobSpec(nodes=[workflow_pb2.Node(id="dn0")] if sys.argv[2] == "nodes" else [])
open(f"{sys.argv[1]}/futures.pb", "wb").write(job.SerializeToString())
"""


@pytest.mark.parametrize("outputs", [True, False])
async def test_nodes_to_run_next_are_not_taken_for_outputs(bench: Bench, outputs: bool) -> None:
    """A stock dynamic task ends well and leaves a workflow; to call that a success would skip its work."""
    spec = bench.site.spec(python(FUTURES, "{{.outputPrefix}}", "nodes"), outputs=outputs)
    assert (await bench.end_of(spec)).failure is None
    assert bench.listener.count("expanded", spec.key) == 1


async def test_a_document_without_nodes_is_what_a_power_cut_left(bench: Bench) -> None:
    spec = bench.site.spec(python(FUTURES, "{{.outputPrefix}}", "none"), outputs=True)
    failure = (await bench.end_of(spec)).failure
    assert failure is not None
    assert failure.code == "OutputsNotFound"


async def test_a_late_program_is_stopped_with_all_it_started(bench: Bench, tmp_path: Path) -> None:
    script = f"setsid sleep 1000 & echo $! > {tmp_path}/pid; trap '' TERM; while true; do sleep 0.05; done"
    ended = await bench.end_of(bench.site.spec(("sh", "-c", script), timeout_ms=300))
    assert ended.failure is not None
    assert ended.failure.code == "TimeoutExpired"
    assert await gone(int((tmp_path / "pid").read_text()))


async def test_what_a_program_leaves_running_ends_with_it(bench: Bench, tmp_path: Path) -> None:
    script = f"(setsid sleep 1000 > /dev/null 2>&1 & echo $! > {tmp_path}/pid)"
    assert (await bench.end_of(bench.site.spec(("sh", "-c", script)))).failure is None
    assert await gone(int((tmp_path / "pid").read_text()))


async def test_a_program_runs_in_an_empty_folder_of_its_own(bench: Bench) -> None:
    ended = await bench.end_of(bench.site.spec(("sh", "-c", "pwd; ls -a; echo > file; echo $TMPDIR")))
    where, *rest = (await bench.log(ended.spec.key)).decode().split()
    assert rest == [".", "..", str(Path(where).parent / "tmp")]


async def test_a_program_above_its_memory_is_killed(bench: Bench) -> None:
    source = "import signal; held = bytearray(b'x') * (300 << 20); signal.pause()"
    failure = (await bench.end_of(bench.site.spec(python(source), memory="200Mi"))).failure
    assert failure is not None
    assert failure.code == "OOMKilled"


async def test_the_task_template_is_written_when_asked_for(bench: Bench) -> None:
    ended = await bench.end_of(bench.site.spec(("cat", "{{.taskTemplatePath}}")))
    assert ended.failure is None
    assert b"development" in await bench.log(ended.spec.key)
