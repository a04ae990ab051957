"""The catalog as DataCatalog has it: datasets, their artifacts, and the artifacts' tags.

A dataset is the results of one task under one cache version, and an artifact one of them: its id is its digest,
and its tag is made of that. What clients create lies beside that, in the same table, so that listing, eviction,
expiry and retention know it too; no task ever takes it, as its keys are of another kind.
"""

import hashlib
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from flytelike.codec.data_uris import data_uris
from flytelike.codec.literals import literal_map_from_proto
from flytelike.codec.parse import parse, serialise
from flytelike.controlplane.catalog import Catalog
from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import Faults, Refusal, Status, invalid, not_found, refusal
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.projects import check_place
from flytelike.controlplane.repository import datasets as rows
from flytelike.controlplane.repository.catalog import EntryRow
from flytelike.controlplane.repository.datasets import Dataset, Page, Wanted
from flytelike.controlplane.settings import Settings
from flytelike.model.caching import CacheEntry, CacheKey, CacheSource, Claim, Reserved
from flytelike.model.ids import ExecutionId, NodePath
from flytelike.storage import NotFound, Store
from flytelike_idl.core import literals_pb2
from flytelike_idl.datacatalog import datacatalog_pb2 as pb

TAG = "flyte_cached-"
"""How tags of cached results begin, as Flyte's propeller makes them."""
OF_CLIENTS = "datacatalog"
"""Stands in a client's key where a task's interface would."""
DATA_LOST = "data_lost"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A result of a dataset: its row, what a client says of it, its values and its tags."""

    id: str
    row: EntryRow
    about: bytes
    data: literals_pb2.LiteralMap
    tags: Sequence[str]


class Datasets:
    """The use cases of datasets."""

    def __init__(self, database: Database, catalog: Catalog, store: Store, settings: Settings, clock: Clock) -> None:
        """Keep results in `catalog`, which lies in `database`; large ones of tasks lie in `store`."""
        self._database = database
        self._catalog = catalog
        self._store = store
        self._settings = settings
        self._clock = clock

    async def create(self, dataset: Dataset, about: bytes) -> None:
        """Create a dataset; raises Refusal ALREADY_EXISTS, or INVALID_ARGUMENT for an unknown project or domain."""
        now_ns = self._clock.now_ns()

        def go(connection: Connection) -> None:
            faults = Faults()
            check_place(connection, self._settings, dataset.project, dataset.domain, faults)
            faults.check()
            if not rows.add_dataset(connection, dataset, about, now_ns):
                raise exists("dataset", f"the dataset {dataset.name} {dataset.version}")

        await self._database.write(go)

    async def get(self, dataset: Dataset) -> bytes:
        """Return what a client said of a dataset; raises Refusal NOT_FOUND."""
        found = await self._database.read(lambda connection: rows.find_dataset(connection, dataset))
        if found is None:
            raise not_found("dataset", f"{dataset.name} {dataset.version} in {dataset.project}/{dataset.domain}")
        return found

    async def page(self, wanted: Mapping[str, str], page: Page) -> list[tuple[Dataset, bytes]]:
        """Return a page of datasets and what clients said of them."""
        return await self._database.read(lambda connection: rows.list_datasets(connection, wanted, page))

    async def add_artifact(self, dataset: Dataset, told: pb.Artifact) -> None:
        """Keep a client's result; raises Refusal NOT_FOUND (dataset), ALREADY_EXISTS, INVALID_ARGUMENT."""
        declared = list(pb.Dataset.FromString(await self.get(dataset)).partitionKeys)
        given = {partition.key: partition.value for partition in told.partitions}
        if sorted(declared) != sorted(given) or len(given) != len(told.partitions):
            raise invalid(
                "wrong-partitions",
                f"the dataset's partitions are {sorted(declared)}, the artifact's {sorted(given)}",
            )
        key = key_of(dataset, told.id)
        if await self._found(dataset, Wanted([key.digest])) is not None:
            raise exists("artifact", f"the artifact {told.id} of {dataset.name} {dataset.version}")
        await self._keep(key, told.data, told.metadata)
        about = serialise(pb.Artifact(metadata=told.metadata, partitions=told.partitions))
        await self._database.write(lambda connection: rows.describe_artifact(connection, key.digest, about, given))

    async def update_artifact(
        self, dataset: Dataset, name: "Wanted", data: Sequence[pb.ArtifactData], metadata: pb.Metadata
    ) -> str:
        """Replace a client's result; return its id. Raises Refusal NOT_FOUND, or FAILED_PRECONDITION for a task's."""
        found = await self.artifact(dataset, name)
        key = key_of(dataset, found.id)
        if key.digest != found.row.digest:
            raise result_of_task(found.id)
        await self._keep(key, data, metadata)
        about = pb.Artifact.FromString(found.about)
        about.metadata.CopyFrom(metadata)
        given = {partition.key: partition.value for partition in about.partitions}
        await self._database.write(
            lambda connection: rows.describe_artifact(connection, key.digest, serialise(about), given)
        )
        return found.id

    async def artifact(self, dataset: Dataset, wanted: Wanted) -> Artifact:
        """Return the artifact of an id or tag; raises Refusal NOT_FOUND, also when data that it names is gone."""
        row = await self._found(dataset, wanted)
        async for one in self._complete([] if row is None else [row]):
            return one
        raise not_found("artifact", f"of that name in {dataset.name} {dataset.version}")

    async def artifacts(
        self, dataset: Dataset, wanted: Wanted, page: Page, bytes_max: int
    ) -> tuple[list[Artifact], bool]:
        """Return a page of artifacts, and whether there are more; raises Refusal NOT_FOUND without the dataset."""
        await self.get(dataset)
        more = Page(page.limit + 1, page.offset, page.ascending)
        now_ns = self._clock.now_ns()
        found = await self._database.read(lambda c: rows.artifacts(c, dataset, wanted, more, now_ns))
        size, complete = 0, list[Artifact]()
        async for one in self._complete(found[: page.limit]):
            size += one.data.ByteSize()
            if complete and size > bytes_max:
                break
            complete.append(one)
        return complete, len(found) > len(complete)

    async def tag(self, dataset: Dataset, tag: str, artifact_id: str) -> None:
        """Give an artifact a tag; raises Refusal NOT_FOUND, or ALREADY_EXISTS when one of the dataset's has it."""
        if made_of_digest(tag):
            raise invalid("reserved-name", f"the tag {tag} is that of a task's result", "choose another tag")
        row = await self._found(dataset, wanted_id(dataset, artifact_id))
        if row is None:
            raise not_found("artifact", f"{artifact_id} in {dataset.name} {dataset.version}")
        if await self._found(dataset, wanted_tag(tag)) is not None:
            raise exists("tag", f"the tag {tag} of {dataset.name} {dataset.version}")
        await self._database.write(lambda connection: rows.set_tag(connection, dataset, tag, row[0].digest))

    async def reserve(self, dataset: Dataset, tag: str, owner: str, lease_ns: int) -> Reserved:
        """Take the turn to make what a tag names, or keep it; return who has it: maybe a node that computes it."""
        digest = turn_of(dataset, tag)
        return (await self._catalog.reserve([Claim(digest, owner)], lease_ns))[digest]

    async def release(self, dataset: Dataset, tag: str, owner: str) -> None:
        """Give the turn back; of who does not have it, nothing changes."""
        await self._catalog.release([Claim(turn_of(dataset, tag), owner)])

    async def _found(self, dataset: Dataset, wanted: Wanted) -> tuple[EntryRow, bytes] | None:
        now_ns = self._clock.now_ns()
        found = await self._database.read(lambda c: rows.artifacts(c, dataset, wanted, Page(1), now_ns))
        if not found:
            return None
        [(row, about)] = found
        uris = [*json.loads(row.uris or "[]"), *([] if row.outputs else [row.outputs_uri])]
        there = await self._store.measure_async(uris) if uris else {}
        if any(uri not in there for uri in uris):
            await self._catalog.drop([row.digest], DATA_LOST)
            return None
        return row, about

    async def _complete(self, found: Sequence[tuple[EntryRow, bytes]]) -> AsyncIterator[Artifact]:
        """Yield artifacts with values and tags; what is lost while it is read is left out."""
        tags = await self._database.read(lambda c: rows.tags_of(c, [row.digest for row, _ in found]))
        for row, about in found:
            try:
                data = row.outputs or await self._store.get_async(row.outputs_uri)
            except NotFound:
                continue
            values = parse(literals_pb2.LiteralMap, data)
            yield Artifact(id_of(row), row, about, values, tags.get(row.digest, ()))

    async def _keep(self, key: CacheKey, data: Sequence[pb.ArtifactData], metadata: pb.Metadata) -> None:
        outputs = literals_pb2.LiteralMap(literals={one.name: one.value for one in data})
        body = serialise(outputs)
        if len(body) > self._settings.limits.inline_bytes:
            raise refusal(Status.RESOURCE_EXHAUSTED, "artifact-too-large", f"the artifact has {len(body)} bytes")
        uris = tuple(uri for uri in data_uris(literal_map_from_proto(outputs)) if self._is_ours(uri))
        there = await self._store.measure_async(uris) if uris else {}
        size = len(body) + sum(there.values())
        entry = CacheEntry(key, source_of(key, metadata), body, "", uris, size, 0, self._clock.now_ns())
        await self._catalog.put(entry)

    def _is_ours(self, uri: str) -> bool:
        """Tell whether it is up to this platform what lies somewhere: nothing else is looked at for a client."""
        below = (f"{self._settings.base}/", f"{self._settings.raw_prefix}/")
        return uri.startswith(below) and ".." not in uri.split("/")


