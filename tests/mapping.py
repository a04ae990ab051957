"""Workflows of one node made into workflows that map it: for tests and benchmarks of what runs arrays."""

from collections.abc import Callable
from dataclasses import replace

from flytelike.cli.authored import Authored
from flytelike.cli.registering import request_of
from flytelike.model.array import array_interface
from flytelike.model.graph import ArrayTarget, LaunchPlanTemplate, Node, WorkflowTemplate
from flytelike.model.ids import NodeId
from flytelike.model.interface import TypedInterface
from flytelike.model.policies import NodeMetadata

Change = Callable[[ArrayTarget], ArrayTarget]


def mapped(authored: Authored, names: dict[str, Change]) -> Authored:
    """Return what is registered when the only node of each named workflow goes through lists of its inputs.

    The workflow's inputs and outputs become those of the array, which `Change` may set up.
    """
    found = authored.templates
    interfaces: dict[str, TypedInterface] = {}
    workflows = []
    for workflow in found.workflows:
        change = names.get(workflow.id.name.rpartition(".")[2])
        lifted = workflow if change is None else mapping(workflow, change)
        if change is not None:
            interfaces[workflow.id.name] = lifted.interface
        workflows.append(lifted)
    plans = tuple(_lifted(plan, interfaces.get(plan.workflow.name)) for plan in found.launch_plans)
    templates = replace(found, workflows=tuple(workflows), launch_plans=plans)
    return replace(authored, templates=templates, request=request_of(templates))


def mapping(workflow: WorkflowTemplate, change: Change = lambda target: target) -> WorkflowTemplate:
    """Return a workflow whose only node is mapped."""
    (node,) = workflow.nodes
    inner = Node(NodeId(f"{node.id}-n0"), node.target, node.bindings, metadata=node.metadata)
    target = change(ArrayTarget(inner, original_interface=True))
    array = replace(node, target=target, metadata=NodeMetadata(name=node.metadata.name))
    return replace(workflow, nodes=(array,), interface=array_interface(target, workflow.interface))


def _lifted(plan: LaunchPlanTemplate, interface: TypedInterface | None) -> LaunchPlanTemplate:
    if interface is None:
        return plan
    inputs = {name: replace(old, variable=interface.inputs[name]) for name, old in plan.inputs.items()}
    return replace(plan, inputs=inputs)
