"""CacheService: cached results by key, and turns to compute them, for clients of Flyte's newer cache."""

from flytelike.codec.literals import duration_to_ns, fill_duration, fill_timestamp
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import Faults, Status, invalid, refusal
from flytelike.controlplane.rpc.data_catalog import ABOUT_BYTES_MAX, HEARTBEATS, NAME_MAX, heartbeat_of
from flytelike_idl.cacheservice import cacheservice_pb2 as pb


class CacheServicer:
    """The RPCs of CacheService."""

    def __init__(self, plane: ControlPlane) -> None:
        """Answer with the use cases of `plane`."""
        self._results = plane.kept_results

    async def get(self, request: pb.GetCacheRequest) -> pb.GetCacheResponse:
        """Return a result; NOT_FOUND is a miss."""
        return pb.GetCacheResponse(output=await self._results.get(_named(request.key)))

    async def put(self, request: pb.PutCacheRequest) -> pb.PutCacheResponse:
        """Keep a result."""
        key = _named(request.key)
        if request.output.WhichOneof("output") is None:
            raise invalid("missing-field", "the request has neither output_literals nor output_uri")
        size_bytes = request.output.metadata.ByteSize()
        if size_bytes > ABOUT_BYTES_MAX:
            text = f"the metadata has {size_bytes} bytes, more than {ABOUT_BYTES_MAX}"
            raise refusal(Status.RESOURCE_EXHAUSTED, "artifact-too-large", text)
        await self._results.put(key, request.output, overwrite=request.overwrite)
        return pb.PutCacheResponse()

    async def delete(self, request: pb.DeleteCacheRequest) -> pb.DeleteCacheResponse:
        """Forget a result."""
        await self._results.delete(_named(request.key))
        return pb.DeleteCacheResponse()

    async def get_or_extend_reservation(
        self, request: pb.GetOrExtendReservationRequest
    ) -> pb.GetOrExtendReservationResponse:
        """Take the turn to compute a result, or learn who has it."""
        key, owner = _owned(request.key, request.owner_id)
        heartbeat_ns = heartbeat_of(
            duration_to_ns(request.heartbeat_interval) if request.HasField("heartbeat_interval") else 0
        )
        held = await self._results.reserve(key, owner, HEARTBEATS * heartbeat_ns)
        out = pb.Reservation(key=key, owner_id=held.holder)
        fill_duration(heartbeat_ns, out.heartbeat_interval)
        fill_timestamp(held.until_ns, out.expires_at)
        return pb.GetOrExtendReservationResponse(reservation=out)

    async def release_reservation(self, request: pb.ReleaseReservationRequest) -> pb.ReleaseReservationResponse:
        """Give the turn back."""
        await self._results.release(*_owned(request.key, request.owner_id))
        return pb.ReleaseReservationResponse()


def _named(key: str) -> str:
    return _checked("key", key)


def _owned(key: str, owner: str) -> tuple[str, str]:
    return _checked("key", key), _checked("owner_id", owner)


def _checked(field: str, value: str) -> str:
    faults = Faults()
    if not value:
        faults.add("missing-field", f"the request has no {field}")
    elif len(value) > NAME_MAX or "\0" in value:
        faults.add("invalid-name", f"the {field} has more than {NAME_MAX} characters, or a NUL")
    faults.check()
    return value
