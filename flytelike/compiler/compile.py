"""The door: templates in, closures or diagnostics out. All faults are collected."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, TypeVar

from flytelike.compiler.callee import Callee, launch_plan_inputs
from flytelike.compiler.faults import entity_fault
from flytelike.compiler.graph import linked
from flytelike.compiler.launch_plan import launch_plan_faults
from flytelike.compiler.nesting import all_nodes, renamed
from flytelike.compiler.task import task_faults
from flytelike.compiler.unused import unused_outputs
from flytelike.compiler.workflow import WorkflowCheck
from flytelike.model.closure import CompiledWorkflow, WorkflowClosure
from flytelike.model.diagnostic import Diagnostic, Severity
from flytelike.model.graph import (
    ArrayTarget,
    BranchTarget,
    Entity,
    GateTarget,
    LaunchPlanTarget,
    LaunchPlanTemplate,
    Node,
    SubWorkflowTarget,
    TaskTarget,
    TaskTemplate,
    WorkflowTemplate,
)
from flytelike.model.ids import Identifier
from flytelike.model.interface import TypedInterface

E = TypeVar("E", TaskTemplate, WorkflowTemplate, LaunchPlanTemplate)
Call: TypeAlias = TaskTarget | SubWorkflowTarget | LaunchPlanTarget


class Known(Protocol):
    """What was registered before; a reference that is not among the entities is looked up here."""

    def task(self, identifier: Identifier) -> TaskTemplate | None:
        """Return a registered task."""

    def workflow(self, identifier: Identifier) -> WorkflowClosure | None:
        """Return a registered workflow with all it needs."""

    def launch_plan(self, identifier: Identifier) -> LaunchPlanTemplate | None:
        """Return a registered launch plan."""

    def interface(self, workflow: Identifier) -> TypedInterface | None:
        """Return a registered workflow's interface."""


class Nothing:
    """Nothing was registered before."""

    def task(self, identifier: Identifier) -> TaskTemplate | None:  # noqa: ARG002
        """Return None."""
        return None

    def workflow(self, identifier: Identifier) -> WorkflowClosure | None:  # noqa: ARG002
        """Return None."""
        return None

    def launch_plan(self, identifier: Identifier) -> LaunchPlanTemplate | None:  # noqa: ARG002
        """Return None."""
        return None

    def interface(self, workflow: Identifier) -> TypedInterface | None:  # noqa: ARG002
        """Return None."""
        return None


@dataclass(frozen=True, slots=True)
class Compiled:
    """Everything checked and linked; `warnings` did not stop it."""

    tasks: Mapping[Identifier, TaskTemplate]
    workflows: Mapping[Identifier, WorkflowClosure]
    launch_plans: Mapping[Identifier, LaunchPlanTemplate]
    warnings: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """What is wrong: at least one error, in the order of the entities, with warnings among them."""

    diagnostics: tuple[Diagnostic, ...]


def compile(entities: Iterable[Entity], known: Known | None = None) -> Compiled | Rejected:  # noqa: A001
    """Compile entities that belong together.

    Args:
        entities: templates; they may refer to each other in any order.
        known: what was registered before.
    """
    work = Compilation(known or Nothing())
    for entity in entities:
        work.add(entity)
    return work.run()


def check(entities: Iterable[Entity], declared: Mapping[Identifier, TypedInterface]) -> tuple[Diagnostic, ...]:
    """Return everything that is wrong with entities, where what was registered before is not at hand.

    Args:
        entities: templates; they may refer to each other in any order.
        declared: the interfaces of what they refer to beside each other, as their author states them.
    """
    work = Compilation(Nothing(), declared)
    for entity in entities:
        work.add(entity)
    return work.diagnostics()


