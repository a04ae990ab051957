"""The tree on a terminal, redrawn in place."""

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from flytelike.cli.phase import color, sign
from flytelike.cli.tree import NodeRow, Tree, shown_seconds
from flytelike.model.phases import NodePhase

REFRESHES_PER_SECOND = 12
ROWS_KEPT_FREE = 4
"""For the head, and some lines that wrap."""

BUSY = frozenset({NodePhase.RUNNING, NodePhase.DYNAMIC_RUNNING, NodePhase.FAILING, NodePhase.FAILED})


class LiveTree:
    """Redraws the tree a few times a second, whatever the number of changes."""

    def __init__(self, tree: Tree) -> None:
        """Draw `tree` on stderr."""
        self.tree = tree
        self.console = Console(stderr=True)
        self.live = Live(
            console=self.console,
            get_renderable=self.render,
            refresh_per_second=REFRESHES_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def start(self) -> None:
        """Start drawing."""
        self.live.start(refresh=True)

    def stop(self) -> None:
        """Draw the last state and leave it on the screen."""
        self.live.refresh()
        self.live.stop()

    def render(self) -> RenderableType:
        """Return the tree as it is now, cut to what the terminal can show."""
        phase = self.tree.phase
        head = Text.assemble(
            (f"{sign(phase)} ", color(phase)),
            (self.tree.title, "bold"),
            f"  {phase.name.lower()}  {self.tree.counts()}",
        )
        rows = self.tree.ordered()
        room = max(5, self.console.size.height - ROWS_KEPT_FREE)
        if len(rows) > room:
            rows = [item for item in rows if item[1].phase in BUSY][:room] or rows[-room:]
        return Group(head, *(text for depth, row in rows for text in lines(depth, row)))


def lines(depth: int, row: NodeRow) -> Iterator[Text]:
    """Yield a node's line, and below it how to answer what it waits for: to be copied, so it may wrap."""
    yield line(depth, row)
    if row.answer:
        yield Text("  " * (depth + 2) + row.answer, "bright_black")


def line(depth: int, row: NodeRow) -> Text:
    """Return one node's line."""
    text = Text("  " * (depth + 1), no_wrap=True, overflow="ellipsis")
    text.append(f"{sign(row.phase)} ", color(row.phase))
    text.append(row.name)
    text.append(f"  {row.word}", color(row.phase))
    if row.elements:
        text.append(f"  {row.elements}")
    if row.cached:
        text.append("  cached", "bright_black")
    elif row.elapsed_s:
        text.append(f"  {shown_seconds(row.elapsed_s)}", "bright_black")
    if row.waits:
        text.append(f"  {row.waits}", "yellow")
    elif row.note:
        text.append(f"  {row.note}", "bright_black")
    if row.message and row.phase is NodePhase.FAILED:
        text.append(f"  {row.message.splitlines()[0]}", "red")
    return text
