"""Tracing: a workflow's body runs once with promises, and each call in it becomes a node."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, cast

from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.ids import NodeId
from flytelike.model.span import SourceSpan
from flytelike.model.suggestion import nearest
from flytelike.sdk.bound import bound_copy, holds_promise, misplaced, promises_in
from flytelike.sdk.faults import fault, label, promise_inside
from flytelike.sdk.frames import author_site
from flytelike.sdk.node_options import NodeOptions, node_id_of, node_option_faults
from flytelike.sdk.promise import Promise, VoidPromise, source_of
from flytelike.sdk.promised import Source
from flytelike.sdk.results import packed
from flytelike.sdk.signature import Hint, Shape
from flytelike.sdk.source import CallSite, call_site
from flytelike.sdk.stand_in import StandIn

if TYPE_CHECKING:
    from flytelike.sdk.entity import NodeEntity

_current: ContextVar["Trace | None"] = ContextVar("flytelike-trace", default=None)


def current_trace() -> "Trace | None":
    """Return the trace that is going on in this thread, if any."""
    return _current.get()


def trace_here(doing: str, instead: str) -> "Trace":
    """Return the trace that is going on.

    Raises:
        DiagnosticError: `no-workflow-here`: `doing` completes the headline, `instead` is what to do.
    """
    trace = current_trace()
    if trace is not None:
        return trace
    raise DiagnosticError(
        [
            fault(
                "no-workflow-here",
                f"{doing}, but none is being put together here",
                author_site().span,
                "outside a workflow's body",
                help=(instead,),
            )
        ]
    )


class Unfinished(Protocol):
    """Something that a body has to bring to an end."""

    def unfinished(self) -> Diagnostic:
        """Return the error for not having done so."""
        ...


class TracedNode:
    """One call in a workflow's body."""

    __slots__ = ("arguments", "entity", "index", "inside", "options", "site", "trace", "upstream")

    def __init__(
        self,
        trace: "Trace",
        index: int,
        entity: "NodeEntity[..., Any]",
        arguments: Mapping[str, object],
        site: CallSite,
    ) -> None:
        """Record that `entity` was called with `arguments` (values and promises by input)."""
        self.trace: Trace = trace
        self.index: int = index
        self.entity: NodeEntity[..., Any] = entity
        self.arguments: Mapping[str, object] = arguments
        self.site: CallSite = site
        self.options: NodeOptions = {}
        self.upstream: list[TracedNode] = []
        self.inside: tuple[TracedNode, ...] = ()
        """The nodes of a branch's cases."""

    @property
    def id(self) -> NodeId:
        """The node's id: `n<position>`, or the name it was given."""
        if self.options and "node_name" in self.options:
            return NodeId(node_id_of(self.options["node_name"]))
        return NodeId(f"{self.trace.prefix}{self.index}")

    @property
    def span(self) -> SourceSpan:
        """Where the call stands."""
        return self.site.span

    def with_inside(self) -> "Iterator[TracedNode]":
        """Yield the node and all nodes inside it, at any depth."""
        yield self
        for inner in self.inside:
            yield from inner.with_inside()

    def waits_for(self) -> "Iterator[TracedNode]":
        """Yield the nodes that this one, or a node inside it, waits for."""
        yield from self.upstream
        for value in self.arguments.values():
            for promise in promises_in(value):
                if isinstance(promise, Promise) and (source := source_of(promise).node) is not None:
                    yield source
        for inner in self.inside:
            yield from inner.waits_for()

    def then(self, other: object) -> object:
        """Run what `other` stands for after this node; return `other`."""
        for node in nodes_of(other):
            if node.trace is not self.trace:
                self.trace.refuse_foreign(node.span)
            if self not in node.upstream:
                node.upstream.append(self)
        return other

    def override(self, options: NodeOptions) -> None:
        """Change what this node asks of the platform; faults are kept with the trace's."""
        outputs = self.entity.signature.outputs.hints
        broken = set()
        for found in node_option_faults(options, is_task=self.entity.is_task, outputs=outputs):
            broken.add(found.option)
            site = author_site()
            span = site.argument_spans().get(found.option, site.span)
            self.trace.faults.append(fault(found.code, found.headline, span, help=filter(None, [found.help])))
        sound = {word: value for word, value in options.items() if word not in broken}
        self.options = cast("NodeOptions", {**self.options, **sound})


