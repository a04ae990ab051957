"""PropellerService: the control plane's use cases as operators in other processes call them."""

from collections.abc import AsyncIterator

from flytelike.codec.cached_results import (
    claims_from_proto,
    entries_from_proto,
    entry_to_proto,
    key_from_proto,
    use_from_proto,
)
from flytelike.codec.failures import whole_failure_to_proto
from flytelike.codec.faults import each, inside, required
from flytelike.codec.history import entry_from_proto, gap_to_proto
from flytelike.codec.ids import (
    execution_id_from_proto,
    execution_id_to_proto,
    identifier_from_proto,
    node_execution_id_from_proto,
    node_execution_id_to_proto,
)
from flytelike.codec.quota_reports import report_from_proto
from flytelike.codec.tasks import task_template_from_proto
from flytelike.codec.types import literal_type_from_proto
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.child_news import News
from flytelike.controlplane.errors import Status, refusal
from flytelike.controlplane.tenancy.rules import Rules
from flytelike.embedded.adapters import ChildrenOfPlane, SignalsOfPlane
from flytelike.embedded.closures import ClosuresOfPlane
from flytelike.embedded.quotas import ReportsOfPlane, quotas_of
from flytelike.model.history import HistoryGap
from flytelike.model.ids import Digest, NodePath
from flytelike_idl.service import propeller_pb2 as pb
from propeller.ports import ChildRefused, GraphRefused
from propeller.ports_signals import SignalRefused, SignalWanted


