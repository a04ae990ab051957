"""Graphs that dynamic tasks give: compiled as what clients register is, since no task is trusted either."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from flytelike.codec.closures import closure_to_proto
from flytelike.codec.digest import digest_of
from flytelike.codec.dynamic_jobs import dynamic_job_from_proto
from flytelike.codec.parse import parse, serialise
from flytelike.compiler import Rejected
from flytelike.compiler import compile as compile_entities
from flytelike.controlplane.attributes.assigning import assigned
from flytelike.controlplane.attributes.merging import task_resources
from flytelike.controlplane.attributes.plugins import check_plugins
from flytelike.controlplane.compiling import KnownEntities, closure_uri
from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import Faults, Refusal, Status, invalid
from flytelike.controlplane.repository.attributes import Setting
from flytelike.controlplane.settings import Settings
from flytelike.model.closure import WorkflowClosure
from flytelike.model.diagnostic import Diagnostic
from flytelike.model.dynamic_job import NODES_MAX, DynamicJob
from flytelike.model.graph import Entity, TaskTemplate
from flytelike.model.ids import Digest, Identifier, ResourceKind
from flytelike.model.interface import TypedInterface
from flytelike.storage import Store, TooLarge
from flytelike_idl.core import dynamic_job_pb2

GRAPH_PREFIX = ".dynamic."
"""Graphs of dynamic tasks are named so, and by their task."""

FUTURES_BYTES_MAX = 64 * 1024 * 1024


class Graphs:
    """The use cases of graphs."""

    def __init__(self, database: Database, store: Store, settings: Settings) -> None:
        """Look entities up in `database`, keep closures in `store`."""
        self._database = database
        self._store = store
        self._closures = f"{settings.base}/closures"

    async def compile(self, task: TaskTemplate, futures_uri: str, settings: Sequence[Setting]) -> Digest:
        """Compile what a task gave and keep its closure, with what settings say of its tasks; return its digest.

        Raises:
            Refusal: Everything that is wrong with it.
            NotFound: There is nothing at `futures_uri`.
        """
        try:
            data = await self._store.get_async(futures_uri, max_bytes=FUTURES_BYTES_MAX)
        except TooLarge:
            limit = FUTURES_BYTES_MAX >> 20
            raise invalid(
                "spec-too-large", f"what `{task.id.name}` gives to run is larger than {limit} MiB", "give less at once"
            ) from None
        message = parse(dynamic_job_pb2.DynamicJobSpec, data)
        if len(message.nodes) > NODES_MAX:
            raise invalid(
                "too-many-nodes",
                f"`{task.id.name}` calls {len(message.nodes)} tasks and workflows; at most {NODES_MAX} are allowed",
                "split the work: call a sub-workflow or another dynamic for each part of it",
            )
        closure = await self._database.read(lambda connection: self._compiled(connection, task, message))
        document, faults = assigned(closure_to_proto(closure), task_resources(settings)), Faults()
        check_plugins(document.tasks, settings, faults)
        faults.check()
        digest = digest_of(document)
        await self._store.put_async(closure_uri(self._closures, digest), serialise(document), durable=True)
        return digest

    async def closure(self, digest: Digest) -> bytes:
        """Return a closure that `compile` kept. Raises `NotFound`."""
        return await self._store.get_async(closure_uri(self._closures, digest))

    def _compiled(
        self, connection: Connection, task: TaskTemplate, message: dynamic_job_pb2.DynamicJobSpec
    ) -> WorkflowClosure:
        job = dynamic_job_from_proto(message, graph_id(task.id), TypedInterface({}, task.interface.outputs))
        job = replace(job, workflow=replace(job.workflow, span=task.span))
        known = KnownEntities(connection, self._store)
        foreign = tuple(foreign_entities(job, task.id))
        outcome = compile_entities(unknown_entities(job, known), known)
        if foreign or isinstance(outcome, Rejected):
            more = outcome.diagnostics if isinstance(outcome, Rejected) else ()
            raise Refusal(Status.INVALID_ARGUMENT, (*foreign, *more))
        return outcome.workflows[job.workflow.id]


def graph_id(task: Identifier) -> Identifier:
    """Return the name of the graph that a dynamic task gives."""
    return replace(task, kind=ResourceKind.WORKFLOW, name=GRAPH_PREFIX + task.name)


def unknown_entities(job: DynamicJob, known: KnownEntities) -> Iterator[Entity]:
    """Yield what is to be compiled: what is registered counts as it was registered, whatever a task says of it."""
    yield from (task for task in job.tasks if known.task(task.id) is None)
    yield from (workflow for workflow in job.sub_workflows if known.interface(workflow.id) is None)
    yield job.workflow


def foreign_entities(job: DynamicJob, task: Identifier) -> Iterator[Diagnostic]:
    """Yield a fault for each entity that a task sends in the name of another project or domain."""
    for sent in [*(it.id for it in job.tasks), *(it.id for it in job.sub_workflows)]:
        if (sent.project, sent.domain) != (task.project, task.domain):
            yield Diagnostic(
                "foreign-entity",
                f"`{task.name}` sends `{sent}`, which is of another project or domain",
                help=("register it there and refer to it, as with `reference_task`",),
            )
