"""Judges branches, gates and failure nodes: what was answered to them, and what they may do then."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flytelike.model.failure import Failure
from flytelike.model.ids import NodeId, NodePath
from flytelike.model.phases import NodePhase, WorkflowPhase
from tests.simulation.rules import must
from tests.unit.propeller_core.builders import GraphSketch, NodeSketch

if TYPE_CHECKING:
    from tests.simulation.checker import Checker

LOST = {NodePhase.FAILED, NodePhase.SKIPPED, NodePhase.TIMED_OUT}


@dataclass
class Kinds:
    """What really was decided and given, by path."""

    checker: "Checker"
    answers: dict[NodePath, Failure | NodeId] = field(default_factory=dict)
    signals: dict[NodePath, Failure | None] = field(default_factory=dict)

    # --- what really happens -------------------------------------------------------------------

    def decided(self, path: NodePath, answer: Failure | NodeId) -> None:
        self._must_run(path)
        self.answers[path] = answer

    def decided_by_values(self, path: NodePath, answer: Failure | NodeId) -> None:
        """Take what values must lead to, where nobody can be asked what was answered."""
        self.answers[path] = answer

    def given(self, path: NodePath, failure: Failure | None) -> None:
        must(path not in self.signals, f"{path}: its signal is given twice")
        self.signals[path] = failure

    def may_start(self, path: NodePath) -> None:
        """Judge that something really starts at `path`: branches around it chose it, failure nodes are alone."""
        checker = self.checker
        for place in _around(path):
            case = place
            while branch := checker.sketch(case).branch:
                chosen = self.answers.get(beside(case, branch))
                must(chosen == checker.sketch(case).id, f"{path}: starts, {branch} chose {chosen}")
                case = beside(case, branch)
            if self.is_cleanup(place):
                scope = place.rpartition(".")[0]
                inside = f"{scope}." if scope else ""
                others = [it for it in checker.live if it.startswith(inside) and not within(it, place)]
                must(not others, f"{path}: cleans up while {others} live")
                self._must_be_failing(scope)

    # --- what is recorded ----------------------------------------------------------------------

    def chosen(self, path: NodePath) -> bool:
        """Whether a branch has taken its answer in: its cases tell, but those that are skipped for a node above."""
        sketch = self.checker.sketch(path)
        inside = [beside(path, case) for case in sketch.cases]
        return len(inside) > 1 and any(
            self.checker.nodes[it].phase and not self.checker.lost_above(it) for it in inside
        )

    def skipped(self, path: NodePath, sketch: NodeSketch) -> bool:
        """Whether there is a reason for a node to be skipped that lies in a branch."""
        nodes = self.checker.nodes
        if sketch.branch:
            around = beside(path, sketch.branch)
            answer = self.answers.get(around)
            chosen_another = nodes[around].phase is NodePhase.RUNNING and answer not in (None, sketch.id)
            if chosen_another or nodes[around].phase in {*LOST, NodePhase.RECOVERED}:
                return True
        return bool(sketch.cases) and self._chosen_phase(path) is NodePhase.SKIPPED

    def passed_over(self, path: NodePath, sketch: NodeSketch) -> bool:
        """Whether the node is a case that its branch, now ended, did not choose, or a branch whose case was skipped."""
        if sketch.branch and self.answers.get(beside(path, sketch.branch)) != sketch.id:
            return True
        return bool(sketch.cases) and self._chosen_phase(path) is NodePhase.SKIPPED

    def succeeded(self, path: NodePath, sketch: NodeSketch) -> None:
        if sketch.is_gate:
            slept = sketch.sleep_ns is not None and self.checker.slept(path)
            must(slept or self.signals.get(path, sketch) is None, f"{path}: passed, and nobody gave its signal")
            return
        must(self._chosen_phase(path) is NodePhase.SUCCEEDED, f"{path}: succeeded, its case has not")
        for case in sketch.cases:
            other = beside(path, case)
            phase = self.checker.nodes[other].phase
            must(case == self.answers[path] or phase is NodePhase.SKIPPED, f"{other}: was not chosen and is {phase}")
            must(case == self.answers[path] or other not in self.checker.newest, f"{other}: ran and was not chosen")

    def failed(self, path: NodePath, sketch: NodeSketch, phase: NodePhase, failure: Failure) -> None:
        if sketch.is_gate:
            rung = self.checker.timed_out(path, 0)
            real = rung if phase is NodePhase.TIMED_OUT else self.signals.get(path) == failure
            must(real, f"{path}: {phase.name}, and nothing refused it")
            return
        answer = self.answers.get(path)
        if isinstance(answer, Failure):
            must(failure == answer, f"{path}: failed with {failure}, undecided for {answer}")
        else:
            case = self.checker.nodes[beside(path, str(answer))]
            must(case.failure == failure, f"{path}: failed with {failure}, its case with {case.failure}")

    def ended(self, graph: GraphSketch, scope: str, phase: WorkflowPhase | NodePhase) -> None:
        """Judge that a failure node ran, and to its end, if and only if its workflow failed."""
        if graph.cleanup is None:
            return
        came = self.checker.nodes[path_in(scope, graph.cleanup.id)].phase
        if phase.name in {"FAILED", "TIMED_OUT"}:
            ran = came in {NodePhase.SUCCEEDED, NodePhase.FAILED, NodePhase.TIMED_OUT}
            must(ran, f"{scope or 'execution'}: {phase.name}, its failure node is {came}")
        elif phase.name == "SUCCEEDED":
            must(came is None, f"{scope or 'execution'}: {phase.name}, its failure node is {came}")
        else:
            must(came in {None, NodePhase.ABORTED} or came.terminal, f"{scope}: {phase.name}, {came}")

    def reason(self, graph: GraphSketch, scope: str) -> Failure | None:
        """Return the failure of the failure node: it wins over the one it was told of."""
        return None if graph.cleanup is None else self.checker.nodes[path_in(scope, graph.cleanup.id)].failure

    def is_cleanup(self, path: NodePath) -> bool:
        scope, _, name = path.rpartition(".")
        cleanup = self.checker.graph_in(scope).cleanup
        return cleanup is not None and cleanup.id == name

    def _chosen_phase(self, path: NodePath) -> NodePhase | None:
        answer = self.answers.get(path)
        return None if answer is None or isinstance(answer, Failure) else self.checker.nodes[beside(path, answer)].phase

    def _must_run(self, path: NodePath) -> None:
        phase = self.checker.nodes[path].phase
        must(phase is not None and phase is not NodePhase.SKIPPED, f"{path}: is decided while {phase}")

    def _must_be_failing(self, scope: str) -> None:
        checker = self.checker
        if not scope:
            must(checker.phase is WorkflowPhase.FAILING, f"the failure node starts while {checker.phase.name}")
        else:
            phase = checker.nodes[NodePath(scope.rpartition(".")[0])].phase
            must(phase is NodePhase.FAILING, f"{scope}: the failure node starts while {phase}")


def path_in(scope: str, name: str) -> NodePath:
    return NodePath(f"{scope}.{name}" if scope else name)


def beside(path: NodePath, name: str) -> NodePath:
    return path_in(path.rpartition(".")[0], name)


def within(path: NodePath, outer: NodePath) -> bool:
    return path == outer or path.startswith(f"{outer}.")


def _around(path: NodePath) -> list[NodePath]:
    """Return a path and those of the sub-workflow nodes around it."""
    parts = path.split(".")
    return [NodePath(".".join(parts[: end + 1])) for end in range(0, len(parts), 2)]
