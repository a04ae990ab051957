"""What an eager task asks the platform for."""

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from flytelike.model.graph import Node
from flytelike.model.ids import Identifier
from flytelike.model.literals import LiteralMap


@dataclass(frozen=True, slots=True)
class Call:
    """One call: of a task, or of a launch plan.

    `name` is what people know the called one by. `changes` is a node that runs the task under other
    policies, None for the task's own.
    """

    target: Identifier
    inputs: LiteralMap
    name: str
    changes: Node | None = None


class Calls(Protocol):
    """Carries out calls."""

    def submit(self, call: Call) -> Coroutine[Any, Any, LiteralMap]:
        """Take a call; awaiting what is returned starts it, and gives its outputs.

        Raises `EagerException` when it failed.
        """
        ...
