"""DataCatalog: cached results as datasets, artifacts and tags, for clients of Flyte's catalog."""

from collections.abc import Iterable, Mapping

from flytelike.codec.literals import duration_to_ns, fill_duration, fill_timestamp
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.datasets import TAG, Artifact, made_by, wanted_id, wanted_tag
from flytelike.controlplane.errors import Faults, Refusal, Status, invalid, refusal
from flytelike.controlplane.naming import check_org
from flytelike.controlplane.repository.datasets import Dataset, Page, Wanted
from flytelike_idl.datacatalog import datacatalog_pb2 as pb

PAGE = 100
PAGE_MAX = 1_000
NAME_MAX = 1_024
PARTITIONS_MAX = 64
FILTERS_MAX = 16
ABOUT_BYTES_MAX = 64 * 1024
HEARTBEAT_NS = 10_000_000_000
HEARTBEAT_NS_MAX = 600_000_000_000
HEARTBEATS = 3
"""A turn lapses after so many heartbeats that did not come, as in Flyte."""


class DataCatalogServicer:
    """The RPCs of DataCatalog."""

    def __init__(self, plane: ControlPlane) -> None:
        """Answer with the use cases of `plane`."""
        self._datasets = plane.datasets
        self._bytes_max = plane.settings.limits.message_bytes // 2

    async def create_dataset(self, request: pb.CreateDatasetRequest) -> pb.CreateDatasetResponse:
        """Create a dataset."""
        told = request.dataset
        dataset = dataset_of(told.id)
        if len(told.partitionKeys) > PARTITIONS_MAX or len(set(told.partitionKeys)) < len(told.partitionKeys):
            raise invalid("wrong-partitions", f"a dataset has at most {PARTITIONS_MAX} partitions, each once")
        about = pb.Dataset(metadata=told.metadata, partitionKeys=told.partitionKeys).SerializeToString()
        await self._datasets.create(dataset, _small(about))
        return pb.CreateDatasetResponse()

    async def get_dataset(self, request: pb.GetDatasetRequest) -> pb.GetDatasetResponse:
        """Return a dataset."""
        dataset = dataset_of(request.dataset)
        return pb.GetDatasetResponse(dataset=_dataset(dataset, await self._datasets.get(dataset)))

    async def list_datasets(self, request: pb.ListDatasetsRequest) -> pb.ListDatasetsResponse:
        """Return a page of datasets."""
        page = _page(request.pagination)
        found = await self._datasets.page(
            _wanted_datasets(request.filter), Page(page.limit + 1, page.offset, page.ascending)
        )
        token = str(page.offset + page.limit) if len(found) > page.limit else ""
        return pb.ListDatasetsResponse(datasets=[_dataset(*one) for one in found[: page.limit]], next_token=token)

    async def create_artifact(self, request: pb.CreateArtifactRequest) -> pb.CreateArtifactResponse:
        """Keep a result."""
        told = request.artifact
        dataset, faults = dataset_of(told.dataset), Faults()
        _check_name("the artifact", "id", told.id, faults)
        _check_data(told.data, faults)
        faults.check()
        _small(pb.Artifact(metadata=told.metadata, partitions=told.partitions).SerializeToString())
        await self._datasets.add_artifact(dataset, told)
        return pb.CreateArtifactResponse()

    async def get_artifact(self, request: pb.GetArtifactRequest) -> pb.GetArtifactResponse:
        """Return a result; NOT_FOUND is a miss."""
        dataset = dataset_of(request.dataset)
        found = await self._datasets.artifact(dataset, _handle(dataset, request))
        return pb.GetArtifactResponse(artifact=_artifact(dataset, found))

    async def list_artifacts(self, request: pb.ListArtifactsRequest) -> pb.ListArtifactsResponse:
        """Return a page of a dataset's results, which also ends where it gets too large for a message."""
        dataset, page = dataset_of(request.dataset), _page(request.pagination)
        wanted = _wanted_artifacts(dataset, request.filter)
        found, more = await self._datasets.artifacts(dataset, wanted, page, self._bytes_max)
        token = str(page.offset + max(len(found), 1)) if more else ""
        return pb.ListArtifactsResponse(artifacts=[_artifact(dataset, one) for one in found], next_token=token)

    async def update_artifact(self, request: pb.UpdateArtifactRequest) -> pb.UpdateArtifactResponse:
        """Replace the data of a result."""
        dataset, faults = dataset_of(request.dataset), Faults()
        _check_data(request.data, faults)
        faults.check()
        _small(request.metadata.SerializeToString())
        name = _handle(dataset, request)
        updated = await self._datasets.update_artifact(dataset, name, request.data, request.metadata)
        return pb.UpdateArtifactResponse(artifact_id=updated)

    async def add_tag(self, request: pb.AddTagRequest) -> pb.AddTagResponse:
        """Give a result a tag."""
        dataset, faults = dataset_of(request.tag.dataset), Faults()
        _check_name("the tag", "name", request.tag.name, faults)
        _check_name("the tag", "artifact_id", request.tag.artifact_id, faults)
        faults.check()
        await self._datasets.tag(dataset, request.tag.name, request.tag.artifact_id)
        return pb.AddTagResponse()

    async def get_or_extend_reservation(
        self, request: pb.GetOrExtendReservationRequest
    ) -> pb.GetOrExtendReservationResponse:
        """Take the turn to make a result, or learn who has it."""
        dataset = _reservation(request.reservation_id, request.owner_id)
        heartbeat_ns = duration_to_ns(request.heartbeat_interval) if request.HasField("heartbeat_interval") else 0
        heartbeat_ns = heartbeat_of(heartbeat_ns)
        tag, lease_ns = request.reservation_id.tag_name, HEARTBEATS * heartbeat_ns
        held = await self._datasets.reserve(dataset, tag, request.owner_id, lease_ns)
        out = pb.Reservation(reservation_id=request.reservation_id, owner_id=held.holder)
        fill_duration(heartbeat_ns, out.heartbeat_interval)
        fill_timestamp(held.until_ns, out.expires_at)
        return pb.GetOrExtendReservationResponse(reservation=out)

    async def release_reservation(self, request: pb.ReleaseReservationRequest) -> pb.ReleaseReservationResponse:
        """Give the turn back."""
        dataset = _reservation(request.reservation_id, request.owner_id)
        await self._datasets.release(dataset, request.reservation_id.tag_name, request.owner_id)
        return pb.ReleaseReservationResponse()


