"""Outputs of nodes: `create_node(...).o0`, or the fields of a NamedTuple."""

from mypy.plugin import AttributeContext
from mypy.types import AnyType, Instance, NoneType, TupleType, Type, get_proper_type


def output_type(ctx: AttributeContext) -> Type:
    """Return the type of an output; what is no output keeps the type that `Node` declares."""
    node = get_proper_type(ctx.type)
    if not isinstance(node, Instance) or not isinstance(get_proper_type(ctx.default_attr_type), AnyType):
        return ctx.default_attr_type
    name = getattr(ctx.context, "name", "")
    outputs = outputs_of(node.args[0])
    if name in outputs:
        return outputs[name]
    known = ", ".join(f"`{output}`" for output in outputs) or "none"
    ctx.api.fail(f"the node has no output `{name}`; its outputs are: {known}", ctx.context)
    return ctx.default_attr_type


def outputs_of(result: Type) -> dict[str, Type]:
    """Return what a function gives by output name."""
    match get_proper_type(result):
        case NoneType():
            return {}
        case TupleType(items=items, partial_fallback=fallback):
            named = fallback.type.metadata.get("namedtuple", {}).get("fields")
            names = named or [f"o{number}" for number in range(len(items))]
            return dict(zip(names, items, strict=False))
        case other:
            return {"o0": other}
