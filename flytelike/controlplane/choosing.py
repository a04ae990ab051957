"""Which nodes are meant by what people call them. Pure."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flytelike.model.closure import CompiledWorkflow
from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.graph import LaunchPlanTarget, Node, SubWorkflowTarget, TaskTarget
from flytelike.model.ids import NodeId


@dataclass(frozen=True, slots=True)
class Choice:
    """Nodes by id or name: `only` these; these and all below (`since`); these and all above (`until`)."""

    only: tuple[str, ...] = ()
    since: tuple[str, ...] = ()
    until: tuple[str, ...] = ()


def chosen_nodes(workflow: CompiledWorkflow, choice: Choice) -> frozenset[NodeId]:
    """Return the nodes that are to run.

    Raises:
        DiagnosticError: every name that no node or more than one has; a choice of nothing, or of two kinds.
    """
    if choice.only and (choice.since or choice.until):
        raise DiagnosticError(
            [Diagnostic("conflicting-choice", "`only` is given beside `from` or `until`", help=("give one of them",))]
        )
    faults: list[Diagnostic] = []
    only, since, until = (named_nodes(workflow, words, faults) for words in (choice.only, choice.since, choice.until))
    if faults:
        raise DiagnosticError(faults)
    if choice.only:
        return only
    everything = frozenset(node.id for node in workflow.template.nodes)
    below = reached(since, workflow.downstream) & everything if choice.since else everything
    above = reached(until, workflow.upstream) & everything if choice.until else everything
    if not below & above:
        told = "no node lies between those of `from` and those of `until`"
        raise DiagnosticError([Diagnostic("nothing-chosen", told, help=("swap them, or give one of them",))])
    return below & above


def named_nodes(workflow: CompiledWorkflow, words: Iterable[str], faults: list[Diagnostic]) -> frozenset[NodeId]:
    """Return the nodes that words name; noting every word that names none, or several."""
    found: set[NodeId] = set()
    for word in words:
        nodes = [node for node in workflow.template.nodes if word == node.id]
        nodes = nodes or [node for node in workflow.template.nodes if word in names_of(node)]
        if len(nodes) == 1:
            found.add(nodes[0].id)
        elif nodes:
            ids = ", ".join(f"`{node.id}`" for node in nodes)
            faults.append(Diagnostic("ambiguous-node", f"`{word}` may be each of {ids}", help=("name it by its id",)))
        else:
            faults.append(unknown(workflow, word))
    return frozenset(found)


def names_of(node: Node) -> tuple[str, ...]:
    """Return what people may call a node beside its id: its name, and that of what it calls, in short or in full."""
    match node.target:
        case TaskTarget(callee) | SubWorkflowTarget(callee) | LaunchPlanTarget(callee):
            return node.metadata.name, callee.name.rpartition(".")[2], callee.name
        case _:
            return (node.metadata.name,)


def unknown(workflow: CompiledWorkflow, word: str) -> Diagnostic:
    """Return the fault of a name that no node has."""
    names = {name for node in workflow.template.nodes for name in (node.id, names_of(node)[0]) if name}
    close = difflib.get_close_matches(word, names, n=1)
    known = ", ".join(f"`{node.id}` {names_of(node)[0]}".strip() for node in workflow.template.nodes[:20])
    hint = f"did you mean `{close[0]}`?" if close else f"the nodes are: {known}"
    return Diagnostic("unknown-node", f"{workflow.template.id.name} has no node `{word}` at its top", help=(hint,))


def reached(start: Iterable[NodeId], edges: Mapping[NodeId, tuple[NodeId, ...]]) -> frozenset[NodeId]:
    """Return the nodes at which one can arrive along edges, those of the start included."""
    found = set(start)
    waiting = list(found)
    while waiting:
        for other in edges.get(waiting.pop(), ()):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return frozenset(found)
