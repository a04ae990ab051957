"""What elements gave, as it is kept in the store of record: one row for each commit that accepts some of it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from flytelike.model.ids import NodePath
from propeller.core.decision import Decision
from propeller.core.elements import ElementPhase, Elements
from propeller.core.events import ElementsEnded
from propeller.core.node_state import Aborted, Failed, Gathering, Mapped, Succeeded
from propeller.core.plan import parent_of, scope_of, split
from propeller.engine.encoding import decode, encode
from propeller.engine.run import Arrival, ElementOutputs, Run


def row_keys(scope: NodePath, results: int) -> list[str]:
    """Return the keys that an array's rows may have."""
    return [_key(scope, number) for number in range(1, results + 1)]


def rows_in(data: bytes | None) -> Sequence[ElementOutputs]:
    """Return what a row holds; nothing where there is none."""
    if data is None:
        return ()
    return [ElementOutputs(*one) for one in cast("Sequence[tuple[int, int, bytes | None]]", decode(data))]


def kept_rows(run: Run, decision: Decision, arrivals: Iterable[Arrival]) -> Mapping[str, bytes]:
    """Return what is to be kept with a decision: the outputs of those elements whose success it accepts."""
    rows: dict[NodePath, dict[int, ElementOutputs]] = {}
    for arrival in arrivals:
        event = arrival.event
        if arrival.elements and isinstance(event, ElementsEnded):
            _accept(run, decision, event.path, arrival.elements, rows)
    for path, state in decision.nodes.items():
        if isinstance(state, Succeeded):
            _accept_node(run, path, state, arrivals, rows)
    kept: dict[str, bytes] = {}
    for path, row in rows.items():
        if row and (number := _number(run, decision, path)):
            kept[_key(scope_of(path, 0), number)] = encode([tuple(one) for one in row.values()])
    return kept


def _number(run: Run, decision: Decision, path: NodePath) -> int:
    """Return the number of the row that a decision adds to an array; 0 for none.

    Of an array that fails with it too: an execution that recovers this one takes over what its elements gave.
    """
    old, new = run.state.get(path), decision.nodes.get(path)
    match new:
        case Mapped() | Gathering():
            return new.results
        case Failed() | Aborted() if isinstance(old, Mapped):
            return old.results + 1
        case _:
            return 0


def _accept(
    run: Run,
    decision: Decision,
    path: NodePath,
    given: Sequence[ElementOutputs],
    rows: dict[NodePath, dict[int, ElementOutputs]],
) -> None:
    """Take the outputs of tasks' attempts that were current and count now."""
    old, new = run.state.get(path), decision.nodes.get(path)
    if not isinstance(old, Mapped) or not isinstance(new, Mapped | Gathering | Failed | Aborted):
        return
    scope = scope_of(path, old.attempt)
    before = Elements(scope, old.length, run.state.chunks.get)
    after = Elements(scope, old.length, lambda key: decision.chunks.get(key) or run.state.chunks.get(key))
    row = rows.setdefault(path, {})
    for one in given:
        current = before.open_in(one.element, one.attempt)
        if current and one.element not in row and after.phase(one.element) is ElementPhase.SUCCEEDED:
            row[one.element] = one


def _accept_node(
    run: Run,
    path: NodePath,
    state: Succeeded,
    arrivals: Iterable[Arrival],
    rows: dict[NodePath, dict[int, ElementOutputs]],
) -> None:
    """Take the outputs of an element that has states of its own, which are dropped with the outermost element."""
    scope, index = split(path)
    is_element = index.isdecimal()  # No node has such a name.
    if not is_element or not run.program.interface(path).outputs:
        return
    kept = (one.outputs for one in arrivals if one.outputs is not None and one.outputs.path == path)
    data = next((one.data for one in kept if one.attempt == state.attempt), None)
    rows.setdefault(parent_of(scope), {})[int(index)] = ElementOutputs(int(index), state.attempt, data)


def _key(scope: NodePath, number: int) -> str:
    return f"{scope}+{number}"
