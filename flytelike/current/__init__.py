"""What a running task can learn of itself: `current_context()`, with its checkpoint, its secrets and its report.

The runtime says what is current before it calls a task; a task called as plain Python gets a context of its own.
"""

from flytelike.current.checkpoint import Checkpoint
from flytelike.current.context import TaskContext, current_context, entered
from flytelike.current.deck import Deck
from flytelike.current.secrets import Secrets

__all__ = ["Checkpoint", "Deck", "Secrets", "TaskContext", "current_context", "entered"]
