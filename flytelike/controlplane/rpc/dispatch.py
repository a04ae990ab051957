"""Services as gRPC handlers, built from their descriptors: every call passes through here.

A servicer is an object with a coroutine (or for streams an asynchronous generator) for each
RPC it answers, named in snake case, from request to response. An RPC it has no method for is
answered UNIMPLEMENTED. Requests are parsed and responses serialised here, so that a message
that cannot be parsed is the client's fault, and nothing that goes wrong is told as UNKNOWN: a
stock client would take that for a reason to log in.
"""

import asyncio
import logging
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from grpc import aio

from flytelike.controlplane.rpc.status import WireError, wire_error

Unary = Callable[[Message], Awaitable[Message]]
Stream = Callable[[Message], AsyncIterator[Message]]
Observer = Callable[[str, str, float], None]
Context: TypeAlias = "aio.ServicerContext[bytes, bytes]"

OURS, STOCK = "flytelike", "flyteidl"
"""Our own package, and the one under which stock clients call the same services."""
ALONE = "datacatalog."
"""What Flyte has in a package of its own, beside its others."""

log = logging.getLogger(__name__)


def nobody(rpc: str, status: str, seconds: float) -> None:
    """Look at calls and forget them."""
    del rpc, status, seconds


def service_handlers(
    service: ServiceDescriptor, *servicers: object, observer: Observer = nobody
) -> list[grpc.GenericRpcHandler]:
    """Return the handlers of a service, whose RPCs `servicers` answer together, under both names.

    `observer` is told of each call: its RPC, the name of its status, and how long it took; of streams when they end.
    """
    methods = {method.name: _method_handler(method, servicers, observer) for method in service.methods}
    return [grpc.method_handlers_generic_handler(name, methods) for name in names_of(service)]


def names_of(service: ServiceDescriptor) -> tuple[str, str]:
    """Return the names that a service answers under: ours and Flyte's."""
    rest = service.full_name.removeprefix(f"{OURS}.")
    return service.full_name, rest if rest.startswith(ALONE) else f"{STOCK}.{rest}"


def method_name(rpc: str) -> str:
    """Return the name of the method that answers an RPC: `GetTask` is `get_task`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", rpc).lower()


def answer_of(rpc: str, servicers: Sequence[object]) -> Any:  # noqa: ANN401 - a method of some RPC's type
    """Return the method that answers an RPC; its type is that of the descriptor, which a test holds it to."""
    name = method_name(rpc)
    return next((getattr(servicer, name) for servicer in servicers if hasattr(servicer, name)), None)


def _method_handler(
    method: MethodDescriptor, servicers: Sequence[object], observer: Observer
) -> "grpc.RpcMethodHandler[bytes, bytes]":
    answer = answer_of(method.name, servicers)
    request_class = GetMessageClass(method.input_type)
    if answer is None:
        return grpc.unary_unary_rpc_method_handler(_unimplemented(method))
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(_stream(method, request_class, answer, observer))
    return grpc.unary_unary_rpc_method_handler(_unary(method, request_class, answer, observer))


def _unary(
    method: MethodDescriptor, request_class: type[Message], answer: Unary, observer: Observer
) -> Callable[[bytes, Context], Awaitable[bytes]]:
    async def handle(data: bytes, context: Context) -> bytes:
        with observed(method, observer) as seen:
            try:
                response = await answer(_parsed(request_class, data))
                return response.SerializeToString()
            except Exception as error:  # noqa: BLE001 - the one place where whatever happened becomes an answer
                await _abort(context, method, error, seen)

    return handle


def _stream(
    method: MethodDescriptor, request_class: type[Message], answer: Stream, observer: Observer
) -> Callable[[bytes, Context], AsyncIterator[bytes]]:
    async def handle(data: bytes, context: Context) -> AsyncIterator[bytes]:
        with observed(method, observer) as seen:
            try:
                async for response in answer(_parsed(request_class, data)):
                    yield response.SerializeToString()
            except Exception as error:  # noqa: BLE001 - as above
                await _abort(context, method, error, seen)

    return handle


def _unimplemented(method: MethodDescriptor) -> Callable[[bytes, Context], Awaitable[bytes]]:
    async def handle(_data: bytes, context: Context) -> bytes:
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{method.name} is not available on this platform")

    return handle


class MalformedMessage(Exception):
    """The bytes of a request are not those of its message."""


def _parsed(request_class: type[Message], data: bytes) -> Message:
    try:
        return request_class.FromString(data)
    except DecodeError:
        raise MalformedMessage(f"the request is not a {request_class.DESCRIPTOR.full_name}") from None


@dataclass(slots=True)
class Seen:
    """How a call ends, as the name of its status; a client that goes away cancels it."""

    status: str = "OK"


@contextmanager
def observed(method: MethodDescriptor, observer: Observer) -> Iterator[Seen]:
    """Tell `observer` of a call once it has ended; yields where to say how."""
    seen, began = Seen(), time.perf_counter()
    try:
        yield seen
    except (asyncio.CancelledError, GeneratorExit):
        seen.status = "CANCELLED"
        raise
    finally:
        observer(f"{method.containing_service.name}/{method.name}", seen.status, time.perf_counter() - began)


async def _abort(context: Context, method: MethodDescriptor, error: Exception, seen: Seen) -> NoReturn:
    told = told_of(method, error)
    seen.status = told.code.name
    await context.abort(told.code, told.text, told.trailing_metadata)


def told_of(method: MethodDescriptor, error: Exception) -> WireError:
    """Return what the client is told; what nobody expected is told by an id that the log carries."""
    if isinstance(error, MalformedMessage):
        return WireError(grpc.StatusCode.INVALID_ARGUMENT, str(error))
    told = wire_error(error)
    if told is not None:
        return told
    incident = secrets.token_hex(6)
    log.error("incident %s in %s", incident, method.full_name, exc_info=error)
    return WireError(grpc.StatusCode.INTERNAL, f"something went wrong in {method.name}; the log has it as {incident}")
