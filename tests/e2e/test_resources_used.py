"""What attempts asked of the machine and used of it, on a real platform."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf import json_format

from flytelike.model.phases import TaskPhase
from flytelike_idl.admin import task_execution_pb2 as pb
from tests.e2e.cli import Up, flytelike, up

pytestmark = pytest.mark.slow

MIB = 1 << 20
PLACE = {"project": "flytesnacks", "domain": "development"}

FLOWS = '''
"""Tasks of many sizes."""

import os

from flytelike import Resources, dynamic, task, workflow


@task(requests=Resources(cpu="1", mem="300Mi"), limits=Resources(mem="1Gi"))
def large(mebibytes: int) -> int:
    """Hold memory, and let it go."""
    return len(b"x" * (mebibytes << 20))


@task
def small(n: int) -> str:
    """Tell which process this is."""
    return str(os.getpid())


@task(retries=1, limits=Resources(mem="1Gi"))
def greedy(n: int) -> int:
    """Die at the first attempt, with much in its hands."""
    held = b"x" * (150 << 20)
    if os.environ["FLYTE_ATTEMPT_NUMBER"] == "0":
        os._exit(len(held) >> 60 or 3)
    return n


@dynamic
def spread(n: int) -> int:
    """Give a node with resources of its own."""
    return large(mebibytes=n).with_overrides(requests=Resources(mem="400Mi"))


@workflow
def sizes(n: int) -> tuple[str, str, int, int]:
    """One after another, in one warm worker."""
    before = small(n=n)
    held = large(mebibytes=n).with_overrides(limits=Resources(mem="2Gi"), requests=Resources(cpu="500m"))
    before >> held
    return before, small(n=held), greedy(n=held), spread(n=n)
'''


class Platform:
    """A platform with the workflow registered and executed."""

    def __init__(self, folder: Path, running: Up) -> None:
        self.folder = folder
        self.running = running

    def run(self, *words: str) -> dict:
        done = flytelike(self.folder / "data", *words, "--json", cwd=self.folder)
        assert done.code == 0, done.stderr
        return done.document

    def attempts(self, name: str, node: str) -> list[pb.TaskExecutionClosure]:
        """The attempts of a node."""
        key = {"nodeId": node, "executionId": {**PLACE, "name": name}}
        found = self.call("ListTaskExecutions", nodeExecutionId=key, limit=10)["taskExecutions"]
        numbered = sorted(found, key=lambda one: one["id"].get("retryAttempt", 0))
        return [json_format.ParseDict(one["closure"], pb.TaskExecutionClosure()) for one in numbered]

    def attempt(self, name: str, node: str) -> pb.TaskExecutionClosure:
        """The only attempt of a node."""
        (one,) = self.attempts(name, node)
        return one

    def defaults(self, **amounts: dict[str, str]) -> None:
        """Set what tasks of the domain get that ask for nothing, and what they may ask for at most."""
        setting = {**PLACE, "matchingAttributes": {"taskResourceAttributes": amounts}}
        self.call("UpdateProjectDomainAttributes", attributes=setting)

    def call(self, rpc: str, **request: object) -> dict:
        """Call an RPC of Flyte's own service."""
        url = f"{self.running.http}/api/flytelike.service.AdminService/{rpc}"
        asked = urllib.request.Request(url, json.dumps(request).encode(), {"content-type": "application/json"})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=30) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("sizes")
    (folder / "flows.py").write_text(FLOWS)
    with up(folder / "data", "--slots", "1") as running:
        yield Platform(folder, running)


@pytest.fixture(scope="module")
def done(platform: Platform) -> dict:
    """The execution, which went well."""
    return platform.run("execute", "flows.py", "sizes", "--n", "200")


def test_a_peak_is_the_attempts_own_though_its_worker_stays(platform: Platform, done: dict) -> None:
    name, outputs = done["execution"], done["outputs"]
    before, large, after = (platform.attempt(name, node).used.memory_peak_bytes for node in ("n0", "n1", "n2"))
    assert outputs["o0"] == outputs["o1"], "both ran in one process"
    assert 200 * MIB < large < 350 * MIB
    assert 0 < before < 120 * MIB
    assert 0 < after < 120 * MIB


def test_time_on_processors_is_less_than_there_was(platform: Platform, done: dict) -> None:
    one = platform.attempt(done["execution"], "n1")
    assert 0 < one.used.processor_ns < one.duration.ToNanoseconds() + 100_000_000


def test_what_an_attempt_asked_for_has_the_nodes_overrides(platform: Platform, done: dict) -> None:
    asked = platform.attempt(done["execution"], "n1").asked
    assert (asked.requests.cpu_milli, asked.requests.memory_bytes) == (500, 300 * MIB)
    assert asked.limits.memory_bytes == 2048 * MIB
    assert not platform.attempt(done["execution"], "n0").HasField("asked")


def test_each_attempt_has_its_own_numbers_also_one_whose_process_died(platform: Platform, done: dict) -> None:
    first, second = platform.attempts(done["execution"], "n3")
    assert (first.phase, second.phase) == (TaskPhase.RETRYABLE_FAILED, TaskPhase.SUCCEEDED)
    for one in (first, second):
        assert 150 * MIB < one.used.memory_peak_bytes < 300 * MIB
        assert one.asked.limits.memory_bytes == one.asked.requests.memory_bytes == 1024 * MIB


def test_nodes_that_a_task_gave_have_their_own_resources(platform: Platform, done: dict) -> None:
    nodes = platform.run("get", "execution", done["execution"])["nodes"]
    (inner,) = [node["node"] for node in nodes if node["node"].startswith("n4.")]
    one = platform.attempt(done["execution"], inner)
    assert one.asked.requests.memory_bytes == 400 * MIB
    assert one.used.memory_peak_bytes > 200 * MIB
    assert 0 < platform.attempt(done["execution"], "n4").used.memory_peak_bytes < 150 * MIB


def test_people_read_it_in_a_line_and_scripts_as_numbers(platform: Platform, done: dict) -> None:
    words = ("get", "execution", done["execution"], "n1")
    shown = flytelike(platform.folder / "data", *words, cwd=platform.folder)
    assert shown.code == 0, shown.stderr
    first, memory, processor = shown.stdout.splitlines()
    assert first == "attempt 0  succeeded"
    assert memory.endswith("of 300 MiB asked (limit 2 GiB)")
    assert "s over " in processor
    assert processor.endswith("CPU of 0.5 asked")
    (document,) = platform.run(*words)
    assert document["used"]["memory_peak_bytes"] == platform.attempt(done["execution"], "n1").used.memory_peak_bytes


def test_a_node_that_is_not_there_is_told(platform: Platform, done: dict) -> None:
    told = flytelike(platform.folder / "data", "get", "execution", done["execution"], "n9", cwd=platform.folder)
    assert told.code == 2
    assert "error[unknown-node-execution]: there is no node execution" in told.stderr


def test_defaults_and_bounds_of_the_platform_are_in_what_was_asked(platform: Platform, done: dict) -> None:
    platform.defaults(defaults={"memory": "123Mi"}, limits={"memory": "250Mi"})
    name = platform.run("execute", "flows.sizes", "--n", "10")["execution"]
    small, large = (platform.attempt(name, node).asked for node in ("n0", "n1"))
    assert small.requests.memory_bytes == small.limits.memory_bytes == 123 * MIB
    assert large.requests.memory_bytes == large.limits.memory_bytes == 250 * MIB
