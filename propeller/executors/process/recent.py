"""How attempts ended a while ago, to answer a second start of one with the same news."""

from collections import OrderedDict
from collections.abc import Collection

from flytelike.model.ids import ExecutionId
from propeller.executors.ending import Ending
from propeller.ports import AttemptKey

REMEMBERED = 4096
"""How many ended attempts are remembered."""
REMEMBERED_BYTES = 16 << 20
"""How large the outputs of those are together."""


class Recent:
    """The last attempts that ended; the oldest are forgotten first."""

    def __init__(self) -> None:
        """Start with none."""
        self._ended: OrderedDict[AttemptKey, tuple[Ending, bytes | None]] = OrderedDict()
        self._bytes = 0

    def add(self, key: AttemptKey, news: Ending, outputs: bytes | None) -> None:
        """Remember how an attempt ended, with the outputs that came along."""
        self._drop(key)
        self._ended[key] = (news, outputs)
        self._bytes += len(outputs or b"")
        while len(self._ended) > REMEMBERED or self._bytes > REMEMBERED_BYTES:
            self._drop(next(iter(self._ended)))

    def get(self, key: AttemptKey) -> tuple[Ending, bytes | None] | None:
        """Return how an attempt ended; None if that is not known."""
        return self._ended.get(key)

    def forget(self, executions: Collection[ExecutionId]) -> None:
        """Forget all attempts of executions."""
        for key in [key for key in self._ended if key.execution in executions]:
            self._drop(key)

    def _drop(self, key: AttemptKey) -> None:
        _, outputs = self._ended.pop(key, (None, None))
        self._bytes -= len(outputs or b"")
