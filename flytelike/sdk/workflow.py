"""`@workflow`: a function whose body says which calls feed which."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, TypedDict, overload

from typing_extensions import Unpack, override

from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.ids import ResourceKind
from flytelike.model.policies import FailurePolicy, WorkflowMetadata
from flytelike.sdk.body import Graph, duplicate_ids, outputs_of
from flytelike.sdk.documentation import Documentation
from flytelike.sdk.entity import AnyEntity, NodeEntity, P, R
from flytelike.sdk.failure import failure_node
from flytelike.sdk.faults import fault
from flytelike.sdk.local import check_inputs
from flytelike.sdk.local_run import run_nodes
from flytelike.sdk.option_rules import OptionFault, unknown_options, wrong_types
from flytelike.sdk.raised import raised_fault
from flytelike.sdk.signature import plain_function
from flytelike.sdk.source import option_site, option_span
from flytelike.sdk.trace import Trace


class WorkflowOptions(TypedDict, total=False):
    """What `@workflow(...)` takes.

    Attributes:
        failure_policy: What a failed node does to the others.
        interruptible: Whether tasks may run on machines that can be taken away, unless they say.
        on_failure: A task or workflow to run when the workflow fails. It takes inputs of the workflow by name, and
            the failure as `err: FlyteError | None = None`.
        docs: Documentation, instead of the docstring.
    """

    failure_policy: FailurePolicy | None
    interruptible: bool
    on_failure: NodeEntity[..., Any] | None
    docs: Documentation | None


_TYPES: dict[str, tuple[type, ...]] = {
    "failure_policy": (FailurePolicy, type(None)),
    "interruptible": (bool,),
    "docs": (Documentation, type(None)),
}


class Workflow(NodeEntity[P, R]):
    """A workflow: the author's function, traced when first used."""

    resource_kind = ResourceKind.WORKFLOW

    def __init__(self, function: Callable[P, R], options: WorkflowOptions) -> None:
        """Wrap a function; what is wrong with it or its options is told when it is first used."""
        plain_function(function)
        super().__init__(function, "workflow")
        self.options = options

    @property
    def metadata(self) -> WorkflowMetadata:
        """The options in the model's terms."""
        policy = self.options.get("failure_policy")
        return WorkflowMetadata(
            FailurePolicy.FAIL_IMMEDIATELY if policy is None else policy, self.options.get("interruptible", False)
        )

    @property
    def handler(self) -> "AnyEntity | None":
        """What runs when the workflow fails."""
        found: object = self.options.get("on_failure")
        return found if isinstance(found, NodeEntity) else None

    @cached_property
    def graph(self) -> Graph:
        """The body's nodes and outputs, and what is wrong with it: what its own code raises too."""
        if self.signature.faults:
            return Graph((), {})
        hints = {name: found.hint for name, found in self.signature.inputs.items()}
        trace = Trace(self.short_name, self.signature.input_span, hints)
        promises = {name: trace.input(name) for name in self.signature.inputs}
        outputs: Mapping[str, object] = {}
        try:
            with trace.going_on():
                result = self.function(**promises)  # type: ignore[arg-type, call-arg]
            trace.faults.extend(begun.unfinished() for begun in trace.unfinished)
            outputs = outputs_of(self, trace, result)
        except DiagnosticError as error:
            trace.faults.extend(error.diagnostics)
        except Exception as error:  # noqa: BLE001 - the author's code may raise anything
            what = f"`{self.short_name}` cannot be put together"
            trace.faults.append(raised_fault("workflow-body-failed", what, error, self.span))
        trace.faults.extend(duplicate_ids(trace.nodes))
        failing = None
        if self.handler is not None:
            site = option_site(self.signature.code, "on_failure")
            failing = failure_node(trace, self.handler, self.signature.inputs, site)
        return Graph(tuple(trace.nodes), outputs, tuple(trace.faults), failing)

    @override
    def faults(self) -> Iterable[Diagnostic]:
        yield from (
            fault(
                found.code,
                found.headline,
                option_span(self.signature.code, found.option),
                help=filter(None, [found.help]),
            )
            for found in _option_faults(self.options)
        )
        yield from self.signature.faults
        yield from self.graph.faults

    @override
    def calls(self) -> Iterable[AnyEntity]:
        found = dict.fromkeys(node.entity for node in self.graph.nodes)
        return (*found, *(() if self.handler is None or self.handler in found else (self.handler,)))

    @override
    def run(self, inputs: Mapping[str, object]) -> Mapping[str, object]:
        """Run each node's Python function in the graph's order; what a task raises passes through."""
        check_inputs(self.short_name, self.signature, inputs)
        return run_nodes(self.graph.nodes, self.graph.outputs, inputs, self.graph.failure_node)


@overload
def workflow(function: Callable[P, R], /) -> Workflow[P, R]: ...


@overload
def workflow(**options: Unpack[WorkflowOptions]) -> Callable[[Callable[P, R]], Workflow[P, R]]: ...


def workflow(
    function: Callable[P, R] | None = None, /, **options: Unpack[WorkflowOptions]
) -> Workflow[P, R] | Callable[[Callable[P, R]], Workflow[P, R]]:
    """Make a workflow of a function. Used with or without parentheses.

    Args:
        function: The function, when used without parentheses.
        **options: See `WorkflowOptions`.
    """
    if function is not None:
        return Workflow(function, options)
    return lambda decorated: Workflow(decorated, options)


def _option_faults(options: WorkflowOptions) -> Iterator[OptionFault]:
    yield from unknown_options(options, {**_TYPES, "on_failure": ()})
    yield from wrong_types(options, _TYPES)
    handler: object = options.get("on_failure")
    if handler is not None and not isinstance(handler, NodeEntity):
        headline = f"`on_failure` must be a task or workflow, not {type(handler).__name__}"
        yield OptionFault("invalid-option", "on_failure", headline)
