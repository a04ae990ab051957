"""An execution's progress on stderr: a live tree on a terminal, a line for each change elsewhere."""

import sys
from typing import Self

from flytelike.cli.live_tree import LiveTree
from flytelike.cli.phase import sign
from flytelike.cli.tree import NodeRow, Tree, shown_seconds
from flytelike.model.phases import NodePhase
from flytelike_idl.service import watch_pb2

QUIET = frozenset({NodePhase.UNDEFINED, NodePhase.QUEUED})


def plain_line(row: NodeRow) -> str:
    """Return the line for one change, for logs and pipes."""
    took = f" in {shown_seconds(row.seconds)}" if row.phase.terminal and row.seconds else ""
    took = " (cached)" if row.cached else took
    depth = "  " * (row.path.count(".") // 2)
    elements = f" ({row.elements})" if row.elements else ""
    remark = f", {row.remark}" if row.remark else ""
    return f"  {depth}{sign(row.phase)} {row.name} {row.word}{took}{elements}{remark}"


class Progress:
    """Shows a tree while an execution goes on. Use it as a context manager."""

    def __init__(self, tree: Tree, *, live: bool | None = None) -> None:
        """Prepare to show `tree`; it is redrawn in place when stderr is a terminal."""
        self.tree = tree
        self.live = LiveTree(tree) if (sys.stderr.isatty() if live is None else live) else None

    def __enter__(self) -> Self:
        """Start showing."""
        if self.live is not None:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the last state on the screen."""
        if self.live is not None:
            self.live.stop()

    def update(self, message: watch_pb2.WatchExecutionResponse) -> None:
        """Show what changed."""
        changed = self.tree.take(message)
        if self.live is not None:
            return
        for row in changed:
            if row.phase not in QUIET or row.waits:
                sys.stderr.write(plain_line(row) + "\n")
        sys.stderr.flush()