def key_of(dataset: Dataset, artifact_id: str) -> CacheKey:
    """Return the key of a client's result: of a kind that no task's is."""
    place = (dataset.project, dataset.domain, dataset.name)
    return CacheKey(*place, OF_CLIENTS, dataset.version, "", (("artifact", artifact_id),))


def id_of(row: EntryRow) -> str:
    """Return an artifact's id: a client's own, or the digest of a task's key."""
    key = row.entry().key
    return dict(key.inputs)["artifact"] if key.interface == OF_CLIENTS else row.digest


def wanted_id(dataset: Dataset, artifact_id: str) -> Wanted:
    """Return what an artifact's id means."""
    return Wanted(digests=[key_of(dataset, artifact_id).digest, artifact_id])


def wanted_tag(tag: str) -> Wanted:
    """Return what a tag means."""
    digest = made_of_digest(tag)
    return Wanted(digests=[digest]) if digest else Wanted(tags=[tag])


def made_of_digest(tag: str) -> str:
    """Return the digest that the tag of a task's result is made of; empty for another tag."""
    found = re.fullmatch(TAG + "([0-9a-f]{64})", tag)
    return found[1] if found else ""


def turn_of(dataset: Dataset, tag: str) -> str:
    """Return what a turn is kept under: the digest of a task's key, or what stands for a client's tag."""
    digest = made_of_digest(tag)
    if digest:
        return digest
    name = [OF_CLIENTS, dataset.project, dataset.domain, dataset.name, dataset.version, tag]
    return hashlib.sha256(json.dumps(name).encode()).hexdigest()


