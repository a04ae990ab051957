"""`Workflow(name=...)`: a workflow put together call by call, by a program rather than by a function's body."""

from collections.abc import Callable, Mapping
from functools import cached_property
from inspect import Parameter
from inspect import Signature as PythonSignature
from typing import Any, TypeVar, cast

from typing_extensions import override

from flytelike.model.policies import FailurePolicy
from flytelike.model.span import SourceSpan
from flytelike.sdk.body import Graph, duplicate_ids
from flytelike.sdk.bound import misplaced, promises_in
from flytelike.sdk.conditional import Conditional, begun
from flytelike.sdk.construct import Made, PlacedSignature
from flytelike.sdk.create_node import Node
from flytelike.sdk.entity import NodeEntity, P, R
from flytelike.sdk.failure import failure_node
from flytelike.sdk.faults import fault, promise_inside
from flytelike.sdk.frames import author_frame, author_site
from flytelike.sdk.promise import Promise, VoidPromise, source_of
from flytelike.sdk.promised import hint_of
from flytelike.sdk.signature import Hint, Input, Outputs, Shape, Signature
from flytelike.sdk.source import CallSite
from flytelike.sdk.stand_in import StandIn
from flytelike.sdk.trace import Trace, no_value
from flytelike.sdk.workflow import Workflow, WorkflowOptions

T = TypeVar("T")

_DEPENDENT = ("signature", "graph", "callable_inputs", "required_inputs", "python_signature")
"""What follows from inputs, nodes and outputs, kept until these change."""