# --- requests ---------------------------------------------------------------------------


def heartbeat_of(asked_ns: int) -> int:
    """Return how often a turn is kept, where that much is asked for; 0 asks for nothing."""
    return min(asked_ns, HEARTBEAT_NS_MAX) if asked_ns > 0 else HEARTBEAT_NS


def dataset_of(message: pb.DatasetID) -> Dataset:
    """Return the name of a dataset; raises Refusal INVALID_ARGUMENT."""
    faults = Faults()
    for field in ("project", "domain", "name", "version"):
        _check_name("the dataset", field, getattr(message, field), faults)
    check_org(message.org, faults)
    faults.check()
    return Dataset(message.project, message.domain, message.name, message.version)


def _check_name(what: str, field: str, value: str, faults: Faults) -> None:
    if not value:
        faults.add("missing-field", f"{what} has no {field}")
    elif len(value) > NAME_MAX or "\0" in value:
        faults.add("invalid-name", f"{what}'s {field} has more than {NAME_MAX} characters, or a NUL")


def _check_data(data: Iterable[pb.ArtifactData], faults: Faults) -> None:
    names = [one.name for one in data]
    if not names:
        faults.add("missing-field", "the artifact has no data")
    if "" in names or len(set(names)) < len(names):
        faults.add("invalid-name", "the artifact's data has names, each once")


def _small(about: bytes) -> bytes:
    if len(about) > ABOUT_BYTES_MAX:
        text = f"metadata and partitions have {len(about)} bytes, more than {ABOUT_BYTES_MAX}"
        raise refusal(Status.RESOURCE_EXHAUSTED, "artifact-too-large", text)
    return about


