"""The SDK's names, as mypy knows them."""

SDK = "flytelike.sdk"
ENTITY = f"{SDK}.entity.NodeEntity"
OVERRIDDEN = f"{SDK}.entity.Overridden"
LAUNCH_PLAN = f"{SDK}.launch_plan.LaunchPlan"
NODE = f"{SDK}.create_node.Node"
CREATE_NODE = f"{SDK}.create_node.create_node"
CONDITIONAL = f"{SDK}.conditional.conditional"
MAP_TASK = f"{SDK}.map_task.map_task"
ASKS = frozenset({f"{SDK}.conditional.{name}" for name in ("is_true", "is_false", "is_none")})
"""Functions that make a condition of a value to come."""
GATES = frozenset({f"{SDK}.gate.approve", f"{SDK}.gate.wait_for_input"})
WORKFLOW = f"{SDK}.workflow.workflow"
DYNAMIC = f"{SDK}.dynamic.dynamic"
EAGER = f"{SDK}.eager.eager"
DECORATORS = frozenset(
    {
        f"{SDK}.task.task",
        DYNAMIC,
        EAGER,
        WORKFLOW,
        f"{SDK}.reference.reference_task",
        f"{SDK}.reference.reference_workflow",
        f"{SDK}.reference.reference_launch_plan",
    }
)
"""Decorators that make an entity of a function."""