class ImperativeWorkflow(Workflow[..., Any]):
    """A workflow without a function: inputs, calls and outputs are added one by one.

        wb = Workflow(name="greeting")
        name = wb.add_workflow_input("name", str)
        node = wb.add_entity(greet, name=name)
        wb.add_workflow_output("text", node.outputs["o0"])

    It is registered under its name alone, runs locally when it is called, and is found in its module as others are.
    """

    def __init__(
        self,
        name: str,
        failure_policy: FailurePolicy | None = None,
        interruptible: bool = False,
    ) -> None:
        """Start empty.

        Args:
            name: The workflow's name, one in the project.
            failure_policy: What a failed node does to the others.
            interruptible: Whether tasks may run on machines that can be taken away, unless they say.
        """
        options: WorkflowOptions = {"failure_policy": failure_policy, "interruptible": interruptible}
        super().__init__(_stand_in(name, author_frame().f_globals.get("__name__", "")), options)
        self._made: Made = Made.here()
        self._takes: dict[str, Input] = {}
        self._sites: dict[str, CallSite] = {}
        self._gives: dict[str, Hint] = {}
        self._given: dict[str, object] = {}
        self._handler_site: CallSite = self._made.site
        self._hints: dict[str, Hint] = {}
        self._trace: Trace = Trace(name, self._input_span, self._hints)

    def add_workflow_input(self, input_name: str, python_type: type[T]) -> T:
        """Add an input; return what stands for its value."""
        self._sites[input_name] = author_site()
        self._takes[input_name] = Input(python_type)
        self._hints[input_name] = python_type
        self._changed()
        return cast("T", self._trace.input(input_name))

    def add_entity(self, entity: NodeEntity[P, R], *args: P.args, **kwargs: P.kwargs) -> Node[R]:
        """Add a call; return its node, whose results are `node.outputs` by name, and `node.result`."""
        self._changed()
        return Node(self._trace.record(entity, args, kwargs, author_frame()))

    def add_task(self, task: NodeEntity[P, R], *args: P.args, **kwargs: P.kwargs) -> Node[R]:
        """Add a call of a task; see `add_entity`."""
        return self.add_entity(task, *args, **kwargs)

    def add_subwf(self, sub_wf: NodeEntity[P, R], *args: P.args, **kwargs: P.kwargs) -> Node[R]:
        """Add a call of a workflow; see `add_entity`."""
        return self.add_entity(sub_wf, *args, **kwargs)

    def add_launch_plan(self, launch_plan: NodeEntity[P, R], *args: P.args, **kwargs: P.kwargs) -> Node[R]:
        """Add a call of a launch plan; see `add_entity`."""
        return self.add_entity(launch_plan, *args, **kwargs)

    def add_workflow_output(self, output_name: str, p: object, python_type: object = None) -> None:
        """Add an output.

        Args:
            output_name: Its name.
            p: The result of a node, or a list or dict of results.
            python_type: Its type; known for the result of a node.
        """
        if python_type is None and isinstance(p, Promise):
            python_type = hint_of(source_of(p))
        site = author_site()
        if python_type is None:
            self._trace.faults.append(
                fault(
                    "missing-annotation",
                    f"the output `{output_name}` of `{self.short_name}` is put together, and has no type",
                    site.span,
                    help=("say it: `python_type=list[int]`",),
                )
            )
            return
        if (outer := misplaced(p)) is not None:
            what = f"the output `{output_name}` of `{self.short_name}`"
            self._trace.faults.append(promise_inside(outer, what, site.span, site.span))
        for promise in promises_in(p):
            self._check_output(promise, output_name, site)
        self._gives[output_name] = python_type
        self._given[output_name] = p
        self._changed()

    def add_on_failure_handler(self, entity: NodeEntity[..., Any]) -> None:
        """Let a task or workflow run when the workflow fails; it takes the workflow's inputs, and the error."""
        self.options["on_failure"] = entity
        self._handler_site = author_site()
        self._changed()

    def create_conditional(self, name: str) -> Conditional:
        """Begin a conditional. Until it ends, calls of tasks belong to it."""
        self._changed()
        going_on = self._trace.going_on()
        going_on.__enter__()  # the conditional's end leaves it
        return begun(name, lambda: going_on.__exit__(None, None, None))

    @property
    def inputs(self) -> Mapping[str, Any]:
        """What stands for the inputs' values, by name."""
        return {name: self._trace.input(name) for name in self._takes}

    def ready(self) -> bool:
        """Tell whether it can run: there are calls, and nothing is begun that has not come to its end."""
        return bool(self._trace.nodes) and not self._trace.unfinished

    @property
    @override
    def registered_name(self) -> str:
        return self.short_name

    @cached_property
    @override
    def signature(self) -> Signature:
        shape = (Shape.NOTHING, Shape.SINGLE)[len(self._gives)] if len(self._gives) < 2 else Shape.TUPLE
        return PlacedSignature(self._takes, Outputs(self._gives, shape), self._made.code, site=self._made.site)

    @cached_property
    @override
    def python_signature(self) -> PythonSignature:
        return PythonSignature([Parameter(name, Parameter.KEYWORD_ONLY) for name in self._takes])

    @cached_property
    @override
    def graph(self) -> Graph:
        trace = self._trace
        told = len(trace.faults)
        trace.faults.extend(begun.unfinished() for begun in trace.unfinished)
        trace.faults.extend(duplicate_ids(trace.nodes))
        failing = None
        if self.handler is not None:
            failing = failure_node(trace, self.handler, self._takes, self._handler_site)
        faults = tuple(trace.faults)
        del trace.faults[told:]  # these follow from the state of now
        return Graph(tuple(trace.nodes), dict(self._given), faults, failing)

    def _check_output(self, promise: "Promise | VoidPromise | StandIn", name: str, site: CallSite) -> None:
        taker = f"the output `{name}` of `{self.short_name}`"
        match promise:
            case VoidPromise():
                called = promise.__flytelike_node__.entity.short_name
                headline = f"`{called}` has no output to return"
                self._trace.faults.append(fault("no-output-to-use", headline, site.span, "there is no value here"))
            case StandIn():
                self._trace.faults.append(no_value(promise, taker, site.span))
            case Promise() if source_of(promise).trace is not self._trace:
                self._trace.refuse_foreign(site.span)
            case Promise():
                pass

    def _input_span(self, name: str) -> SourceSpan:
        return self._sites[name].span

    def _changed(self) -> None:
        for name in _DEPENDENT:
            vars(self).pop(name, None)


def _stand_in(name: str, module: str) -> Callable[..., Any]:
    """Return what stands for the function: its name, and the module that makes the workflow."""

    def imperative() -> None: ...

    imperative.__name__ = imperative.__qualname__ = name
    imperative.__module__ = module
    return imperative