def _handle(dataset: Dataset, request: pb.GetArtifactRequest | pb.UpdateArtifactRequest) -> Wanted:
    if request.artifact_id:
        return wanted_id(dataset, request.artifact_id)
    if request.tag_name:
        return wanted_tag(request.tag_name)
    raise invalid("missing-field", "the request names neither artifact_id nor tag_name")


def _reservation(message: pb.ReservationID, owner: str) -> Dataset:
    dataset, faults = dataset_of(message.dataset_id), Faults()
    _check_name("the reservation", "tag_name", message.tag_name, faults)
    _check_name("the reservation", "owner_id", owner, faults)
    faults.check()
    return dataset


def _page(message: pb.PaginationOptions) -> Page:
    if message.token and not (message.token.isascii() and message.token.isdecimal() and len(message.token) < 10):
        raise invalid("invalid-token", f"{message.token[:40]!r} is no page token", "pass the token of the page before")
    ascending = message.sortOrder == pb.PaginationOptions.ASCENDING
    return Page(min(message.limit or PAGE, PAGE_MAX), int(message.token or 0), ascending)


def _filters(message: pb.FilterExpression) -> Iterable[pb.SinglePropertyFilter]:
    if len(message.filters) > FILTERS_MAX:
        raise invalid("too-many-filters", f"at most {FILTERS_MAX} filters are looked at")
    return message.filters


def _wanted_datasets(message: pb.FilterExpression) -> Mapping[str, str]:
    wanted: dict[str, str] = {}
    for one in _filters(message):
        field = one.dataset_filter.WhichOneof("property")
        if field is None:
            raise unfit("datasets by their project, domain, name and version")
        value = getattr(one.dataset_filter, field)
        faults = Faults()
        if field == "org":
            check_org(value, faults)
        elif wanted.setdefault(field, value) != value:
            raise invalid("invalid-filter", f"no dataset has two values as its {field}")
        faults.check()
    return wanted


def _wanted_artifacts(dataset: Dataset, message: pb.FilterExpression) -> Wanted:
    digests: set[str] | None = None
    tags, partitions = list[str](), dict[str, str]()
    for one in _filters(message):
        found: set[str] | None = None
        match one.WhichOneof("property_filter"):
            case "tag_filter" if one.tag_filter.tag_name:
                named = wanted_tag(one.tag_filter.tag_name)
                tags.extend(named.tags)
                found = set(named.digests) or None
            case "artifact_filter" if one.artifact_filter.artifact_id:
                found = set(wanted_id(dataset, one.artifact_filter.artifact_id).digests)
            case "partition_filter" if one.partition_filter.HasField("key_val"):
                pair = one.partition_filter.key_val
                if partitions.setdefault(pair.key, pair.value) != pair.value:
                    raise invalid("invalid-filter", f"no artifact has two values as its partition {pair.key}")
            case _:
                raise unfit("artifacts by their id, tag and partitions")
        if found is not None:
            digests = found if digests is None else digests & found
    return Wanted(tuple(digests) or ("none",) if digests is not None else (), tags, partitions)


def unfit(what: str) -> Refusal:
    """Return the refusal for a filter on something else."""
    return invalid("invalid-filter", f"one finds {what}")


# --- responses --------------------------------------------------------------------------


def _id(dataset: Dataset) -> pb.DatasetID:
    return pb.DatasetID(project=dataset.project, domain=dataset.domain, name=dataset.name, version=dataset.version)


def _dataset(dataset: Dataset, about: bytes) -> pb.Dataset:
    out = pb.Dataset.FromString(about)
    out.id.CopyFrom(_id(dataset))
    return out


def _artifact(dataset: Dataset, one: Artifact) -> pb.Artifact:
    out = pb.Artifact.FromString(one.about)
    out.id = one.id
    out.dataset.CopyFrom(_id(dataset))
    for name in sorted(one.data.literals):
        out.data.add(name=name, value=one.data.literals[name])
    computed = one.id == one.row.digest
    for tag in (*one.tags, *((TAG + one.id,) if computed else ())):
        out.tags.add(name=tag, artifact_id=one.id, dataset=_id(dataset))
    if computed:
        out.metadata.key_map.update(made_by(one.row.entry().source))
    fill_timestamp(one.row.created_at, out.created_at)
    return out
