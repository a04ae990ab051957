"""ConsoleService: what pages need, aggregated and paged."""

from collections.abc import Iterable, Mapping

from flytelike.codec.caching import source_from_json
from flytelike.codec.ids import identifier_to_proto
from flytelike.controlplane.access.caller import caller
from flytelike.controlplane.access.roles import Action
from flytelike.controlplane.access.roles import Place as AccessPlace
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.data_owners import DataOwners
from flytelike.controlplane.drawing import Drawing
from flytelike.controlplane.errors import not_found
from flytelike.controlplane.listing import ListQuery
from flytelike.controlplane.messages import timestamp, workflow_of
from flytelike.controlplane.naming import KIND_NAMES
from flytelike.controlplane.overview import BARS, Dashboard, Found, token_of
from flytelike.controlplane.repository.node_pages import NodePage
from flytelike.controlplane.repository.overviews import Place, PlaceCounts
from flytelike.controlplane.rpc.console_messages import (
    attempt_of,
    instant,
    node_counts,
    run_counts,
    run_message,
    run_node,
    waiting_node,
)
from flytelike.controlplane.rpc.requests import any_identifier_of, entity_kind, execution_of, node_of, place_of
from flytelike.controlplane.source_texts import SourceTexts
from flytelike.controlplane.stored_previews import StoredPreview, StoredPreviews, uris_in
from flytelike.model.ids import NodeExecutionId, NodePath, ResourceKind
from flytelike_idl.admin import common_pb2, execution_pb2
from flytelike_idl.core import literals_pb2
from flytelike_idl.service import console_pb2 as pb

RUNS, RUNS_MAX = 50, 200
NODES, NODES_MAX = 100, 500
HOURS, HOURS_MAX = 24, 24 * 92
ELEMENTS_MAX = 200_000
PROJECTS_MAX = 500
PREVIEW_BYTES = 256 * 1024
"""How large values may be together to be sent whole."""
VALUE_BYTES = 64 * 1024
"""And how large each may be where they are not."""
DECK_EXPIRY_S = 900


