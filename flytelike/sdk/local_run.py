"""Running a traced workflow as plain Python: every node's function, in order, in this process."""

from collections.abc import Iterable, Iterator, Mapping

from flytelike.model.diagnostic import DiagnosticError
from flytelike.sdk.bound import promises_in
from flytelike.sdk.faults import fault
from flytelike.sdk.promise import Promise, source_of
from flytelike.sdk.trace import TracedNode


def run_nodes(
    nodes: Iterable[TracedNode], outputs: Mapping[str, object], inputs: Mapping[str, object]
) -> Mapping[str, object]:
    """Run nodes on the workflow's inputs; return the workflow's outputs by name."""
    results: dict[int, Mapping[str, object]] = {}

    def value(bound: object) -> object:
        match bound:
            case Promise():
                source = source_of(bound)
                found = results[source.node.index][source.var] if source.node else inputs[source.var]
                for step in source.path:
                    found = _into(found, step, bound)
                return found
            case list() if type(bound) is list:
                return [value(item) for item in bound]
            case dict() if type(bound) is dict:
                return {key: value(item) for key, item in bound.items()}
            case _:
                return bound

    for node in ordered(tuple(nodes)):
        arguments = {name: value(bound) for name, bound in node.arguments.items()}
        results[node.index] = node.entity.run(node.entity.bind((), arguments))
    return {name: value(bound) for name, bound in outputs.items()}


def ordered(nodes: tuple[TracedNode, ...]) -> Iterator[TracedNode]:
    """Yield nodes so that each comes after what it waits for, otherwise in call order.

    Raises:
        DiagnosticError: Nodes wait for each other.
    """
    if not any(node.upstream for node in nodes):
        yield from nodes  # a promise exists only after its node: call order is right
        return
    waiting = {node.index: len(set(_waits_for(node))) for node in nodes}
    followers: dict[int, list[int]] = {}
    for node in nodes:
        for other in set(_waits_for(node)):
            followers.setdefault(other, []).append(node.index)
    ready = [index for index in reversed(range(len(nodes))) if not waiting[index]]
    done = 0
    while ready:
        index = ready.pop()
        done += 1
        yield nodes[index]
        for follower in sorted(followers.get(index, ()), reverse=True):
            waiting[follower] -= 1
            if not waiting[follower]:
                ready.append(follower)
    if done < len(nodes):
        stuck = next(node for node in nodes if waiting[node.index])
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


def _waits_for(node: TracedNode) -> Iterator[int]:
    yield from (other.index for other in node.upstream)
    for bound in node.arguments.values():
        for promise in promises_in(bound):
            if isinstance(promise, Promise) and (source := source_of(promise).node) is not None:
                yield source.index


def _into(value: object, step: str | int, promise: Promise) -> object:
    """Reach one step into a value: an index, a key, or an attribute."""
    if isinstance(value, Mapping) or isinstance(step, int):
        return value[step]  # type: ignore[index]  # what the author reaches into is not known before
    if hasattr(value, step):
        return getattr(value, step)
    raise AttributeError(f"{promise!r} reaches into {type(value).__name__}, which has no `{step}`")
