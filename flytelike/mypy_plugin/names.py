"""The SDK's names, as mypy knows them."""

SDK = "flytelike.sdk"
ENTITY = f"{SDK}.entity.NodeEntity"
OVERRIDDEN = f"{SDK}.entity.Overridden"
LAUNCH_PLAN = f"{SDK}.launch_plan.LaunchPlan"
NODE = f"{SDK}.create_node.Node"
CREATE_NODE = f"{SDK}.create_node.create_node"
WORKFLOW = f"{SDK}.workflow.workflow"
DECORATORS = frozenset(
    {
        f"{SDK}.task.task",
        f"{SDK}.dynamic.dynamic",
        WORKFLOW,
        f"{SDK}.reference.reference_task",
        f"{SDK}.reference.reference_workflow",
        f"{SDK}.reference.reference_launch_plan",
    }
)
"""Decorators that make an entity of a function."""
