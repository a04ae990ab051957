"""`conditional`: which call is made is decided when the workflow runs.

    conditional("size").if_(rows > 10).then(train(rows=rows)).else_().then(skip())

A call inside `then` becomes the case's own node. To a type checker a comparison of promises is a bool, and the
result is of the type that the cases give.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, Never, NoReturn, TypeVar, cast

from typing_extensions import override

from flytelike.model.condition import Comparator
from flytelike.model.diagnostic import Diagnostic, DiagnosticError, Label
from flytelike.sdk.branch import Branch, TracedCase
from flytelike.sdk.condition import Condition, compared, condition_of
from flytelike.sdk.construct import Made
from flytelike.sdk.faults import fault, label
from flytelike.sdk.frames import author_site
from flytelike.sdk.promise import Promise, VoidPromise, source_of
from flytelike.sdk.signature import Shape
from flytelike.sdk.stand_in import StandIn
from flytelike.sdk.trace import Trace, TracedNode, trace_here

T = TypeVar("T")
U = TypeVar("U")


def conditional(name: str) -> "Conditional":
    """Begin a conditional in a workflow's body: only the call of the first case that holds is made.

    Args:
        name: The name of its node, for people.

    Raises:
        DiagnosticError: `no-workflow-here`, outside a workflow's body.
    """
    return begun(name, lambda: None)


def begun(name: str, ended: Callable[[], object]) -> "Conditional":
    """Begin a conditional; `ended` is called when it has come to its end."""
    instead = "use Python's `if`: outside a workflow's body, and inside tasks, values are there"
    trace = trace_here("`conditional` makes a node of a workflow", instead)
    section = Section(name, trace, Made.here(), ended)
    trace.unfinished.append(section)
    return Conditional(section)


class Section:
    """What has been said of a conditional so far."""

    def __init__(self, name: str, trace: Trace, made: Made, ended: Callable[[], object]) -> None:
        """Start without cases."""
        self.ended: Callable[[], object] = ended
        self.name: str = name
        self.trace: Trace = trace
        self.made: Made = made
        self.cases: list[TracedCase] = []
        self.number: int = 0
        self.begun_at: int = 0

    def begin(self) -> None:
        """Begin a case: the calls from now on are made for it."""
        self.begun_at = len(self.trace.nodes)

    def taken(self, result: object) -> TracedNode | None:
        """Return the call of a case, taken out of the trace; None when there is none, which is told."""
        made = self.trace.nodes[self.begun_at :]
        del self.trace.nodes[self.begun_at :]
        node = _called(result)
        if node is None or node not in made:
            self.trace.nodes += made
            self.trace.faults.append(_no_call(self.name, result, node))
            return None
        if made[:-1]:
            self.trace.faults.append(_several_calls(self.name, made[0], node))
        node.index = self.number
        self.number += 1
        return node

    def finish(self, otherwise: TracedNode | str) -> object:
        """Record the branch; return what it gives."""
        self.trace.unfinished.remove(self)
        self.ended()
        if not self.cases:
            raise DiagnosticError([self.trace.faults.pop()])  # what is wrong with each case is told already
        branch = Branch(self.name, tuple(self.cases), otherwise, self.made)
        compared = {str(number): Promise(source) for number, source in enumerate(branch.sources)}
        node = self.trace.add(branch, compared, self.made.site)
        node.inside = branch.inside
        return self.trace.result_of(node)

    def unfinished(self) -> Diagnostic:
        """Return the error for not saying what happens when no case holds."""
        return fault(
            "unfinished-conditional",
            f"`{self.name}` does not say what happens when no case holds",
            self.made.site.span,
            "begun here",
            help=('end it by `.else_().then(...)` or `.else_().fail("...")`',),
        )


class _Stage(StandIn):
    """A conditional that goes on."""

    def __init__(self, section: Section) -> None:
        self._section: Section = section

    @override
    def given_to(self, taker: str) -> str:
        return f"{taker} can't be given the conditional `{self._section.name}`, which is not finished"

    @property
    @override
    def instead(self) -> str:
        return 'end it by `.else_().then(...)` or `.else_().fail("...")`'


class Conditional(_Stage):
    """A conditional without a case."""

    def if_(self, condition: bool) -> "Case[Never]":
        """Begin the first case: what is compared, by ==, !=, <, <=, > or >=, joined by & and |."""
        return Case(self._section, condition)


class Case(_Stage, Generic[T]):
    """A case whose call is to be told."""

    def __init__(self, section: Section, condition: object) -> None:
        """Begin a case."""
        super().__init__(section)
        self._condition: Condition | None = None
        try:
            self._condition = condition_of(condition)
        except DiagnosticError as error:
            section.trace.faults.extend(error.diagnostics)
        section.begin()

    def then(self, result: U) -> "Decided[T | U]":
        """Give the call that is made when the condition holds: `.then(load(path=path))`."""
        node = self._section.taken(result)
        if node is not None and self._condition is not None:
            self._section.cases.append(TracedCase(self._condition, node))
        return Decided(self._section)

    if not TYPE_CHECKING:

        def fail(self, message: str) -> NoReturn:  # noqa: ARG002 - as for the last case
            """Refuse: in Flyte's terms, only the last case can fail."""
            raise DiagnosticError([_fails_in_between(self._section.name)])


