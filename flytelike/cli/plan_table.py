"""What becomes of each node when an execution is made from an earlier one, as a table or as JSON."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flytelike.remote.derivation import Derived, DerivedNode

STYLES: Final[Mapping[str, tuple[str, str]]] = {
    "reuse": ("=", "green"),
    "partly": ("≈", "cyan"),
    "run": ("↻", "yellow"),
    "new": ("+", "yellow"),
    "gone": ("-", "bright_black"),
    "left-out": ("·", "bright_black"),
}
"""A sign and a colour for each action, so that colour never carries the meaning alone."""

WORDS: Final[Mapping[str, str]] = {
    "unchanged": "succeeded, and nothing changed",
    "inside": "nodes in it differ, see below",
    "not-there": "was not there",
    "chosen": "chosen",
    "not-chosen": "not chosen",
    "needed": "what it gave is needed",
}
"""What is said of reasons that have no detail."""

ROWS_MAX: Final = 200
"""More nodes than these are told in numbers, but for those that run."""


def show(derived: Derived, *, console: Console | None = None) -> None:
    """Print the plan on stderr: a row a node, then the numbers."""
    console = console or Console(stderr=True, highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False)
    for header in ("node", "calls", "", "why"):
        table.add_column(header, overflow="fold")
    for node in shown(derived.nodes):
        sign, colour = STYLES[node.action]
        does = Text(f"{sign} {node.action.replace('-', ' ')}", style=colour)
        table.add_row(node_of(node), Text(short(node.called)), does, Text(why(node)))
    console.print(Text(f"made from {derived.earlier.name}"))
    if derived.nodes:
        console.print(table)
        console.print(Text(numbers(derived.nodes)))
    for name in derived.missing_outputs:
        console.print(Text(f"the output `{name}` will be missing: what gives it is left out", style="yellow"))


def on_stdout() -> Console:
    """Return a console for a plan that is the result itself."""
    return Console(highlight=False)


def shown(nodes: Sequence[DerivedNode]) -> Sequence[DerivedNode]:
    """Return the nodes that get a row: all of a few, of many those that are not simply reused."""
    if len(nodes) <= ROWS_MAX:
        return nodes
    return [node for node in nodes if node.action not in {"reuse", "left-out"}][:ROWS_MAX]


def node_of(node: DerivedNode) -> Text:
    """Return a node's id, indented as deep as it lies, with the one it had when that is another."""
    path, earlier = node.path or node.earlier, node.earlier
    depth = path.count(".") // 2
    name = path.rpartition(".")[2]
    was = earlier.rpartition(".")[2]
    text = Text("  " * depth + name)
    if node.path and was and was != name:
        text.append(f" was {was}", style="bright_black")
    return text


def short(called: str) -> str:
    """Return what a node calls without its module: `train` for "task `flows.train`", `workflow prepare`."""
    kind, tick, rest = called.partition(" `")
    name = rest.rstrip("`").rpartition(".")[2]
    if not tick:
        return called
    return name if kind == "task" else f"{name} ({kind})"


def why(node: DerivedNode) -> str:
    """Return the reason in words."""
    if node.action == "gone":
        return "is not there any more"
    return node.detail or WORDS.get(node.reason, node.reason)


def numbers(nodes: Sequence[DerivedNode]) -> str:
    """Return `4 nodes: 2 reuse, 2 run`."""
    tally = Counter(node.action.replace("-", " ") for node in nodes)
    told = ", ".join(f"{number} {action}" for action, number in tally.items())
    return f"{len(nodes)} node{'s' * (len(nodes) != 1)}: {told}"


def document(derived: Derived) -> dict[str, object]:
    """Return the plan as JSON data."""
    return {
        "earlier": derived.earlier.name,
        "nodes": [
            {
                "node": node.path,
                "earlier": node.earlier,
                "calls": node.called,
                "action": node.action,
                "reason": node.reason,
                "detail": node.detail,
            }
            for node in derived.nodes
        ],
        "missing_outputs": list(derived.missing_outputs),
    }