class Trace:
    """What has been recorded of one workflow's body."""

    def __init__(
        self,
        name: str,
        input_span: Callable[[str], SourceSpan],
        hints: Mapping[str, Hint] | None = None,
        *,
        prefix: str = "n",
        nodes_max: int | None = None,
    ) -> None:
        """Start empty.

        Args:
            name: The workflow's name, for messages.
            input_span: Tells where an input of the workflow is declared.
            hints: The annotations of the workflow's inputs.
            prefix: What the ids of nodes begin with; their number follows.
            nodes_max: How many calls there may be, if that is limited.
        """
        self.name: str = name
        self.input_span: Callable[[str], SourceSpan] = input_span
        self.hints: Mapping[str, Hint] = hints or {}
        self.prefix: str = prefix
        self.nodes_max: int | None = nodes_max
        self.nodes: list[TracedNode] = []
        self.faults: list[Diagnostic] = []
        self.unfinished: list[Unfinished] = []
        """What the body has begun and not ended."""

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Let calls be recorded here."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    def input(self, name: str) -> Promise:
        """Return the promise of a workflow input."""
        return Promise(Source(self, None, name))

    def call(
        self,
        entity: "NodeEntity[..., Any]",
        positional: tuple[object, ...],
        named: Mapping[str, object],
        frame: FrameType,
    ) -> object:
        """Record a call as a node and return promises in the shape of the entity's outputs."""
        return self.result_of(self.record(entity, positional, named, frame))

    def result_of(self, node: TracedNode) -> object:
        """Return promises of what a node gives, in the shape of its entity's outputs."""
        outputs = node.entity.signature.outputs
        if outputs.shape is Shape.NOTHING:
            return VoidPromise(node)
        return packed(outputs, {name: Promise(Source(self, node, name)) for name in outputs.hints}, node)

    def add(self, entity: "NodeEntity[..., Any]", arguments: Mapping[str, object], site: CallSite) -> TracedNode:
        """Append a node to what is recorded."""
        node = TracedNode(self, len(self.nodes), entity, arguments, site)
        self.nodes.append(node)
        return node

    def record(
        self,
        entity: "NodeEntity[..., Any]",
        positional: tuple[object, ...],
        named: Mapping[str, object],
        frame: FrameType,
    ) -> TracedNode:
        """Record a call as a node. Faults of the call are kept, so that tracing can go on."""
        site = call_site(frame)
        if self.nodes_max is not None and len(self.nodes) >= self.nodes_max:
            self._refuse_more(site)
        named = entity.completed(named)
        arguments: dict[str, object] = {}
        if entity.signature.faults:  # reported with the entity; what follows from them is left out
            named, positional = {}, (None,)
        elif positional:
            self._refuse_positional(entity, site, len(positional))
        for name, value in named.items():
            if name in entity.callable_inputs:
                arguments[name] = bound_copy(value)
                self._check_value(value, name, entity, site)
            else:
                self._refuse_unknown(entity, name, site)
        if not positional:
            for name in entity.required_inputs:
                if name not in named:
                    self._refuse_missing(entity, name, site)
        return self.add(entity, arguments, site)

    def _check_value(self, value: object, name: str, entity: "NodeEntity[..., Any]", site: CallSite) -> None:
        if not holds_promise(value):
            return
        taker = f"`{name}` of `{entity.short_name}`"

        def span() -> SourceSpan:  # looked up for faults only: it reads the author's file
            return site.argument_spans().get(name, site.span)

        if (outer := misplaced(value)) is not None:
            self.faults.append(promise_inside(outer, taker, span(), entity.signature.input_span(name)))
        for promise in promises_in(value):
            match promise:
                case VoidPromise():
                    self.faults.append(_no_output(promise.__flytelike_node__, name, span()))
                case StandIn():
                    self.faults.append(no_value(promise, taker, span()))
                case Promise() if source_of(promise).trace is not self:
                    self.refuse_foreign(span())
                case Promise():
                    pass

    def refuse_foreign(self, span: SourceSpan) -> NoReturn:
        """Refuse a promise or node of another workflow."""
        raise DiagnosticError(
            [
                fault(
                    "promise-of-another-workflow",
                    f"`{self.name}` uses a promise that belongs to another workflow",
                    span,
                    "it has no value here",
                    help=("give it to this workflow as an input",),
                )
            ]
        )

    def _refuse_more(self, site: CallSite) -> NoReturn:
        """Refuse a call beyond the limit, at once: a loop without an end would never be told otherwise."""
        raise DiagnosticError(
            [
                fault(
                    "too-many-nodes",
                    f"`{self.name}` calls more than {self.nodes_max} tasks and workflows",
                    site.span,
                    "the call that is too much",
                    help=("split the work: call a sub-workflow or another dynamic for each part of it",),
                )
            ]
        )

    def _refuse_positional(self, entity: "NodeEntity[..., Any]", site: CallSite, given: int) -> None:
        names = list(entity.callable_inputs)[:given]
        written = ", ".join(f"{name}=..." for name in names)
        self.faults.append(
            fault(
                "positional-argument",
                f"`{entity.short_name}` is called with values that have no name",
                site.span,
                "inputs are given by name inside a workflow",
                help=(f"write `{entity.short_name}({written})`",),
            )
        )

    def _refuse_unknown(self, entity: "NodeEntity[..., Any]", name: str, site: CallSite) -> None:
        inputs = ", ".join(f"`{known}`" for known in entity.callable_inputs)
        code, reason = entity.why_not_callable_with(name)
        self.faults.append(
            fault(
                code,
                f"`{entity.short_name}` {reason}{nearest(name, entity.callable_inputs)}",
                site.argument_spans().get(name, site.span),
                "this value would go nowhere",
                help=(f"its inputs are {inputs}" if inputs else "call it without inputs",),
                related=(label(entity.span, f"`{entity.short_name}` is defined here"),),
            )
        )

    def _refuse_missing(self, entity: "NodeEntity[..., Any]", name: str, site: CallSite) -> None:
        self.faults.append(
            fault(
                "missing-input",
                f"`{entity.short_name}` is called without `{name}`, which has no default",
                site.span,
                f"`{name}=...` is missing",
                related=(label(entity.signature.input_span(name), "declared here"),),
            )
        )