def source_of(key: CacheKey, metadata: pb.Metadata) -> CacheSource:
    """Return who computed a client's result, by the names that Flyte's propeller uses."""
    told = metadata.key_map
    project, domain = told.get("exec-project", key.project), told.get("exec-domain", key.domain)
    attempt = told.get("exec-attempt", "0")
    return CacheSource(
        ExecutionId(project, domain, told.get("exec-name", "")),
        NodePath(told.get("exec-node", "")),
        int(attempt) if attempt.isascii() and attempt.isdecimal() and len(attempt) < 6 else 0,
        told.get("task-version", ""),
    )


def made_by(source: CacheSource) -> Mapping[str, str]:
    """Return who computed a task's result, by the names that Flyte's propeller uses."""
    return {
        "task-version": source.task_version,
        "exec-project": source.execution.project,
        "exec-domain": source.execution.domain,
        "exec-name": source.execution.name,
        "exec-node": source.path,
        "exec-attempt": str(source.attempt),
    }


def result_of_task(artifact_id: str) -> Refusal:
    """Return the refusal to write over what a task computed."""
    return refusal(
        Status.FAILED_PRECONDITION,
        "result-of-task",
        f"the artifact {artifact_id} was computed by a task, and is what computing it again would give",
        "evict it with `flytelike cache evict`, or execute with --overwrite-cache",
    )


def exists(what: str, name: str) -> Refusal:
    """Return the refusal for something that is there."""
    return refusal(Status.ALREADY_EXISTS, f"{what}-exists", f"{name} exists")