class Decided(_Stage, Generic[T]):
    """A conditional whose cases so far give a `T`."""

    def elif_(self, condition: bool) -> Case[T]:
        """Begin a case that counts when none before it holds."""
        return Case(self._section, condition)

    def else_(self) -> "LastCase[T]":
        """Begin what happens when no case holds."""
        return LastCase(self._section)


class LastCase(_Stage, Generic[T]):
    """What happens when no case holds."""

    def __init__(self, section: Section) -> None:
        """Begin the last case."""
        super().__init__(section)
        section.begin()

    def then(self, result: U) -> T | U:
        """Give the call that is made when no case holds; return what the conditional gives."""
        node = self._section.taken(result)
        return cast("T | U", self._section.finish("" if node is None else node))

    def fail(self, message: str) -> T:
        """Let the workflow fail with a message when no case holds; return what the conditional gives."""
        return cast("T", self._section.finish(message))


def _called(result: object) -> TracedNode | None:
    """Return the node whose whole result something is."""
    match result:
        case VoidPromise():
            return result.__flytelike_node__
        case Promise():
            source = source_of(result)
            whole = source.node is not None and source.node.entity.signature.outputs.shape is Shape.SINGLE
            return source.node if whole and not source.path else None
        case _:
            node = getattr(result, "__flytelike_node__", None)
            return node if isinstance(node, TracedNode) else None


def _no_call(name: str, result: object, node: TracedNode | None) -> Diagnostic:
    related: tuple[Label, ...] = ()
    if node is not None:
        text = f"`{node.entity.short_name}` was called before: it runs whatever the conditional decides"
        related = (label(node.span, "called here"),)
    else:
        source = source_of(result) if isinstance(result, Promise) else None
        given = "a promise" if source is not None else f"of type {type(result).__name__}"
        part = source is not None and source.node is not None
        text = "this is a part of a call's result" if part else f"this is {given}, and no call"
    return fault(
        "case-without-own-call",
        f"a case of `{name}` makes no call of its own",
        author_site().span,
        text,
        help=("call a task or workflow inside `then(...)`, and give its result as it is",),
        related=related,
    )


def _several_calls(name: str, other: TracedNode, node: TracedNode) -> Diagnostic:
    return fault(
        "several-calls-in-case",
        f"a case of `{name}` makes more than one call: `{other.entity.short_name}` and `{node.entity.short_name}`",
        other.span,
        "a case runs one node",
        help=(
            "put the calls into a workflow of their own, and call that",
            f"or call `{other.entity.short_name}` before the conditional, where it always runs",
        ),
        related=(label(node.span, "the call that the case gives"),),
    )


def _fails_in_between(name: str) -> Diagnostic:
    return fault(
        "failing-case",
        f"a case of `{name}` fails that is not the last one",
        author_site().span,
        "only what comes after `else_()` can fail",
        help=("turn the conditions round, so that what fails comes last", "or call a task that raises"),
    )


def is_true(value: bool) -> bool:
    """Return the condition that a bool to come is True. `value.is_true()` means the same."""
    return _asked(value, True)


def is_false(value: bool) -> bool:
    """Return the condition that a bool to come is False. `value.is_false()` means the same."""
    return _asked(value, False)


def is_none(value: object) -> bool:
    """Return the condition that a value to come is None. `value.is_none()` means the same."""
    return _asked(value, None)


def _asked(value: object, constant: bool | None) -> bool:
    """Return a condition, or what it says of a value that is there already (inside a task)."""
    if isinstance(value, Promise):
        return cast("bool", compared(Comparator.EQUAL, source_of(value), constant))
    return value is constant
