"""The ends of children, heard from the control plane as they happen."""

import asyncio
import logging
from collections.abc import Callable

from flytelike.codec.ids import execution_id_from_proto, node_execution_id_from_proto
from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.ids import ExecutionId, NodeExecutionId
from flytelike_idl.service import propeller_pb2 as pb
from propeller.app.control_plane.connection import ControlPlaneConnection, Refused

_LOG = logging.getLogger(__name__)

PAUSE_S, PAUSE_S_MAX = 0.2, 5.0

ChildEnded = Callable[[NodeExecutionId, int, ExecutionId], None]


async def hear_of_children(connection: ControlPlaneConnection, ended: ChildEnded, look: Callable[[], None]) -> None:
    """Call `ended` for each child that ends, without end; and `look` when some may have ended unheard."""
    pause_s = PAUSE_S
    while True:
        try:
            # Where nobody answers yet, somebody will: this waits.
            call = connection.stub.WatchChildren(
                pb.WatchChildrenRequest(), metadata=connection.metadata, wait_for_ready=True
            )
            async for news in connection.stream(call):
                pause_s = PAUSE_S
                _tell(news, ended, look)
            _LOG.info("the control plane has closed the news of children; asking again")
        except (DiagnosticError, Refused, OSError) as error:
            _LOG.warning("ends of children are not heard for a while: %s", error)
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, PAUSE_S_MAX)


def _tell(news: pb.WatchChildrenResponse, ended: ChildEnded, look: Callable[[], None]) -> None:
    if news.look:
        look()
    for one in news.ended:
        ended(node_execution_id_from_proto(one.parent), one.attempt, execution_id_from_proto(one.child))