@dataclass(slots=True)
class Compilation:
    """One run of the compiler."""

    known: Known
    declared: Mapping[Identifier, TypedInterface] = field(default_factory=dict)
    tasks: dict[Identifier, TaskTemplate] = field(default_factory=dict)
    workflows: dict[Identifier, WorkflowTemplate] = field(default_factory=dict)
    launch_plans: dict[Identifier, LaunchPlanTemplate] = field(default_factory=dict)
    faults: list[Diagnostic] = field(default_factory=list)
    callees: dict[Identifier, Callee | None] = field(default_factory=dict)
    closures: dict[Identifier, WorkflowClosure] = field(default_factory=dict)
    linked: dict[Identifier, CompiledWorkflow | None] = field(default_factory=dict)

    def add(self, entity: Entity) -> None:
        """Take an entity in; the same one twice is fine, another of the same name is a fault."""
        match entity:
            case TaskTemplate():
                self._index(self.tasks, entity)
            case WorkflowTemplate():
                self._index(self.workflows, entity)
            case LaunchPlanTemplate():
                self._index(self.launch_plans, entity)

    def run(self) -> Compiled | Rejected:
        """Check everything and close the workflows over what they need."""
        found = self.diagnostics()
        if any(told.severity is Severity.ERROR for told in found):
            return Rejected(found)
        closures = {identifier: self.closure(identifier) for identifier in self.workflows}
        return Compiled(self.tasks, closures, self.launch_plans, found)

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Check everything."""
        for task in self.tasks.values():
            self.faults.extend(task_faults(task))
        for identifier in self.workflows:
            self.link(identifier)
        for cycle in self.cycles():
            self.faults.append(cycle)
        for plan in self.launch_plans.values():
            self.faults.extend(launch_plan_faults(plan, self.interface(plan.workflow)))
        return tuple(dict.fromkeys(self.faults))

    def link(self, identifier: Identifier) -> None:
        """Check and link one workflow of the entities."""
        workflow = renamed(self.workflows[identifier])
        check = WorkflowCheck.of(workflow, self.callee)
        self.faults.extend(check.run())
        edges = linked(workflow)
        self.faults.extend(edges.faults)
        self.faults.extend(unused_outputs(workflow, edges, check.callees.of))
        self.linked[identifier] = CompiledWorkflow(workflow, edges.upstream, edges.downstream)

    def callee(self, node: Node) -> Callee | Diagnostic | None:
        """Return the entity that a node runs, the fault of an unknown one, or None for a node that runs none."""
        match node.target:
            case TaskTarget(identifier) | SubWorkflowTarget(identifier) | LaunchPlanTarget(identifier):
                if identifier not in self.callees:
                    self.callees[identifier] = self._find(node, identifier) or self._declared(identifier)
                found = self.callees[identifier]
                return found if found is not None else not_found(node, identifier)
            case BranchTarget() | GateTarget() | ArrayTarget():
                return None

    def _find(self, node: Node, identifier: Identifier) -> Callee | None:
        match node.target:
            case TaskTarget():
                task = self.tasks.get(identifier) or self.known.task(identifier)
                return None if task is None else Callee.of("task", identifier, task.interface)
            case SubWorkflowTarget():
                interface = self.interface(identifier)
                return None if interface is None else Callee.of("workflow", identifier, interface)
            case _:
                plan = self.launch_plan(identifier)
                interface = None if plan is None else self.interface(plan.workflow)
                if plan is None or interface is None:
                    return None
                return Callee.of_launch_plan(identifier, launch_plan_inputs(plan, interface), interface.outputs)

    def _declared(self, identifier: Identifier) -> Callee | None:
        interface = self.declared.get(identifier)
        return None if interface is None else Callee.of(noun_of(identifier), identifier, interface)

    def launch_plan(self, identifier: Identifier) -> LaunchPlanTemplate | None:
        """Return a launch plan of the entities, or one registered before."""
        return self.launch_plans.get(identifier) or self.known.launch_plan(identifier)

    def interface(self, workflow: Identifier) -> TypedInterface | None:
        """Return the interface of a workflow of the entities, or of one registered before."""
        found = self.workflows.get(workflow)
        return found.interface if found is not None else self.known.interface(workflow)

    def cycles(self) -> Iterable[Diagnostic]:
        """Find sub-workflows that contain themselves."""
        done: set[Identifier] = set()
        for start in self.workflows:
            found = self._cycle(start, [], done)
            if found:
                done.update(found)  # one circle is told once, wherever one enters it
                names = " → ".join(f"`{short(identifier)}`" for identifier in found)
                span = self.workflows[found[0]].span
                yield entity_fault(
                    "workflow-contains-itself",
                    f"the workflow `{short(found[0])}` contains itself: {names}",
                    span,
                    "defined here",
                    "call it through a launch plan, which starts an execution of its own, or break the circle",
                )

    def _cycle(self, start: Identifier, path: list[Identifier], done: set[Identifier]) -> list[Identifier]:
        if start in path:
            return [*path[path.index(start) :], start]
        if start in done or start not in self.workflows:
            return []
        for inner in sub_workflows(self.workflows[start]):
            found = self._cycle(inner, [*path, start], done)
            if found:
                return found
        done.add(start)
        return []

    def closure(self, identifier: Identifier) -> WorkflowClosure:
        """Return a workflow with all it needs; its parts were checked before."""
        if identifier in self.closures:
            return self.closures[identifier]
        compiled = self.linked.get(identifier)
        if compiled is None:
            known = self.known.workflow(identifier)
            assert known is not None, "references were checked"
            return known
        tasks: dict[Identifier, TaskTemplate] = {}
        inner: dict[Identifier, CompiledWorkflow] = {}
        plans: dict[Identifier, TypedInterface] = {}
        for target in called(compiled.template):
            match target:
                case TaskTarget(task):
                    found = self.tasks.get(task) or self.known.task(task)
                    assert found is not None, "references were checked"
                    tasks[task] = found
                case SubWorkflowTarget(workflow):
                    closure = self.closure(workflow)
                    tasks.update(closure.tasks)
                    plans.update(closure.launch_plans)
                    inner.update(closure.sub_workflows)
                    inner[workflow] = closure.primary
                case LaunchPlanTarget(plan):
                    callee = self.callees[plan]
                    assert callee is not None, "references were checked"
                    plans[plan] = TypedInterface(callee.inputs, callee.outputs)
        self.closures[identifier] = WorkflowClosure(compiled, inner, tasks, plans)
        return self.closures[identifier]

    def _index(self, into: dict[Identifier, E], entity: E) -> None:
        other = into.setdefault(entity.id, entity)
        if other != entity:
            self.faults.append(
                entity_fault(
                    "duplicate-entity",
                    f"two different entities are named `{entity.id.name}`",
                    entity.span,
                    "the second",
                    "rename one of them",
                )
            )


def short(identifier: Identifier) -> str:
    """Return the last part of an entity's dotted name."""
    return identifier.name.rpartition(".")[2]