class ConsoleServicer:
    """The RPCs of pages."""

    def __init__(self, plane: ControlPlane) -> None:
        """Answer with the use cases of `plane`."""
        self._projects = plane.projects
        self._domains = plane.settings.domains
        self._overview = plane.overview
        self._runs = plane.runs
        self._reading = plane.reading
        self._uploads = plane.uploads
        self._stored = StoredPreviews(plane.store, plane.uploads)
        self._owners = DataOwners(plane.database, plane.settings, plane.stored.layout)
        self._sources = SourceTexts(plane.finding, plane.store, plane.settings)

    async def get_home(self, _request: pb.GetHomeRequest) -> pb.GetHomeResponse:
        """Return the projects that the caller may know of, with how it goes in them."""
        rights = caller().rights
        projects = await self._projects.list(ListQuery(sort_key="id", ascending=True, limit=PROJECTS_MAX), rights)
        counts = {(found.project, found.domain): found for found in await self._overview.places()}
        return pb.GetHomeResponse(
            projects=[
                pb.HomeProject(
                    id=project.id,
                    name=project.name,
                    description=project.description,
                    domains=[
                        self._domain(project.id, domain, name, counts)
                        for domain, name in self._domains
                        if rights.allows(Action.READ, AccessPlace(project.id, domain))
                    ],
                )
                for project in projects
                if project.state == 0
            ]
        )

    async def get_dashboard(self, request: pb.GetDashboardRequest) -> pb.GetDashboardResponse:
        """Return how it goes in a domain."""
        hours = min(request.hours or HOURS, HOURS_MAX)
        return dashboard_message(await self._overview.dashboard(checked(request.place), hours))

    async def list_runs(self, request: pb.ListRunsRequest) -> pb.ListRunsResponse:
        """Return a page of executions."""
        limit = min(request.limit or RUNS, RUNS_MAX)
        rows, total = await self._overview.runs(
            checked(request.place), request.filters, request.text.strip(), limit, request.token
        )
        token = token_of(rows[-1]) if len(rows) == limit else ""
        return pb.ListRunsResponse(runs=[run_message(row) for row in rows], token=token, total=total)

    async def get_run(self, request: pb.GetRunRequest) -> pb.GetRunResponse:
        """Return an execution with the numbers of its nodes."""
        run = await self._runs.run(execution_of(request.id))
        row = run.row
        out = pb.GetRunResponse(
            run=run_message(row),
            nodes=node_counts(run.nodes),
            workflow=identifier_to_proto(workflow_of(row)),
            abort_cause=row.abort_cause,
            labels=execution_pb2.ExecutionSpec.FromString(row.spec).labels.values,
            sequence=row.sequence,
            derived=run.derived,
            failed_path=run.failed_path,
            waiting=[waiting_node(row.name, gate) for gate in run.waiting],
            alone=row.launched_kind == int(ResourceKind.TASK),
        )
        if row.error is not None:
            out.error.ParseFromString(row.error)
        return out

    async def list_run_nodes(self, request: pb.ListRunNodesRequest) -> pb.ListRunNodesResponse:
        """Return a page of nodes."""
        page = NodePage(
            tuple(request.phases),
            request.text.strip(),
            None if request.deep else request.parent,
            request.offset,
            min(request.limit or NODES, NODES_MAX),
        )
        found, total = await self._runs.nodes(execution_of(request.id), page)
        return pb.ListRunNodesResponse(
            nodes=[run_node(row, found.ran.get(row.path, 0)) for row in found.rows], total=total
        )

    async def get_run_node(self, request: pb.GetRunNodeRequest) -> pb.GetRunNodeResponse:
        """Return all that is known of a node."""
        node = node_of(request.id)
        row, attempts = await self._runs.node(node)
        deck = await self._reading.deck_uri(node)
        out = pb.GetRunNodeResponse(
            node=run_node(row, min((one.started_at for one in attempts if one.started_at), default=0)),
            attempts=[attempt_of(attempt) for attempt in attempts],
            cache_why=row.cache_why,
            cache_source=str(source_from_json(row.cache_source).execution.name) if row.cache_source else "",
            deck_url=self._uploads.download_url(deck, DECK_EXPIRY_S)[0] if deck else "",
            has_inputs=bool(row.inputs_uri),
            has_outputs=bool(row.output_uri),
        )
        if row.error is not None:
            out.error.ParseFromString(row.error)
        if row.waits_until:
            out.waits_until.CopyFrom(timestamp(row.waits_until))
        return out

    async def get_element_states(self, request: pb.GetElementStatesRequest) -> pb.GetElementStatesResponse:
        """Return a byte for each element of an array."""
        limit = min(request.limit or ELEMENTS_MAX, ELEMENTS_MAX)
        length, states = await self._runs.element_states(node_of(request.id), request.first, limit)
        return pb.GetElementStatesResponse(length=length, states=states)

    async def draw_graph(self, request: pb.DrawGraphRequest) -> pb.DrawGraphResponse:
        """Return a graph."""
        if request.WhichOneof("of") == "workflow":
            drawing = await self._runs.version(any_identifier_of(request.workflow), request.sub_workflow)
            return graph_message(drawing, {})
        path = NodePath(request.run.node_id)
        drawn = await self._runs.graph(NodeExecutionId(execution_of(request.run.execution_id), path))
        return graph_message(drawn.drawing, drawn.states)

    async def preview_values(self, request: pb.PreviewValuesRequest) -> pb.PreviewValuesResponse:
        """Return inputs and outputs as far as they are small."""
        inputs_uri, outputs_uri = await self._values_of(request)
        return pb.PreviewValuesResponse(
            inputs=await self._preview(inputs_uri), outputs=await self._preview(outputs_uri)
        )

    async def preview_stored(self, request: pb.PreviewStoredRequest) -> pb.PreviewStoredResponse:
        """Return the beginning of what a value refers to."""
        inputs_uri, outputs_uri = await self._values_of(request)
        for uri in (inputs_uri, outputs_uri):
            literals = (await self._reading.data(uri)).literals
            if any(request.uri in uris_in(literal) for literal in literals.literals.values()):
                await self._owners.check(request.uri, caller().rights)
                return stored_message(await self._stored.preview(request.uri))
        raise not_found("value", f"with the address {request.uri[:200]!r} here")

    async def list_entities(self, request: pb.ListEntitiesRequest) -> pb.ListEntitiesResponse:
        """Return a page of names."""
        kind = entity_kind(request.kind)
        limit = min(request.limit or NODES, NODES_MAX)
        rows, total, runs = await self._overview.names(
            kind, checked(request.place), request.text.strip(), request.offset, limit
        )
        out = pb.ListEntitiesResponse(total=total)
        for row in rows:
            found = out.entities.add(
                name=row.name,
                version=row.latest,
                versions=row.versions,
                description=row.description,
                active_version=row.active,
                runs=[run_message(run) for run in runs.get(row.name, ())],
            )
            if row.registered_at:
                found.registered_at.CopyFrom(instant(row.registered_at))
        return out

    async def compare_versions(self, request: pb.CompareVersionsRequest) -> pb.CompareVersionsResponse:
        """Return what changed between two versions."""
        told = await self._overview.compare(any_identifier_of(request.old), any_identifier_of(request.new))
        return pb.CompareVersionsResponse(
            changes=[
                pb.VersionChange(
                    kind=change.kind.value,  # type: ignore[arg-type] # the values are the same
                    name=change.name,
                    part=change.part.value,
                    text=change.text,
                    breaking=change.breaking,
                )
                for change in told
            ]
        )

    async def get_source(self, request: pb.GetSourceRequest) -> pb.GetSourceResponse:
        """Return the lines in which a task or workflow was written."""
        found = await self._sources.of(any_identifier_of(request.id))
        return pb.GetSourceResponse(
            file=found.file,
            line=found.line,
            first_line=found.first_line,
            lines=found.lines,
            cut=found.cut,
            marks=[pb.SourceMark(node=mark.node, line=mark.line, end_line=mark.end_line) for mark in found.marks],
            note=found.note,
        )

    async def search(self, request: pb.SearchRequest) -> pb.SearchResponse:
        """Return what has a text in its name."""
        rights = caller().rights
        found = await self._overview.search(request.text, rights)
        place = (request.place.project, request.place.domain)
        seen = [
            hit
            for hit in hits_of(found)
            if not hit.place.project or rights.allows(Action.READ, AccessPlace(hit.place.project, hit.place.domain))
        ]
        hits = sorted(seen, key=lambda hit: (hit.place.project, hit.place.domain) != place)
        return pb.SearchResponse(hits=hits)

    def _domain(self, project: str, domain: str, name: str, counts: Mapping[Place, PlaceCounts]) -> pb.HomeDomain:
        out = pb.HomeDomain(id=domain, name=name)
        found = counts.get((project, domain))
        if found is not None:
            out.running, out.failed, out.recent = found.running, found.failed, found.recent
            out.last_at.CopyFrom(instant(found.last_at))
        return out

    async def _values_of(self, request: pb.PreviewValuesRequest | pb.PreviewStoredRequest) -> tuple[str, str]:
        """Return where inputs and outputs of an execution or node lie."""
        if request.WhichOneof("of") == "node":
            node = await self._reading.node_row(node_of(request.node))
            return node.inputs_uri, node.output_uri
        row = await self._reading.execution_row(execution_of(request.execution))
        return row.inputs_uri, row.outputs_uri

    async def _preview(self, uri: str) -> pb.ValuesPreview:
        data = await self._reading.data(uri)
        out = pb.ValuesPreview(size_bytes=data.blob.bytes)
        whole = data.literals.ByteSize() <= PREVIEW_BYTES
        for name, value in data.literals.literals.items():
            if whole or value.ByteSize() <= VALUE_BYTES:
                out.values.literals[name].CopyFrom(value)
            else:
                out.large[name] = value.ByteSize()
        if data.blob.bytes and not data.literals.literals:
            out.values.CopyFrom(literals_pb2.LiteralMap())
        return out


