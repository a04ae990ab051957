"""What a client of Flyte's CacheService does, with the stock stubs: a process of its own, `python FILE ADDRESS`."""

import json
import sys
from typing import Any

import grpc
from flyteidl.cacheservice import cacheservice_pb2 as pb
from flyteidl.cacheservice import cacheservice_pb2_grpc
from flyteidl.core import literals_pb2
from google.protobuf.duration_pb2 import Duration

KEY = "c2hhMjU2LW9mLXNvbWV0aGluZw=="


def main(address: str) -> None:
    """Look for a result, reserve, keep and find it, as Flyte's propeller does; print what was seen."""
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        print(json.dumps(seen(cacheservice_pb2_grpc.CacheServiceStub(channel))))


def seen(stub: cacheservice_pb2_grpc.CacheServiceStub) -> dict[str, object]:
    """Return what the cache answered."""
    looked = pb.GetCacheRequest(key=KEY)
    asked = pb.GetOrExtendReservationRequest(key=KEY, owner_id="me", heartbeat_interval=Duration(seconds=5))
    told: dict[str, object] = {"miss": code(stub.Get, looked)}
    told["turn"] = stub.GetOrExtendReservation(asked).reservation.owner_id
    asked.owner_id = "you"
    told["their turn"] = stub.GetOrExtendReservation(asked).reservation.owner_id
    put = pb.PutCacheRequest(key=KEY, output=output(7))
    stub.Put(put)
    told["again"] = code(stub.Put, put)
    stub.ReleaseReservation(pb.ReleaseReservationRequest(key=KEY, owner_id="me"))
    told["my turn"] = stub.GetOrExtendReservation(asked).reservation.owner_id
    found = stub.Get(looked).output
    told["hit"] = [
        found.output_literals.literals["o0"].scalar.primitive.integer,
        found.metadata.source_identifier.name,
        found.metadata.key_map.values["note"],
        found.metadata.HasField("created_at"),
    ]
    stub.Put(pb.PutCacheRequest(key=KEY, output=output(8), overwrite=True))
    told["replaced"] = stub.Get(looked).output.output_literals.literals["o0"].scalar.primitive.integer
    stub.Delete(pb.DeleteCacheRequest(key=KEY))
    told["forgotten"] = [code(stub.Get, looked), code(stub.Delete, pb.DeleteCacheRequest(key=KEY))]
    return told


def output(number: int) -> pb.CachedOutput:
    """Return a result."""
    literal = literals_pb2.Literal(scalar={"primitive": {"integer": number}})
    metadata = pb.Metadata(key_map=pb.KeyMapMetadata(values={"note": "n"}))
    metadata.source_identifier.name = "flow.work"
    return pb.CachedOutput(output_literals=literals_pb2.LiteralMap(literals={"o0": literal}), metadata=metadata)


def code(rpc: Any, request: object) -> str:  # noqa: ANN401 - what grpc generates
    """Return the status that an RPC is refused with."""
    try:
        rpc(request)
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"


if __name__ == "__main__":
    main(sys.argv[1])
