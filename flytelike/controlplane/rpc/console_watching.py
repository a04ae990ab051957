"""ConsoleService's streams: changes of an execution, and that something changed in a domain."""

import asyncio
from collections.abc import AsyncIterator

from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import Status, refusal
from flytelike.controlplane.repository.node_pages import HIDDEN
from flytelike.controlplane.rpc.console import checked
from flytelike.controlplane.rpc.console_messages import node_counts, run_message, run_node
from flytelike.controlplane.rpc.requests import execution_of
from flytelike.model.phases import WorkflowPhase
from flytelike_idl.service import console_pb2 as pb

NODES_PER_ANSWER = 500
RUN_PAUSE_S = 0.2
DOMAIN_PAUSE_S = 1.0
"""How long an answer holds back the next: eyes are not faster, and changes come in crowds."""
NAMES_MAX = 50


class ConsoleWatchServicer:
    """The streams of pages."""

    def __init__(self, plane: ControlPlane) -> None:
        """Answer with the use cases of `plane`."""
        self._runs = plane.runs
        self._notifier = plane.notifier

    async def watch_run(self, request: pb.WatchRunRequest) -> AsyncIterator[pb.WatchRunResponse]:
        """Stream what changes of an execution, from a position on, until it ends."""
        execution, since = execution_of(request.id), request.since
        first, seen = True, (-1, -1)
        with self._notifier.watching(execution) as woken:
            while True:
                woken.clear()
                news = await self._runs.changed(execution, since, NODES_PER_ANSWER)
                nodes = news.nodes.rows
                more = len(nodes) >= NODES_PER_ANSWER
                since = nodes[-1].sequence if more else max(since, news.row.sequence)
                visible = (news.row.phase, news.row.updated_at)
                if first or nodes or visible != seen:
                    yield pb.WatchRunResponse(
                        run=run_message(news.row),
                        nodes=[
                            run_node(row, news.nodes.ran.get(row.path, 0))
                            for row in nodes
                            if row.spec_node_id not in HIDDEN
                        ],
                        counts=node_counts(news.counts),
                        sequence=since,
                    )
                first, seen = False, visible
                if more:
                    continue
                if WorkflowPhase(news.row.phase).terminal:
                    return
                self._check_open()
                await woken.wait()
                await asyncio.sleep(RUN_PAUSE_S)

    async def watch_domain(self, request: pb.WatchDomainRequest) -> AsyncIterator[pb.WatchDomainResponse]:
        """Stream that something changed in a domain."""
        place = checked(request.place)
        with self._notifier.watching_place(place) as changed:
            yield pb.WatchDomainResponse()
            while True:
                self._check_open()
                await changed.woken.wait()
                await asyncio.sleep(DOMAIN_PAUSE_S)
                yield pb.WatchDomainResponse(executions=changed.taken(NAMES_MAX))

    def _check_open(self) -> None:
        if self._notifier.closed:
            raise refusal(Status.UNAVAILABLE, "shutting-down", "the server is going down")