def called(workflow: WorkflowTemplate) -> Collection[Call]:
    """Return what a workflow's nodes run, each entity once, whatever the nodes override."""
    found: dict[Identifier, Call] = {}
    for node in all_nodes(workflow):
        match node.target:
            case (TaskTarget(identifier) | SubWorkflowTarget(identifier) | LaunchPlanTarget(identifier)) as call:
                found[identifier] = call
            case BranchTarget() | GateTarget() | ArrayTarget():
                pass  # The nodes they hold are among all nodes.
    return found.values()


def sub_workflows(workflow: WorkflowTemplate) -> Iterable[Identifier]:
    """Return the sub-workflows that a workflow's nodes run."""
    return dict.fromkeys(
        node.target.workflow for node in all_nodes(workflow) if isinstance(node.target, SubWorkflowTarget)
    )


def noun_of(identifier: Identifier) -> str:
    """Return the word for an entity's kind."""
    return identifier.kind.name.lower().replace("_", " ")


def not_found(node: Node, identifier: Identifier) -> Diagnostic:
    """Return the fault of a node that calls what does not exist."""
    noun = noun_of(identifier)
    return entity_fault(
        f"{noun.replace(' ', '-')}-not-found",
        f"the node `{node.id}` calls the {noun} `{identifier}`, which is not registered",
        node.span,
        "called here",
        f"register the {noun} first, or correct its project, domain, name and version",
    )
