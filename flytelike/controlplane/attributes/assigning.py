"""What tasks get of a setting for their resources. Pure."""

from flytelike.model.quantity import amount_of
from flytelike_idl.admin import matchable_resource_pb2 as pb
from flytelike_idl.core import compiler_pb2, tasks_pb2

_NAMES = {
    "cpu": tasks_pb2.Resources.CPU,
    "gpu": tasks_pb2.Resources.GPU,
    "memory": tasks_pb2.Resources.MEMORY,
    "storage": tasks_pb2.Resources.STORAGE,
    "ephemeral_storage": tasks_pb2.Resources.EPHEMERAL_STORAGE,
}


def assigned(
    closure: compiler_pb2.CompiledWorkflowClosure, setting: pb.TaskResourceAttributes
) -> compiler_pb2.CompiledWorkflowClosure:
    """Return a closure whose tasks ask for the defaults where they ask for nothing, and for no more than the limits.

    As in Flyte, it concerns containers; tasks that bring a whole pod say everything themselves. The closure itself is
    returned where the setting says nothing.
    """
    if not setting.ByteSize():
        return closure
    changed = compiler_pb2.CompiledWorkflowClosure()
    changed.CopyFrom(closure)
    for task in changed.tasks:
        if task.template.HasField("container"):
            assign(task.template.container.resources, setting)
    for workflow in (changed.primary, *changed.sub_workflows):
        for node in workflow.template.nodes:
            _bound_overrides(node, setting)
    return changed


def assign(resources: tasks_pb2.Resources, setting: pb.TaskResourceAttributes) -> None:
    """Fill what a task leaves open, and cut what is too much."""
    for field, name in _NAMES.items():
        requests, limits = _quantity(resources.requests, name), _quantity(resources.limits, name)
        asks = bool(requests or limits)
        least = getattr(setting.defaults, field)
        most = getattr(setting.limits, field)
        if not asks and least:
            requests = limits = least
        _set(resources.requests, name, _smaller(requests, most))
        _set(resources.limits, name, _smaller(limits, most))


def _bound_overrides(node: object, setting: pb.TaskResourceAttributes) -> None:
    """Cut what a node, or what it holds, asks for in place of its task."""
    target = node.WhichOneof("target")  # type: ignore[attr-defined]
    if target == "task_node" and node.task_node.overrides.HasField("resources"):  # type: ignore[attr-defined]
        only_limits = pb.TaskResourceAttributes(limits=setting.limits)
        assign(node.task_node.overrides.resources, only_limits)  # type: ignore[attr-defined]
    elif target == "array_node":
        _bound_overrides(node.array_node.node, setting)  # type: ignore[attr-defined]
    elif target == "branch_node":
        block = node.branch_node.if_else  # type: ignore[attr-defined]
        for inner in (block.case.then_node, *(other.then_node for other in block.other), block.else_node):
            _bound_overrides(inner, setting)


def _quantity(entries: object, name: int) -> str:
    return next((entry.value for entry in entries if entry.name == name), "")  # type: ignore[attr-defined]


def _set(entries: object, name: int, quantity: str) -> None:
    for entry in entries:  # type: ignore[attr-defined]
        if entry.name == name:
            entry.value = quantity
            return
    if quantity:
        entries.add(name=name, value=quantity)  # type: ignore[attr-defined]


def _smaller(quantity: str, most: str) -> str:
    if not quantity or not most:
        return quantity
    try:
        return quantity if amount_of(quantity) <= amount_of(most) else most
    except ValueError:
        return quantity  # Its attempt says what is wrong with it.
