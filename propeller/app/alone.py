"""What an operator without a control plane has in its place."""

import logging
from collections.abc import Sequence

from typing_extensions import override

from flytelike.model.failure import Failure, Fault
from flytelike.model.history import HistoryEntry
from flytelike.model.ids import ExecutionId, Identifier, NodeExecutionId
from propeller.ports import ChildRefused, Children, ChildStatus, EventSink

_LOG = logging.getLogger(__name__)


class NoHistory(EventSink):
    """Keeps no history: the objects' status is all that is told."""

    @override
    async def record(self, batch: Sequence[HistoryEntry]) -> None:
        _LOG.debug("%d records of history are kept by nobody", len(batch))


class NoChildren(Children):
    """Starts no executions."""

    @override
    async def start(
        self,
        parent: NodeExecutionId,
        attempt: int,
        launch_plan: Identifier,
        inputs_uri: str,
        earlier: ExecutionId | None = None,
        priority: int = 0,
    ) -> ExecutionId:
        del attempt, inputs_uri, earlier, priority
        why = (
            f"{parent.path} starts `{launch_plan.name}`, and this operator has no control plane that starts executions"
        )
        raise ChildRefused(Failure("ChildRefused", why, Fault.SYSTEM, retryable=False))

    @override
    async def abort(self, child: ExecutionId, reason: str) -> None:
        del child, reason

    @override
    async def phase(self, child: ExecutionId) -> ChildStatus:
        why = f"{child} was started by a control plane that is not here"
        raise ChildRefused(Failure("ChildRefused", why, Fault.SYSTEM, retryable=False))
