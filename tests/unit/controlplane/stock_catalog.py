"""What a client of Flyte's catalog does, with the stock stubs: run in a process of its own, `python FILE ADDRESS`."""

import json
import sys
from typing import Any

import grpc
from flyteidl.core import literals_pb2
from flyteidl.datacatalog import datacatalog_pb2 as pb
from flyteidl.datacatalog import datacatalog_pb2_grpc
from google.protobuf.duration_pb2 import Duration

DATASET = pb.DatasetID(project="flytesnacks", domain="development", name="flyte_task-flow.work", version="1.0-abc-def")


def main(address: str) -> None:
    """Look for a result, reserve, keep and find it, as Flyte's propeller does; print what was seen."""
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        print(json.dumps(seen(datacatalog_pb2_grpc.DataCatalogStub(channel))))


def seen(stub: datacatalog_pb2_grpc.DataCatalogStub) -> dict[str, object]:
    """Return what the catalog answered."""
    tag = pb.Tag(name="flyte_cached-abc", artifact_id="one", dataset=DATASET)
    looked = pb.GetArtifactRequest(dataset=DATASET, tag_name=tag.name)
    turn = pb.ReservationID(dataset_id=DATASET, tag_name=tag.name)
    asked = pb.GetOrExtendReservationRequest(reservation_id=turn, owner_id="me", heartbeat_interval=Duration(seconds=5))
    value = literals_pb2.Literal(scalar={"primitive": {"integer": 7}})
    artifact = pb.Artifact(
        id="one",
        dataset=DATASET,
        data=[pb.ArtifactData(name="o0", value=value)],
        metadata=pb.Metadata(key_map={"exec-name": "e", "exec-node": "n0"}),
    )
    told: dict[str, object] = {"miss": code(stub.GetArtifact, looked)}
    told["no dataset"] = code(stub.GetDataset, pb.GetDatasetRequest(dataset=DATASET))
    stub.CreateDataset(pb.CreateDatasetRequest(dataset=pb.Dataset(id=DATASET)))
    told["dataset again"] = code(stub.CreateDataset, pb.CreateDatasetRequest(dataset=pb.Dataset(id=DATASET)))
    told["turn"] = stub.GetOrExtendReservation(asked).reservation.owner_id
    asked.owner_id = "you"
    told["their turn"] = stub.GetOrExtendReservation(asked).reservation.owner_id
    stub.CreateArtifact(pb.CreateArtifactRequest(artifact=artifact))
    told["artifact again"] = code(stub.CreateArtifact, pb.CreateArtifactRequest(artifact=artifact))
    stub.AddTag(pb.AddTagRequest(tag=tag))
    told["tag again"] = code(stub.AddTag, pb.AddTagRequest(tag=tag))
    stub.ReleaseReservation(pb.ReleaseReservationRequest(reservation_id=turn, owner_id="me"))
    told["my turn"] = stub.GetOrExtendReservation(asked).reservation.owner_id
    found = stub.GetArtifact(looked).artifact
    told["hit"] = [found.id, found.data[0].value.scalar.primitive.integer, found.metadata.key_map["exec-name"]]
    artifact.data[0].value.scalar.primitive.integer = 8
    stub.UpdateArtifact(pb.UpdateArtifactRequest(dataset=DATASET, tag_name=tag.name, data=artifact.data))
    told["updated"] = stub.GetArtifact(looked).artifact.data[0].value.scalar.primitive.integer
    listed = stub.ListArtifacts(pb.ListArtifactsRequest(dataset=DATASET)).artifacts
    told["listed"] = [[one.id, [each.name for each in one.tags]] for one in listed]
    told["datasets"] = [one.id.name for one in stub.ListDatasets(pb.ListDatasetsRequest()).datasets]
    return told


def code(rpc: Any, request: object) -> str:  # noqa: ANN401 - what grpc generates
    """Return the status that an RPC is refused with."""
    try:
        rpc(request)
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"


if __name__ == "__main__":
    main(sys.argv[1])
