"""Who may refer to data: executions that stay, and what is registered."""

import asyncio
import json
from collections.abc import Iterable
from functools import partial

from flytelike.codec.parse import parse
from flytelike.controlplane.collecting.data_types import may_name_data
from flytelike.controlplane.collecting.references import Own
from flytelike.controlplane.collecting.survey import Document, Survey
from flytelike.controlplane.database import Database
from flytelike.controlplane.layout import Layout
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.repository import surviving as rows
from flytelike.controlplane.repository.surviving import Survivor
from flytelike.storage import NotFound, Store
from flytelike_idl.core import compiler_pb2

ROWS_AT_ONCE = 500
JUST_GONE_NS = 3600 * 1_000_000_000
"""A node that found a result is done with it in less: its own documents refer to the data then."""


class Registered:
    """Tasks, workflows and launch plans: code bundles, constants and defaults."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    async def tell(self, survey: Survey, going: frozenset[int]) -> None:  # noqa: ARG002 - what is registered stays
        """Scan the bodies of all versions. Graphs are read with the executions."""
        for table in rows.ENTITIES:
            after = 0
            while found := await self._database.read(
                partial(rows.bodies, table=table, after=after, limit=ROWS_AT_ONCE)
            ):
                for number, name, body in found:
                    survey.scan(body, name)
                    survey.scan_code(body)
                    after = number


class Cached:
    """Results in the catalog: small outputs in their row, large ones by their document, and the data they name."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Read from `database`."""
        self._database = database
        self._clock = clock

    async def tell(self, survey: Survey, going: frozenset[int]) -> None:  # noqa: ARG002 - results outlive executions
        """Note what cached results name. Those that have just gone count: somebody may have found them before."""
        after, since_ns = "", self._clock.now_ns() - JUST_GONE_NS
        while found := await self._database.read(
            partial(rows.cached_results, after=after, limit=ROWS_AT_ONCE, since_ns=since_ns)
        ):
            for result in found:
                by = f"the cached result {result.digest[:12]} of {result.task}"
                survey.scan(result.outputs, by)
                for uri in json.loads(result.uris or "[]"):
                    survey.scan(str(uri).encode(), by)
                if not result.outputs and result.outputs_uri:
                    survey.note_document(result.outputs_uri, by)
            after = found[-1].digest


class Signalled:
    """Values that were given to gates."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    async def tell(self, survey: Survey, going: frozenset[int]) -> None:
        """Scan the values of executions that stay."""
        after = 0
        while found := await self._database.read(partial(rows.signal_values, after=after, limit=ROWS_AT_ONCE)):
            for number, name, value in found:
                after = number
                if number not in going:
                    survey.scan(value, f"a signal of {name}")


class Executed:
    """Executions and their nodes, by the documents of their inputs and outputs."""

    def __init__(self, database: Database, store: Store, layout: Layout, graph_folder: str) -> None:
        """Read rows from `database` and documents from `store`; `layout` tells what is an execution's own."""
        self._graph_folder = graph_folder
        self._database = database
        self._store = store
        self._layout = layout
        self._naming: dict[str, bool] = {}
        self._last = 0

    async def tell(self, survey: Survey, going: frozenset[int]) -> None:
        """Scan all graphs, then what each execution was given and gave."""
        self._naming, self._last = {}, 0
        await self._graphs(survey)
        await self.tell_newer(survey, going)

    async def tell_newer(self, survey: Survey, going: frozenset[int]) -> None:
        """Scan the executions that are newer than those scanned before."""
        while found := await self._database.read(
            lambda connection: rows.survivors(connection, self._last, ROWS_AT_ONCE)
        ):
            for survivor in found:
                self._last = survivor.id
                if survivor.id not in going:
                    await self._execution(survey, survivor)

    async def _graphs(self, survey: Survey) -> None:
        after = ""
        while found := await self._database.read(partial(rows.closures, after=after, limit=ROWS_AT_ONCE)):
            await asyncio.to_thread(self._scan_graphs, survey, found)
            after = found[-1]

    def _note_graphs(self, survey: Survey, digests: Iterable[str]) -> None:
        """Note graphs that dynamic tasks gave, and what they name."""
        for digest in digests:
            letters = digest.removeprefix("sha256:")
            if letters not in survey.digests:
                survey.digests.add(letters)
                self._scan_graphs(survey, [f"{self._graph_folder}/{letters[:2]}/{letters}.pb"])

    def _scan_graphs(self, survey: Survey, uris: list[str]) -> None:
        for uri in uris:
            try:
                data = self._store.get(uri)
            except NotFound:
                continue
            survey.scan(data, f"the graph {uri.rpartition('/')[2]}")
            survey.scan_code(data)
            self._naming[uri] = may_name_data(parse(compiler_pb2.CompiledWorkflowClosure, data))

    async def _execution(self, survey: Survey, survivor: Survivor) -> None:
        naming = self._naming.get(survivor.closure_uri, True)
        by, own = str(survivor.execution), self._own(survivor)
        uris = [uri for uri in (survivor.inputs_uri, survivor.outputs_uri) if uri]
        after = ""
        while True:
            found = await self._database.read(
                partial(rows.node_documents, execution=survivor.id, after=after, limit=ROWS_AT_ONCE)
            )
            uris += [uri for node in found for uri in (node.inputs_uri, node.output_uri) if uri]
            graphs = {node.graph for node in found if node.graph}
            await asyncio.to_thread(self._note_graphs, survey, graphs)
            # The types of a graph that was made at run time are not those of the workflow around it.
            naming = naming or bool(graphs)
            self._note_lent(survey, survivor, uris)
            if naming:
                await asyncio.to_thread(survey.read, [Document(uri, by, own) for uri in uris])
            if len(found) < ROWS_AT_ONCE:
                return
            after, uris = found[-1].path, []

    def _note_lent(self, survey: Survey, survivor: Survivor, uris: list[str]) -> None:
        """Note the documents of other executions that nodes have for theirs."""
        folder = f"{self._layout.documents}/{self._layout.document_folder(survivor.execution)}/"
        for uri in uris:
            if not uri.startswith(folder):
                survey.note_document(uri, str(survivor.execution))

    def _own(self, survivor: Survivor) -> Own:
        execution, shard = survivor.execution, self._layout.shard

        def own(place: str) -> bool:
            above, _, folder = place.partition("/")
            return folder.startswith(f"{execution.name}-") and shard(execution, folder) == above

        return own