def checked(place: pb.DomainPlace) -> Place:
    """Return project and domain; raises Refusal."""
    project, domain, _ = place_of(common_pb2.NamedEntityIdentifier(project=place.project, domain=place.domain))
    return project, domain


def dashboard_message(found: Dashboard) -> pb.GetDashboardResponse:
    """Return the message of a dashboard."""
    by_phase: dict[int, int] = {}
    by_bar: dict[int, list[tuple[int, int]]] = {}
    for bar, phase, count in found.bars:
        by_phase[phase] = by_phase.get(phase, 0) + count
        by_bar.setdefault(min(bar, BARS - 1), []).append((phase, count))
    out = pb.GetDashboardResponse(
        phases=run_counts(sorted(by_phase.items())),
        running=found.running,
        failures=[run_message(row) for row in found.failures],
        waiting=[waiting_node(name, gate) for name, gate in found.waiting],
        workflows=[
            pb.WorkflowHealth(name=it.name, runs=it.runs, failed=it.failed, mean_seconds=it.mean_ns / 1e9)
            for it in found.workflows
        ],
    )
    for bar in range(BARS):
        since = instant(found.since_ns + bar * found.bar_ns)
        out.bars.add(since=since, phases=run_counts(by_bar.get(bar, ())))
    return out


def stored_message(found: StoredPreview) -> pb.PreviewStoredResponse:
    """Return the message of the beginning of a file, folder or table."""
    return pb.PreviewStoredResponse(
        kind=found.kind,
        size_bytes=found.size_bytes,
        url=found.url,
        text=found.text,
        cut=found.cut,
        columns=[pb.TableColumn(name=name, type=kind) for name, kind in found.columns],
        rows=[pb.TableRow(cells=cells) for cells in found.rows],
        row_count=found.row_count,
        files=[pb.StoredFile(path=path, size_bytes=size) for path, size in found.files],
        note=found.note,
    )