def _no_output(called: TracedNode, name: str, span: SourceSpan) -> Diagnostic:
    return fault(
        "no-output-to-use",
        f"`{called.entity.short_name}` has no output to give to `{name}`",
        span,
        "there is no value here",
        help=(f"annotate what `{called.entity.short_name}` returns, or order the two with `>>`",),
        related=(label(called.span, "it was called here"),),
    )


def no_value(given: StandIn, taker: str, span: SourceSpan) -> Diagnostic:
    """Return the error for giving something to `taker` that stands for no value."""
    return fault("promise-used-as-value", given.given_to(taker), span, "there is no value here", help=(given.instead,))


def nodes_of(thing: object) -> Iterator[TracedNode]:
    """Find the nodes that something written after `>>` stands for."""
    match thing:
        case TracedNode():
            yield thing
        case VoidPromise():
            yield thing.__flytelike_node__
        case Promise() if (node := source_of(thing).node) is not None:
            yield node
        case tuple() | list():
            for item in thing:
                yield from nodes_of(item)
        case _ if isinstance(node := getattr(thing, "__flytelike_node__", None), TracedNode):
            yield node
        case _:
            raise DiagnosticError(
                [
                    fault(
                        "not-a-node",
                        "only the result of a call can be ordered with `>>`",
                        author_site().span,
                        uncalled(thing),
                        help=("write `first() >> second()`, or `create_node(second)` for a node of its own",),
                    )
                ]
            )


def uncalled(thing: object) -> str:
    """Say what something is that was written after `>>` and is no call."""
    name, kind = getattr(thing, "short_name", ""), getattr(thing, "kind", "")
    return f"`{name}` is a {kind} that is not called here" if name and kind else f"this is {type(thing).__name__}"
