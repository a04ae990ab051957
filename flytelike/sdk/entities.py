"""Entities to templates: what registration sends and the compiler checks."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flytelike.model.caching import derived_version
from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.graph import (
    Entity,
    LaunchPlanTemplate,
    TaskTemplate,
    WorkflowTemplate,
)
from flytelike.model.ids import Identifier
from flytelike.model.interface import Parameter, TypedInterface, Variable
from flytelike.model.policies import TaskMetadata
from flytelike.model.span import SourceSpan
from flytelike.model.types import json_text
from flytelike.sdk.bindings import Place, bindings, literal_of
from flytelike.sdk.body import Graph
from flytelike.sdk.code_digest import code_parts
from flytelike.sdk.documentation import Documentation, documentation_of
from flytelike.sdk.entity import AnyEntity, reachable
from flytelike.sdk.faults import fault, label, raise_faults
from flytelike.sdk.instance_task import InstanceTask, not_in_module
from flytelike.sdk.launch_plan import LaunchPlan
from flytelike.sdk.launch_plan_options import packed_options, planned
from flytelike.sdk.naming import identifier_of, relative
from flytelike.sdk.node_templates import NodeTemplates
from flytelike.sdk.reference import Reference
from flytelike.sdk.remarks import remarks
from flytelike.sdk.settings import Settings
from flytelike.sdk.signature import NO_DEFAULT
from flytelike.sdk.task import Task
from flytelike.sdk.workflow import Workflow
from flytelike.types.registry import literal_type_of


@dataclass(frozen=True, slots=True)
class Templates:
    """Everything that registration needs, each entity once, and their documentation by name."""

    tasks: tuple[TaskTemplate, ...] = ()
    workflows: tuple[WorkflowTemplate, ...] = ()
    launch_plans: tuple[LaunchPlanTemplate, ...] = ()
    documentation: Mapping[Identifier, Documentation] = field(default_factory=dict)
    references: Mapping[Identifier, TypedInterface] = field(default_factory=dict)
    """What is registered already, with the interface that the author declares for it."""

    @property
    def entities(self) -> tuple[Entity, ...]:
        """All templates: tasks, workflows, launch plans."""
        return (*self.tasks, *self.workflows, *self.launch_plans)


def templates(entities: Iterable[AnyEntity], settings: Settings) -> Templates:
    """Return the templates of entities and of all they call, with each workflow's default launch plan.

    Raises:
        DiagnosticError: everything that is wrong with any of them.
    """
    found, faults = checked(entities, settings)
    raise_faults(faults)
    return found


def checked(entities: Iterable[AnyEntity], settings: Settings) -> tuple[Templates, tuple[Diagnostic, ...]]:
    """Return the templates of all sound entities, and everything that is wrong with the others.

    What calls a faulty entity is left out too: what could be said of it would follow from the fault.
    """
    found = list(dict.fromkeys(reachable(*entities)))
    faults = {entity: tuple(entity.faults()) for entity in found}
    while True:
        left_out = callers_of({entity for entity, told in faults.items() if told}, found)
        work = Assembly(settings)
        for entity in found:
            before = len(work.faults)
            if entity not in left_out:
                work.add(entity)
            faults[entity] += tuple(work.faults[before:])
        if not work.faults:  # else again, without the entities whose types were found to be faulty
            told = dict.fromkeys(one for every in faults.values() for one in every)
            told.update(dict.fromkeys(remarks(entity for entity in found if entity not in left_out)))
            return work.templates, tuple(told)


def callers_of(broken: set[AnyEntity], entities: Iterable[AnyEntity]) -> set[AnyEntity]:
    """Return entities together with all that call them, directly or not."""
    if not broken:
        return set()
    callers: dict[AnyEntity, list[AnyEntity]] = {}
    for entity in entities:
        for callee in entity.calls():
            callers.setdefault(callee, []).append(entity)
    found, waiting = set(broken), list(broken)
    while waiting:
        fresh = set(callers.get(waiting.pop(), ())) - found
        found |= fresh
        waiting.extend(fresh)
    return found


@dataclass(slots=True)
class Assembly:
    """Collects templates and faults."""

    settings: Settings
    tasks: dict[Identifier, TaskTemplate] = field(default_factory=dict)
    workflows: dict[Identifier, WorkflowTemplate] = field(default_factory=dict)
    launch_plans: dict[Identifier, LaunchPlanTemplate] = field(default_factory=dict)
    docs: dict[Identifier, Documentation] = field(default_factory=dict)
    faults: list[Diagnostic] = field(default_factory=list)
    references: dict[Identifier, TypedInterface] = field(default_factory=dict)
    nodes: NodeTemplates = field(init=False)
    places: dict[Identifier, SourceSpan] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Let what is wrong with nodes be told beside all else."""
        self.nodes = NodeTemplates(self.settings, self.faults)

    @property
    def templates(self) -> Templates:
        """What has been collected."""
        plans = tuple(self.launch_plans.values())
        tasks, workflows = tuple(self.tasks.values()), tuple(self.workflows.values())
        return Templates(tasks, workflows, plans, self.docs, self.references)

    def add(self, entity: AnyEntity) -> None:
        """Add an entity's template."""
        identifier = identifier_of(entity, self.settings)
        match entity:
            case Task():
                if identifier in self.tasks:
                    self.faults.append(self.duplicate(entity, identifier))
                self.places[identifier] = entity.signature.span
                self.tasks[identifier] = self.task(entity, identifier)
            case Workflow():
                self.workflows[identifier] = self.workflow(entity, identifier)
                self.plan(LaunchPlan.get_default_launch_plan(entity))
            case LaunchPlan():
                self.plan(entity)
            case Reference():
                self.references[identifier] = self.interface(entity, identifier)
            case _:
                return

    def task(self, task: Task[..., Any], identifier: Identifier) -> TaskTemplate:
        """Return a task's template."""
        if isinstance(task, InstanceTask) and not task.location[1] and task.found_by_variable:
            self.faults.append(not_in_module(task))
        policies, code = task.policies, self.code(task)
        return TaskTemplate(
            identifier,
            task.task_type,
            self.metadata(task, code),
            self.interface(task, identifier),
            task.container(self.settings),
            json_text(task.get_custom(self.settings)),
            config=task.get_config(self.settings),
            secrets=policies.secrets,
            span=self.relative(task.signature.span),
            code=code,
        )

    def duplicate(self, task: Task[..., Any], identifier: Identifier) -> Diagnostic:
        """Return the fault of a second task under one name: an attempt finds one function by it."""
        return fault(
            "duplicate-entity",
            f"two different entities are named `{identifier.name}`",
            task.signature.span,
            "the second",
            related=[label(self.places[identifier], "the first")],
            help=["a task is found by its function's name in its module: define each at the module's top level"],
        )

    def code(self, task: Task[..., Any]) -> dict[str, str]:
        """Return the digests of what a task's code is made of; none if it cannot be read.

        What a function made inside of another does depends on values that its text does not tell.
        """
        module = task.function.__module__
        if "<locals>" in task.function.__qualname__ and not isinstance(task, InstanceTask):
            return {}
        # Not the function's own file, which may be that of a decorator around it.
        file = getattr(sys.modules.get(module), "__file__", None) or ""
        return code_parts(module, task.function.__name__, self.settings.root, file)

    def metadata(self, task: Task[..., Any], code: dict[str, str]) -> TaskMetadata:
        """Return a task's policies; a cache version that is not given is derived from the code."""
        metadata = task.policies.metadata
        cache = metadata.cache
        if not cache.enabled or cache.version or not code:
            return metadata  # Code that cannot be read: results then belong to one version of the task.
        return replace(metadata, cache=replace(cache, version=derived_version(code)))

    def workflow(self, workflow: Workflow[..., Any], identifier: Identifier) -> WorkflowTemplate:
        """Return a workflow's template."""
        template = self.graph(workflow, workflow.graph, identifier)
        return replace(template, interface=self.interface(workflow, identifier), metadata=workflow.metadata)

    def graph(self, entity: AnyEntity, graph: Graph, identifier: Identifier) -> WorkflowTemplate:
        """Return the template of a traced body, which takes nothing."""
        signature = entity.signature
        outputs = signature.outputs
        place = Place(
            default=self.relative(signature.returned_span()),
            spans={},
            wanted=lambda name: outputs.described(name, entity.short_name),
            declared=lambda _: self.relative(signature.output_span()),
        )
        return WorkflowTemplate(
            identifier,
            TypedInterface({}, self.interface(entity, identifier).outputs),
            tuple(self.nodes.node(node) for node in graph.nodes),
            bindings(graph.outputs, outputs.hints, place, self.faults),
            failure_node=None if graph.failure_node is None else self.nodes.node(graph.failure_node),
            span=self.relative(signature.span),
        )

    def plan(self, plan: LaunchPlan[..., Any]) -> None:
        """Add a launch plan's template: its workflow's inputs with their defaults, and what is fixed."""
        identifier = identifier_of(plan, self.settings)
        workflow = identifier_of(plan.workflow, self.settings)
        interface = self.interface(plan.workflow, workflow)
        declared = plan.workflow.signature.inputs
        inputs: dict[str, Parameter] = {}
        fixed = {}
        for name, variable in interface.inputs.items():
            value = plan.default_inputs.get(name, declared[name].default)
            try:
                if name in plan.fixed_inputs:
                    fixed[name] = literal_of(plan.fixed_inputs[name], declared[name].hint)
                elif value is NO_DEFAULT:
                    inputs[name] = Parameter(variable)
                else:
                    inputs[name] = Parameter(variable, literal_of(value, declared[name].hint), required=False)
            except DiagnosticError as error:
                given = next((word for word in ("fixed_inputs", "default_inputs") if name in getattr(plan, word)), "")
                span = plan.span_of(given) if given else plan.workflow.signature.input_span(name)
                text = f"`{name}` of `{plan.short_name}`"
                self.faults.extend(
                    fault(told.code, f"{text}: {told.headline}", span, "given here", help=told.help)
                    for told in error.diagnostics
                )
        span = self.relative(plan.span) if plan.given_name else self.relative(plan.workflow.signature.span)
        self.launch_plans[identifier] = LaunchPlanTemplate(
            identifier, workflow, inputs, fixed, span, packed_options(plan.options), planned(plan.options)
        )

    def interface(self, entity: AnyEntity, identifier: Identifier) -> TypedInterface:
        """Return an entity's interface, described by its docstring."""
        signature = entity.signature
        docs = self.documentation(entity, identifier)
        inputs = {
            name: self.variable(
                found.hint, docs.inputs.get(name, ""), signature.input_span(name), f"`{name}` of `{entity.short_name}`"
            )
            for name, found in signature.inputs.items()
        }
        outputs = {
            name: self.variable(
                hint,
                docs.outputs.get(name, ""),
                signature.output_span(),
                signature.outputs.described(name, entity.short_name),
            )
            for name, hint in signature.outputs.hints.items()
        }
        return TypedInterface(inputs, outputs)

    def variable(self, hint: object, description: str, span: SourceSpan, what: str) -> Variable:
        """Return a variable, `what` in messages; an annotation without a literal type is a fault."""
        try:
            kind = literal_type_of(hint)
        except DiagnosticError as error:
            self.faults.extend(
                fault(told.code, f"{what}: {told.headline}", span, "declared here", help=told.help)
                for told in error.diagnostics
            )
            kind = literal_type_of(None)
        return Variable(kind, description, self.relative(span))

    def documentation(self, entity: AnyEntity, identifier: Identifier) -> Documentation:
        """Return an entity's documentation, read once."""
        if identifier not in self.docs:
            given = entity.options.get("docs") if isinstance(entity, Task | Workflow) else None
            outputs = tuple(entity.signature.outputs.hints)
            self.docs[identifier] = given or documentation_of(entity.function, outputs)
        return self.docs[identifier]

    def relative(self, span: SourceSpan) -> SourceSpan:
        """Return a span whose file is relative to the project's root."""
        return relative(span, self.settings.root)