def graph_message(drawing: Drawing, states: Mapping[str, tuple[str, int]]) -> pb.DrawGraphResponse:
    """Return the message of a graph, with the phases of the nodes that each of its own stands for."""
    out = pb.DrawGraphResponse(
        edges=[pb.GraphEdge(source=source, target=target) for source, target in drawing.edges], total=drawing.total
    )
    for node in drawing.nodes:
        counts: dict[int, int] = {}
        for member in node.members:
            if member in states:
                phase = states[member][1]
                counts[phase] = counts.get(phase, 0) + 1
        out.nodes.add(
            id=node.id,
            name=node.name,
            kind=node.kind,
            target=node.target,
            count=len(node.members),
            path=states[node.id][0] if node.id in states else "",
            phases=node_counts(sorted(counts.items())),
            branch=node.branch,
            condition=node.condition,
            file=node.file,
            line=node.line,
            nested=node.nested,
        )
    return out


def hits_of(found: Found) -> Iterable[pb.SearchHit]:
    """Return the messages of what was found."""
    yield from (pb.SearchHit(kind="project", name=project) for project in found.projects)
    for kind, project, domain, name in found.names:
        place = pb.DomainPlace(project=project, domain=domain)
        yield pb.SearchHit(kind=KIND_NAMES[ResourceKind(kind)], place=place, name=name)
    for row in found.runs:
        place = pb.DomainPlace(project=row.project, domain=row.domain)
        phase = row.phase
        yield pb.SearchHit(kind="execution", place=place, name=row.name, phase=phase, launched=row.launched_name)  # type: ignore[arg-type] # the values are the same
