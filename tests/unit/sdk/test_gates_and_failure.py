"""Gates, failure handlers, and workflows put together call by call."""

import io
from datetime import timedelta
from pathlib import Path

import pytest

from flytelike import FlyteError, Workflow, approve, conditional, sleep, task, wait_for_input, workflow
from flytelike.compiler import check
from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.gate import Approval, Signal, Sleep
from flytelike.model.graph import BranchTarget, GateTarget
from flytelike.model.types import INTEGER
from flytelike.sdk import modules
from flytelike.testing import SignalRefused, signals
from tests.unit.sdk.built import built, given, nodes_of, workflow_of

handled: list[tuple[str, FlyteError | None]] = []


@task
def double(n: int) -> int:
    if n > 100:
        raise ValueError("too large")
    return n * 2


@task
def add(a: int, b: int) -> int:
    return a + b


@task
def clean(n: int, note: str = "cleaned", err: FlyteError | None = None) -> None:
    handled.append((note, err))


@workflow(on_failure=clean)
def gated(n: int) -> int:
    approved = approve(double(n=n), "looks good", timeout=timedelta(hours=1))
    more = wait_for_input("more", timeout=None, expected_type=int)
    nap = sleep(timedelta(seconds=3))
    last = add(a=approved, b=more)
    nap >> last
    return last


class TestGates:
    def test_what_they_wait_for(self) -> None:
        nodes = nodes_of(gated)
        assert [node.target for node in nodes.values() if isinstance(node.target, GateTarget)] == [
            GateTarget(Approval("looks good")),
            GateTarget(Signal("more", INTEGER, "o0")),
            GateTarget(Sleep(3_000_000_000)),
        ]
        assert given(nodes["n1"].bindings) == {"o0": "n0.o0"}
        assert (nodes["n1"].metadata.timeout_ns, nodes["n2"].metadata.timeout_ns) == (3_600_000_000_000, None)
        assert nodes["n4"].upstream == ("n3",)

    def test_signals_are_given_to_local_runs(self) -> None:
        with signals({"looks good": True, "more": 4}):
            assert gated(n=3) == 10

    def test_who_is_not_approved_fails(self) -> None:
        with signals({"looks good": False, "more": 4}), pytest.raises(SignalRefused, match="looks good"):
            gated(n=3)

    @pytest.mark.parametrize(
        ("given_signals", "code"), [({}, "missing-signal"), ({"looks good": True, "more": "x"}, "value-mismatch")]
    )
    def test_signals_are_checked(self, given_signals: dict[str, object], code: str) -> None:
        with signals(given_signals), pytest.raises(DiagnosticError) as error:
            gated(n=3)
        assert [found.code for found in error.value.diagnostics] == [code]

    def test_a_person_is_asked_until_the_value_fits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        monkeypatch.setattr("sys.stdin", Terminal("yes\nmany\n4\n"))
        assert gated(n=3) == 10


class TestFailureHandlers:
    def test_it_takes_inputs_of_the_workflow_and_the_error(self) -> None:
        node = workflow_of(gated).failure_node
        assert node is not None
        assert (node.id, node.metadata.name) == ("fn0", "clean")
        assert given(node.bindings) == {"n": ".n", "note": "cleaned", "err": None}
        templates = built(gated)
        told = {found.code for found in check(templates.entities, templates.references)}
        assert told <= {"unsupported-node-kind"}

    def test_it_runs_when_a_local_run_fails(self) -> None:
        handled.clear()
        with pytest.raises(ValueError, match="too large"):
            gated(n=101)
        assert handled == [("cleaned", FlyteError("too large", "n0"))]


class TestImperativeWorkflows:
    def made(self) -> Workflow:
        made = Workflow(name="made.by.calls")
        n = made.add_workflow_input("n", int)
        first = made.add_entity(double, n=n)
        second = made.add_task(add, a=first.outputs["o0"], b=n)
        chosen = made.create_conditional("large").if_(n > 3).then(double(n=n)).else_().then(add(a=n, b=1))
        made.add_workflow_output("total", second.o0)
        made.add_workflow_output("all", [first.result, chosen], list[int])
        made.add_on_failure_handler(clean)
        return made

    def test_it_is_a_workflow_of_its_name(self) -> None:
        template = next(found for found in built(self.made()).workflows)
        assert template.id.name == "made.by.calls"
        assert list(template.interface.outputs) == ["total", "all"]
        assert [node.id for node in template.nodes] == ["n0", "n1", "n2"]
        assert isinstance(template.nodes[2].target, BranchTarget)
        assert template.failure_node is not None
        assert given(template.outputs) == {"total": "n1.o0", "all": ["n0.o0", "n2.o0"]}

    def test_it_runs_locally_and_inside_of_others(self) -> None:
        made = self.made()
        assert made(n=4) == (12, [8, 8])
        assert double(n=1) == 2  # a conditional that has ended takes no calls

        @workflow
        def outer(n: int) -> int:
            total, _ = made(n=n)
            return total

        assert outer(n=1) == 3

    def test_one_output_is_given_as_it_is(self) -> None:
        made = Workflow(name="single")
        made.add_workflow_output("twice", made.add_entity(double, n=2).o0)
        assert made() == 4
        assert made.ready()

    def test_it_is_found_in_its_module(self, tmp_path: Path) -> None:
        text = "from flytelike import Workflow\nwb = Workflow(name='a.b')\nwb.add_workflow_input('n', int)\n"
        (tmp_path / "imperatively.py").write_text(text, encoding="utf-8")
        loaded = modules.load([tmp_path])
        try:
            assert loaded.named("a.b") is loaded.named("wb") is loaded.named("")
        finally:
            loaded.forget()

    def test_what_is_begun_must_end(self) -> None:
        @workflow
        def begun(n: int) -> int:
            conditional("a").if_(n > 1).then(double(n=n))
            return double(n=n)

        assert [found.code for found in begun.faults()] == ["unfinished-conditional"]
