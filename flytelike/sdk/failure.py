"""Failure handlers: what runs when a workflow fails, and what it is given."""

import typing
from collections.abc import Iterable

from flytelike.sdk.entity import AnyEntity
from flytelike.sdk.faults import fault, label
from flytelike.sdk.signature import Hint
from flytelike.sdk.source import CallSite
from flytelike.sdk.trace import Trace, TracedNode

FAILURE_NODE = "fn0"
"""The id that Flyte's SDK gives to the node."""


def failure_node(trace: Trace, handler: AnyEntity, inputs: Iterable[str], site: CallSite) -> TracedNode:
    """Return the node of a handler: it takes the workflow's inputs of the same names, and the error.

    A faulty call is told among the trace's faults.
    """
    errors = error_inputs(handler)
    known = frozenset(inputs)
    arguments = {name: trace.input(name) for name in handler.callable_inputs if name in known and name not in errors}
    for name in handler.required_inputs:
        if name not in arguments and name not in errors:
            trace.faults.append(
                fault(
                    "missing-input",
                    f"`{handler.short_name}` runs when `{trace.name}` fails, and needs `{name}`, which nobody gives",
                    site.span,
                    "a handler is given the workflow's inputs and the error",
                    help=(f"give `{name}` a default, or the workflow an input of this name",),
                    related=(label(handler.signature.input_span(name), "declared here"),),
                )
            )
    node = TracedNode(trace, 0, handler, arguments, site)
    node.options = {"node_name": FAILURE_NODE, "name": handler.node_name}
    return node


def error_inputs(handler: AnyEntity) -> tuple[str, ...]:
    """Return the inputs of a handler that take the failure."""
    return tuple(name for name, found in handler.signature.inputs.items() if is_error(found.hint))


def is_error(hint: Hint) -> bool:
    """Tell whether an annotation is that of the failure, or of the failure or None."""
    from flytelike.types.annotated import bare  # noqa: PLC0415 - what importing the SDK needn't pay
    from flytelike.types.error import FlyteError  # noqa: PLC0415 - as above

    return bare(hint) is FlyteError or any(is_error(inner) for inner in typing.get_args(bare(hint)))