class PropellerServicer:
    """The RPCs of propeller; each is what the engine's port of the same name promises."""

    def __init__(self, plane: ControlPlane) -> None:
        """Answer with the use cases of `plane`."""
        self._plane = plane
        self._children = ChildrenOfPlane(plane)
        self._closures = ClosuresOfPlane(plane, plane.store)
        self._signals = SignalsOfPlane(plane)
        self._reports = ReportsOfPlane(plane)

    async def record_history(self, request: pb.RecordHistoryRequest) -> pb.RecordHistoryResponse:
        """Take history over, or tell what is missing."""
        try:
            await self._plane.record(each("entries", entry_from_proto, request.entries))
        except HistoryGap as gap:
            if request.looks_at_gaps:
                return pb.RecordHistoryResponse(gaps=map(gap_to_proto, gap.gaps))
            raise refusal(
                Status.FAILED_PRECONDITION, "history-gap", str(gap), "restore both databases as of one moment"
            ) from gap
        return pb.RecordHistoryResponse()

    async def start_child(self, request: pb.StartChildRequest) -> pb.StartChildResponse:
        """Create a child, or say why not."""
        for field in ("parent", "launch_plan"):
            required(request, field)
        earlier = inside("earlier", execution_id_from_proto, request.earlier) if request.HasField("earlier") else None
        try:
            child = await self._children.start(
                inside("parent", node_execution_id_from_proto, request.parent),
                request.attempt,
                inside("launch_plan", identifier_from_proto, request.launch_plan),
                request.inputs_uri,
                earlier,
                request.priority,
            )
        except ChildRefused as error:
            return pb.StartChildResponse(refused=whole_failure_to_proto(error.failure))
        return pb.StartChildResponse(id=execution_id_to_proto(child))

    async def abort_child(self, request: pb.AbortChildRequest) -> pb.AbortChildResponse:
        """Ask a child to end."""
        required(request, "id")
        await self._children.abort(inside("id", execution_id_from_proto, request.id), request.reason)
        return pb.AbortChildResponse()

    async def get_child(self, request: pb.GetChildRequest) -> pb.GetChildResponse:
        """Tell how a child goes."""
        required(request, "id")
        found = await self._children.phase(inside("id", execution_id_from_proto, request.id))
        return pb.GetChildResponse(
            phase=int(found.phase),  # type: ignore[arg-type]  # the stub wants its own enum
            output_uri=found.output_uri,
            failure=None if found.failure is None else whole_failure_to_proto(found.failure),
        )

    async def watch_children(self, request: pb.WatchChildrenRequest) -> AsyncIterator[pb.WatchChildrenResponse]:
        """Stream the ends of children."""
        del request
        children = self._plane.notifier.children
        with children.listening() as listener:
            while True:
                news = await listener.next()
                if children.closed:
                    raise refusal(Status.UNAVAILABLE, "shutting-down", "the server is going down")
                yield _news(news)

    async def watch_quotas(self, request: pb.WatchQuotasRequest) -> AsyncIterator[pb.WatchQuotasResponse]:
        """Stream the quotas that attempts are granted by."""
        del request
        tenancy = self._plane.tenancy
        with tenancy.watching() as changed:
            while not self._plane.notifier.closed:
                changed.clear()
                yield _quotas(tenancy.rules)
                await changed.wait()
        raise refusal(Status.UNAVAILABLE, "shutting-down", "the server is going down")

    async def report_quota_use(self, request: pb.ReportQuotaUseRequest) -> pb.ReportQuotaUseResponse:
        """Keep what is granted."""
        await self._reports.take(report_from_proto(request))
        return pb.ReportQuotaUseResponse()

    async def compile_graph(self, request: pb.CompileGraphRequest) -> pb.CompileGraphResponse:
        """Compile what a dynamic task gave, or say what is wrong with it."""
        for field in ("execution", "task"):
            required(request, field)
        execution = inside("execution", execution_id_from_proto, request.execution)
        task = inside("task", task_template_from_proto, request.task)
        try:
            digest = await self._closures.compile(execution, task, request.futures_uri)
        except GraphRefused as error:
            return pb.CompileGraphResponse(refused=whole_failure_to_proto(error.failure))
        return pb.CompileGraphResponse(digest=digest)

    async def get_graph(self, request: pb.GetGraphRequest) -> pb.GetGraphResponse:
        """Return a graph's closure."""
        return pb.GetGraphResponse(closure=await self._plane.graphs.closure(Digest(request.digest)))

    async def await_signal(self, request: pb.AwaitSignalRequest) -> pb.AwaitSignalResponse:
        """Let a signal exist, and return what was given."""
        for field in ("execution", "type"):
            required(request, field)
        wanted = SignalWanted(
            inside("execution", execution_id_from_proto, request.execution),
            request.signal,
            inside("type", literal_type_from_proto, request.type),
            NodePath(request.path),
            request.approval,
            request.since_ns,
            request.until_ns,
            request.inputs_uri,
        )
        try:
            value = await self._signals.wait(wanted)
        except SignalRefused as error:
            return pb.AwaitSignalResponse(refused=whole_failure_to_proto(error.failure))
        return pb.AwaitSignalResponse() if value is None else pb.AwaitSignalResponse(value=value)

    async def look_up_results(self, request: pb.LookUpResultsRequest) -> pb.LookUpResultsResponse:
        """Return cached results."""
        keys = [key_from_proto(message) for message in request.keys]
        found = await self._plane.catalog.lookup({key.digest: key for key in keys})
        return pb.LookUpResultsResponse(results=map(entry_to_proto, found.values()))

    async def keep_results(self, request: pb.KeepResultsRequest) -> pb.KeepResultsResponse:
        """Keep results."""
        await self._plane.catalog.put_many(entries_from_proto(request))
        return pb.KeepResultsResponse()

    async def drop_results(self, request: pb.DropResultsRequest) -> pb.DropResultsResponse:
        """Drop results."""
        await self._plane.catalog.drop(set(request.digests), request.why)
        return pb.DropResultsResponse()

    async def reserve_work(self, request: pb.ReserveWorkRequest) -> pb.ReserveWorkResponse:
        """Reserve work."""
        found = await self._plane.catalog.reserve(claims_from_proto(request), request.lease_ns)
        reserved = (
            pb.WorkReserved(digest=digest, holder=one.holder, until_ns=one.until_ns) for digest, one in found.items()
        )
        return pb.ReserveWorkResponse(reserved=reserved)

    async def release_work(self, request: pb.ReleaseWorkRequest) -> pb.ReleaseWorkResponse:
        """Free work."""
        await self._plane.catalog.release(claims_from_proto(request))
        return pb.ReleaseWorkResponse()

    async def count_uses(self, request: pb.CountUsesRequest) -> pb.CountUsesResponse:
        """Count uses."""
        await self._plane.catalog.count([use_from_proto(message) for message in request.uses])
        return pb.CountUsesResponse()


def _quotas(rules: Rules) -> pb.WatchQuotasResponse:
    out = pb.WatchQuotasResponse(teams=rules.teams)
    for path, quota in quotas_of(rules, {}).items():
        out.quotas.add(path=path, weight=quota.weight, limits=quota.limit, guaranteed=quota.guaranteed)
    return out


def _news(news: News) -> pb.WatchChildrenResponse:
    ended = (
        pb.ChildEnded(
            parent=node_execution_id_to_proto(one.parent), attempt=one.attempt, child=execution_id_to_proto(one.child)
        )
        for one in news.ended
    )
    return pb.WatchChildrenResponse(ended=ended, look=news.look)
