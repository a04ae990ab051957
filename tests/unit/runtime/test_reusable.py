"""The program of a pod that is kept: attempts one after another, each whole, with marks around what they print."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flytelike.codec.pod_orders import Begun, Ended, MarkReader, Order, Used, order_to_json
from propeller.executors.command import rendered
from propeller.executors.contract import contract_variables
from propeller.ports import AttemptSpec
from tests.unit.executor.builders import Site, alive, output


class Pod:
    """A worker's process with its mailbox and its log."""

    def __init__(self, root: Path, idle_s: float = 60) -> None:
        self.site = Site(root / "site")
        self.folder = root / "mail"
        self.folder.mkdir()
        env = {**os.environ, **self.site.env}
        words = [sys.executable, "-P", "-m", "flytelike.runtime.reusable", str(self.folder / "order"), str(idle_s)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/", env=env)
        self._marks = MarkReader()
        self._told: list[object] = []
        self._count = 0

    def order(self, spec: AttemptSpec) -> str:
        """Put an attempt into the mailbox; return its mark."""
        assert spec.task.container is not None
        self._count += 1
        mark = f"{self._count:032x}"
        args = rendered(spec.task.container.args, spec, {})
        self._put(Order(mark, args, {**contract_variables(spec), **spec.env}, grace_s=5))
        return mark

    def stop(self, mark: str) -> None:
        self._put(Order(mark, stop=True))

    def until_begun(self, mark: str) -> None:
        assert self._until(Begun, mark) is not None

    def until_ended(self, mark: str) -> tuple[Ended, bytes]:
        """Return how an order ended, and what was printed between its marks."""
        ended = self._until(Ended, mark)
        assert isinstance(ended, Ended), self._told
        begun = next((n for n, one in enumerate(self._told) if isinstance(one, Begun) and one.mark == mark), 0)
        between = self._told[begun : self._told.index(ended)]
        return ended, b"".join(one for one in between if isinstance(one, bytes))

    def until_exit(self) -> int:
        return self.process.wait(60)

    def used(self, spec: AttemptSpec) -> Used:
        """Run an attempt; return what it is told to have used before it ended."""
        ended, _ = self.run(spec)
        (found,) = [one for one in self._told if isinstance(one, Used) and one.mark == ended.mark]
        return found

    def run(self, spec: AttemptSpec) -> tuple[Ended, bytes]:
        return self.until_ended(self.order(spec))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()

    def _put(self, order: Order) -> None:
        (self.folder / ".new").write_text(order_to_json(order))
        (self.folder / ".new").rename(self.folder / "order")

    def _until(self, kind: type[Begun | Ended], mark: str) -> Begun | Ended | None:
        assert self.process.stdout is not None
        while True:
            for one in self._told:
                if isinstance(one, kind) and one.mark == mark:
                    return one
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                return None
            self._told += self._marks.feed(data)


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    pod = Pod(tmp_path_factory.mktemp("pod"))
    yield pod
    pod.close()


def error_code(spec: AttemptSpec) -> str:
    from flytelike_idl.core import errors_pb2

    return errors_pb2.ErrorDocument.FromString(Path(spec.output_prefix, "error.pb").read_bytes()).error.code


def test_attempts_run_one_after_another(pod: Pod) -> None:
    for n in range(3):
        spec = pod.site.attempt("double", {"n": n}, outputs=True)
        ended, _ = pod.run(spec)
        assert (ended.code, output(spec)) == (0, 2 * n)


def test_each_attempt_tells_what_it_used_also_one_that_ends_its_process(pod: Pod) -> None:
    large = pod.used(pod.site.attempt("hold", {"mebibytes": 200}))
    small = pod.used(pod.site.attempt("nothing"))
    dead = pod.used(pod.site.attempt("hold_and_die", {"mebibytes": 150}))
    assert small.memory_peak_bytes + (190 << 20) < large.memory_peak_bytes
    assert 150 << 20 < dead.memory_peak_bytes < large.memory_peak_bytes
    assert 0 < small.processor_ns < large.processor_ns


def test_what_an_attempt_prints_lies_between_its_marks_in_order(pod: Pod) -> None:
    _, printed = pod.run(pod.site.attempt("say", {"text": "hello"}))
    assert printed == b"hello\nto stderr\nno newline"


def test_a_failure_is_left_as_a_document_and_printed(pod: Pod) -> None:
    spec = pod.site.attempt("fail", {"text": "boom"})
    _, printed = pod.run(spec)
    assert error_code(spec) == "USER:ValueError"
    assert b"boom" in printed


@pytest.mark.parametrize(("task", "inputs", "code"), [("exit_at_once", {"code": 7}, 7), ("segfault", {}, 128 + 11)])
def test_an_attempt_that_ends_its_process_ends_nothing_else(
    pod: Pod, task: str, inputs: dict[str, object], code: int
) -> None:
    ended, _ = pod.run(pod.site.attempt(task, inputs))
    assert (ended.code, ended.out_of_memory) == (code, False)
    assert pod.run(pod.site.attempt("nothing"))[0].code == 0


def test_a_stop_ends_the_attempt_and_all_that_it_started_and_the_next_one_runs(pod: Pod, tmp_path: Path) -> None:
    mark = pod.order(pod.site.attempt("wait_for_ever", {"pid_file": str(tmp_path / "pid")}))
    pod.until_begun(mark)
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        pass
    pod.stop(mark)
    ended, _ = pod.until_ended(mark)
    assert ended.code in {128 + signal.SIGTERM, 128 + signal.SIGKILL}
    assert not alive(int((tmp_path / "pid").read_text()))
    assert pod.run(pod.site.attempt("nothing"))[0].code == 0


def test_what_was_stopped_before_it_began_is_told_to_have_ended(pod: Pod) -> None:
    pod.stop("ab" * 8)
    assert pod.until_ended("ab" * 8)[0].code == 128 + signal.SIGTERM


def test_who_waits_for_too_long_goes(tmp_path: Path) -> None:
    pod = Pod(tmp_path, idle_s=0)
    try:
        assert pod.until_exit() == 0
    finally:
        pod.close()


def test_a_deleted_pod_tells_of_no_end_that_it_did_not_see(tmp_path: Path) -> None:
    """The pod's status tells then, since it was not the attempt's doing."""
    pod = Pod(tmp_path)
    try:
        mark = pod.order(pod.site.attempt("wait_for_ever", {"pid_file": str(tmp_path / "pid")}))
        pod.until_begun(mark)
        pod.process.terminate()
        assert pod.until_exit() == 128 + signal.SIGTERM
        with pytest.raises(AssertionError):
            pod.until_ended(mark)
    finally:
        pod.close()


def test_an_order_that_cannot_be_read_is_passed_over(pod: Pod) -> None:
    (pod.folder / "order").write_text(json.dumps({"mark": "../../etc"}))
    assert pod.run(pod.site.attempt("nothing"))[0].code == 0
