"""How attempts ended a while ago, to answer a second start of one with the same news."""

from collections import OrderedDict
from collections.abc import Collection
from typing import NamedTuple

from flytelike.model.ids import ExecutionId
from flytelike.model.usage import AttemptUse
from propeller.executors.ending import Ending
from propeller.ports import AttemptKey

REMEMBERED = 4096
"""How many ended attempts are remembered."""
REMEMBERED_BYTES = 16 << 20
"""How large the outputs of those are together."""


class Ended(NamedTuple):
    """How an attempt ended, with the outputs that came along and what it used."""

    news: Ending
    outputs: bytes | None = None
    used: AttemptUse | None = None


class Recent:
    """The last attempts that ended; the oldest are forgotten first."""

    def __init__(self) -> None:
        """Start with none."""
        self._ended: OrderedDict[AttemptKey, Ended] = OrderedDict()
        self._bytes = 0

    def add(self, key: AttemptKey, ended: Ended) -> None:
        """Remember how an attempt ended."""
        self._drop(key)
        self._ended[key] = ended
        self._bytes += len(ended.outputs or b"")
        while len(self._ended) > REMEMBERED or self._bytes > REMEMBERED_BYTES:
            self._drop(next(iter(self._ended)))

    def get(self, key: AttemptKey) -> Ended | None:
        """Return how an attempt ended; None if that is not known."""
        return self._ended.get(key)

    def forget(self, executions: Collection[ExecutionId]) -> None:
        """Forget all attempts of executions."""
        for key in [key for key in self._ended if key.execution in executions]:
            self._drop(key)

    def _drop(self, key: AttemptKey) -> None:
        ended = self._ended.pop(key, None)
        self._bytes -= len(ended.outputs or b"") if ended is not None else 0
