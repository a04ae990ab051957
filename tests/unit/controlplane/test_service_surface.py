"""The services as a whole: both names, every RPC, and an answer to whatever is sent."""

import inspect
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from google.rpc import status_pb2
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from flytelike.codec.diagnostics import diagnostic_from_proto
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.rpc.dispatch import answer_of, method_name, names_of
from flytelike.controlplane.server import listening, servicers_of
from flytelike.controlplane.settings import Settings
from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.storage import Store
from flytelike_idl.admin import project_pb2, version_pb2
from flytelike_idl.service import registration_pb2
from tests.unit.controlplane.builders import (
    FakeLauncher,
    Running,
    create_execution,
    module,
    number,
    served,
    settings_for,
    text,
)

pytestmark = pytest.mark.anyio

NOT_YET = {
    "CreateNodeEvent",
    "CreateTaskEvent",
    "CreateWorkflowEvent",
    "GetExecutionMetrics",
    "ListNodeExecutionsForTask",
}
"""RPCs that this platform does not answer yet; the list only gets shorter."""


def methods(tmp_path: Path) -> Iterator[tuple[MethodDescriptor, object]]:
    plane = ControlPlane(settings_for(tmp_path), Store(), FakeLauncher())
    for service, servicers in servicers_of(plane):
        for method in service.methods:
            yield method, answer_of(method.name, servicers)
    plane.database.close()


async def call(running: Running, path: str, data: bytes) -> bytes:
    rpc = running.channel.unary_unary(path, request_serializer=None, response_deserializer=None)
    answer: bytes = await rpc(data)
    return answer


async def refused(running: Running, path: str, data: bytes) -> aio.AioRpcError:
    with pytest.raises(aio.AioRpcError) as told:
        await call(running, path, data)
    return told.value


def test_every_rpc_is_answered_or_known_to_be_missing(tmp_path: Path) -> None:
    missing = {method.name for method, answer in methods(tmp_path) if answer is None}
    assert missing == NOT_YET


def test_methods_take_and_give_what_the_idl_says(tmp_path: Path) -> None:
    for method, answer in methods(tmp_path):
        if answer is None:
            continue
        signature = inspect.signature(answer, eval_str=True)  # type: ignore[arg-type]
        (request,) = signature.parameters.values()
        response = GetMessageClass(method.output_type)
        wanted = AsyncIterator[response] if method.server_streaming else response  # type: ignore[valid-type]
        assert (request.annotation, signature.return_annotation) == (GetMessageClass(method.input_type), wanted)


@pytest.mark.parametrize(
    ("rpc", "method"),
    [("GetTask", "get_task"), ("ListTaskIds", "list_task_ids"), ("GetOAuth2Metadata", "get_oauth2_metadata")],
)
def test_methods_are_named_in_snake_case(rpc: str, method: str) -> None:
    assert method_name(rpc) == method


@pytest.mark.parametrize("package", ["flytelike", "flyteidl"])
async def test_services_answer_under_both_names(running: Running, package: str) -> None:
    answer = await call(running, f"/{package}.service.AdminService/GetDomains", b"")
    domains = project_pb2.GetDomainsResponse.FromString(answer).domains
    assert [domain.id for domain in domains] == ["development", "staging", "production"]


async def test_every_rpc_answers_an_empty_request_with_a_proper_status(running: Running, tmp_path: Path) -> None:
    for service, _ in servicers_of(running.plane):
        for method in service.methods:
            path = f"/{names_of(service)[1]}/{method.name}"
            try:
                if method.server_streaming:
                    stream = running.channel.unary_stream(path, request_serializer=None, response_deserializer=None)
                    async for _ in stream(b""):
                        pass
                else:
                    await call(running, path, b"")
            except aio.AioRpcError as error:
                assert error.code() in {  # noqa: PT017 - most raise, some do not
                    grpc.StatusCode.INVALID_ARGUMENT,
                    grpc.StatusCode.NOT_FOUND,
                    grpc.StatusCode.UNIMPLEMENTED,
                }, (path, error)


async def test_bytes_that_are_no_message_are_the_clients_fault(running: Running) -> None:
    error = await refused(running, "/flyteidl.service.AdminService/GetTask", b"\xff\xff\xff\xff")
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("rpc", ["SetSignal", "NoSuchThing"])
async def test_what_is_not_there_is_unimplemented(running: Running, rpc: str) -> None:
    error = await refused(running, f"/flyteidl.service.AdminService/{rpc}", b"")
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_an_unexpected_exception_is_internal_with_an_id_that_the_log_has(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise KeyError("secret detail")

    monkeypatch.setattr(running.plane.projects, "list", broken)
    with caplog.at_level(logging.ERROR):
        error = await refused(running, "/flyteidl.service.AdminService/ListProjects", b"")
    details = error.details() or ""
    incident = details.rpartition(" ")[2]
    assert error.code() is grpc.StatusCode.INTERNAL
    assert len(incident) == 12
    assert incident in caplog.text
    assert "secret detail" not in details
    assert "secret detail" in caplog.text


async def test_refusals_carry_their_diagnostics(running: Running) -> None:
    await running.registration.Register(module())
    with pytest.raises(aio.AioRpcError) as told:
        await running.admin.CreateExecution(create_execution(inputs={"x": text("a"), "y": number(1)}))
    assert told.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    diagnostics = _diagnostics(told.value)
    assert [diagnostic.code for diagnostic in diagnostics] == ["wrong-input-type", "unknown-input"]
    assert diagnostics[0].headline in (told.value.details() or "")


async def test_many_faults_still_fit_into_the_trailing_metadata(running: Running) -> None:
    await running.registration.Register(module())
    inputs = {f"ünknown{index}": number(1) for index in range(500)}
    with pytest.raises(aio.AioRpcError) as told:
        await running.admin.CreateExecution(create_execution(inputs=inputs))
    assert told.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert len(_diagnostics(told.value)) > 10


async def test_health_is_told_under_the_standard_name(running: Running) -> None:
    stub = health_pb2_grpc.HealthStub(running.channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_the_version_is_the_packages(running: Running) -> None:
    answer = await running.admin.GetVersion(version_pb2.GetVersionRequest())
    assert answer.control_plane_version.Version.count(".") == 2


async def test_messages_may_have_twenty_megabytes(running: Running) -> None:
    big = project_pb2.Project(id="x", description="a" * 15_000_000)
    error = await refused(running, "/flyteidl.service.AdminService/UpdateProject", big.SerializeToString())
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_port_in_use_is_told(settings: Settings) -> None:
    taken = listening("127.0.0.1", 0, "a test")
    port = taken.getsockname()[1]
    try:
        for field in ("grpc_port", "http_port"):
            with pytest.raises(DiagnosticError, match="port-in-use"):
                async with served(replace(settings, **{field: port})):
                    pass
    finally:
        taken.close()


def _diagnostics(error: aio.AioRpcError) -> list[Diagnostic]:
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            found = []
            for detail in status_pb2.Status.FromString(value).details:
                message = registration_pb2.Diagnostic()
                assert detail.Unpack(message)
                found.append(diagnostic_from_proto(message))
            return found
    return []
