"""Whether values of a workflow can name data at all. Pure.

Most workflows of numbers and texts cannot, and their documents need not be read. A text is no reference,
even if it is a path: nobody could tell it from other texts.
"""

from flytelike_idl.core import compiler_pb2, interface_pb2, types_pb2

_PLAIN = frozenset(
    {
        types_pb2.NONE,
        types_pb2.INTEGER,
        types_pb2.FLOAT,
        types_pb2.STRING,
        types_pb2.BOOLEAN,
        types_pb2.DATETIME,
        types_pb2.DURATION,
        types_pb2.ERROR,
    }
)


def may_name_data(closure: compiler_pb2.CompiledWorkflowClosure) -> bool:
    """Tell whether any input or output of a workflow, of its sub-workflows or tasks can name files or tables."""
    workflows = (closure.primary, *closure.sub_workflows)
    return any(_interface(workflow.template.interface) for workflow in workflows) or any(
        _interface(task.template.interface) for task in closure.tasks
    )


def _interface(interface: interface_pb2.TypedInterface) -> bool:
    variables = (*interface.inputs.variables.values(), *interface.outputs.variables.values())
    return any(_type(variable.type) for variable in variables)


def _type(kind: types_pb2.LiteralType) -> bool:
    match kind.WhichOneof("type"):
        case "simple":
            return kind.simple not in _PLAIN
        case "collection_type" | "map_value_type":
            return True  # Large ones lie in the store by themselves, whatever they hold.
        case "union_type":
            return any(_type(variant) for variant in kind.union_type.variants)
        case "enum_type":
            return False
        case _:
            return True
