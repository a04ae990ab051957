"""Running a traced workflow as plain Python: every node's function, in order, in this process."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from flytelike.model.diagnostic import DiagnosticError
from flytelike.sdk.branch import Branch
from flytelike.sdk.failure import error_inputs
from flytelike.sdk.faults import fault
from flytelike.sdk.promise import Promise, source_of
from flytelike.sdk.promised import Source
from flytelike.sdk.trace import TracedNode


def run_nodes(
    nodes: Iterable[TracedNode],
    outputs: Mapping[str, object],
    inputs: Mapping[str, object],
    failing: TracedNode | None = None,
) -> Mapping[str, object]:
    """Run nodes on the workflow's inputs; return the workflow's outputs by name.

    When one fails, `failing` runs, and what was raised passes through.
    """
    run = LocalRun(inputs)
    node = failing
    try:
        for node in ordered(tuple(nodes)):
            run.results[node] = run.outputs_of(node)
    except Exception as error:
        if failing is not None and node is not None:
            run.handle(failing, error, node)
        raise
    return {name: run.value(bound) for name, bound in outputs.items()}


@dataclass(slots=True)
class LocalRun:
    """The values there are so far."""

    inputs: Mapping[str, object]
    results: dict[TracedNode, Mapping[str, object]] = field(default_factory=dict)

    def outputs_of(self, node: TracedNode) -> Mapping[str, object]:
        """Run a node whose values are there; of a branch only what it decides for."""
        if isinstance(node.entity, Branch):
            return self.outputs_of(node.entity.chosen(self.found))
        arguments = {name: self.value(bound) for name, bound in node.arguments.items()}
        return node.entity.run(node.entity.bind((), arguments))

    def handle(self, failing: TracedNode, error: Exception, node: TracedNode) -> None:
        """Run the workflow's failure handler."""
        from flytelike.types.error import FlyteError  # noqa: PLC0415 - what importing the SDK needn't pay

        arguments = {name: self.value(bound) for name, bound in failing.arguments.items()}
        arguments.update(dict.fromkeys(error_inputs(failing.entity), FlyteError(str(error), node.id)))
        failing.entity.run(failing.entity.bind((), arguments))

    def value(self, bound: object) -> object:
        """Return an argument with values in the place of promises."""
        match bound:
            case Promise():
                return self.found(source_of(bound))
            case list() if type(bound) is list:
                return [self.value(item) for item in bound]
            case dict() if type(bound) is dict:
                return {key: self.value(item) for key, item in bound.items()}
            case _:
                return bound

    def found(self, source: Source) -> object:
        """Return a promised value."""
        found = self.results[source.node][source.var] if source.node else self.inputs[source.var]
        for step in source.path:
            found = _into(found, step, source)
        return found


def ordered(nodes: tuple[TracedNode, ...]) -> Iterator[TracedNode]:
    """Yield nodes so that each comes after what it waits for, otherwise in call order.

    Raises:
        DiagnosticError: Nodes wait for each other.
    """
    if not any(node.upstream for top in nodes for node in top.with_inside()):
        yield from nodes  # a promise exists only after its node: call order is right
        return
    waiting = {node: len(set(node.waits_for())) for node in nodes}
    followers: dict[TracedNode, list[TracedNode]] = {}
    for node in nodes:
        for other in set(node.waits_for()):
            followers.setdefault(other, []).append(node)
    ready = [node for node in reversed(nodes) if not waiting[node]]
    done = 0
    while ready:
        node = ready.pop()
        done += 1
        yield node
        for follower in sorted(followers.get(node, ()), key=_position, reverse=True):
            waiting[follower] -= 1
            if not waiting[follower]:
                ready.append(follower)
    if done < len(nodes):
        stuck = next(node for node in nodes if waiting[node])
        raise DiagnosticError(
            [
                fault(
                    "cyclic-nodes",
                    f"calls wait for each other: `{stuck.entity.short_name}` can never start",
                    stuck.span,
                    "waits for a call that waits for it",
                    help=("remove one of the `>>` or arguments that close the circle",),
                )
            ]
        )


def _position(node: TracedNode) -> int:
    return node.index


def _into(value: object, step: str | int, source: Source) -> object:
    """Reach one step into a value: an index, a key, or an attribute."""
    if isinstance(value, Mapping) or isinstance(step, int):
        return value[step]  # type: ignore[index]  # what the author reaches into is not known before
    if hasattr(value, step):
        return getattr(value, step)
    raise AttributeError(f"`{source}` reaches into {type(value).__name__}, which has no `{step}`")
