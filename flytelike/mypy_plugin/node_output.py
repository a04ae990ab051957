"""Outputs of nodes: `create_node(...).o0`, or the fields of a NamedTuple."""

from mypy.nodes import MemberExpr
from mypy.plugin import AttributeContext
from mypy.types import AnyType, Instance, Type, get_proper_type

from flytelike.mypy_plugin.meaning import outputs_of


def output_type(ctx: AttributeContext) -> Type:
    """Return the type of an output; what `Node` declares itself keeps its type."""
    node = get_proper_type(ctx.type)
    by_getattr = isinstance(get_proper_type(ctx.default_attr_type), AnyType)
    if not isinstance(node, Instance) or not isinstance(ctx.context, MemberExpr) or not by_getattr:
        return ctx.default_attr_type
    name, outputs = ctx.context.name, outputs_of(node.args[0])
    if name not in outputs:
        known = ", ".join(f"`{output}`" for output in outputs) or "none"
        ctx.api.fail(f"the node has no output `{name}`; its outputs are: {known}", ctx.context)
    return outputs.get(name, ctx.default_attr_type)
