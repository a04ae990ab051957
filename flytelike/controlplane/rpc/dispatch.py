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
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from grpc import aio

from flytelike.controlplane.access.audit import Origin
from flytelike.controlplane.access.door import Door, request_id_in, token_in
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
    service: ServiceDescriptor, *servicers: object, observer: Observer = nobody, door: Door | None = None
) -> list[grpc.GenericRpcHandler]:
    """Return the handlers of a service, whose RPCs `servicers` answer together, under both names.

    `observer` is told of each call: its RPC, the name of its status, and how long it took; of streams when they end.
    Calls come through `door`; without one, anybody may do everything.
    """
    methods = {method.name: _method_handler(method, servicers, observer, door) for method in service.methods}
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
    method: MethodDescriptor, servicers: Sequence[object], observer: Observer, door: Door | None
) -> "grpc.RpcMethodHandler[bytes, bytes]":
    answer = answer_of(method.name, servicers)
    name = f"{method.containing_service.name}/{method.name}"
    entry = None if door is None or door.opens(name) else _Entry(door, name)
    if method.server_streaming and answer is not None:
        return grpc.unary_stream_rpc_method_handler(_stream(method, answer, observer, entry))
    return grpc.unary_unary_rpc_method_handler(_unary(method, answer or _unimplemented(method), observer, entry))


def _unary(
    method: MethodDescriptor, answer: Unary, observer: Observer, entry: "_Entry | None"
) -> Callable[[bytes, Context], Awaitable[bytes]]:
    request_class = GetMessageClass(method.input_type)

    async def handle(data: bytes, context: Context) -> bytes:
        with observed(method, observer) as seen:
            try:
                if entry is None:
                    return (await answer(_parsed(request_class, data))).SerializeToString()
                async with entry.admitted(context, request_class, data) as request:
                    response = await answer(request)
                return response.SerializeToString()
            except Exception as error:  # noqa: BLE001 - the one place where whatever happened becomes an answer
                await _abort(context, method, error, seen)

    return handle


def _stream(
    method: MethodDescriptor, answer: Stream, observer: Observer, entry: "_Entry | None"
) -> Callable[[bytes, Context], AsyncIterator[bytes]]:
    request_class = GetMessageClass(method.input_type)

    async def handle(data: bytes, context: Context) -> AsyncIterator[bytes]:
        with observed(method, observer) as seen:
            try:
                if entry is None:
                    async for response in answer(_parsed(request_class, data)):
                        yield response.SerializeToString()
                    return
                async with entry.admitted(context, request_class, data) as request:
                    async for response in answer(request):
                        yield response.SerializeToString()
            except Exception as error:  # noqa: BLE001 - as above
                await _abort(context, method, error, seen)

    return handle


def _unimplemented(method: MethodDescriptor) -> Unary:
    async def answer(_request: Message) -> Message:
        raise NotOffered(f"{method.name} is not available on this platform")

    return answer


class _Entry:
    """The way of the calls of one RPC through the door."""

    def __init__(self, door: Door, method: str) -> None:
        self._door = door
        self._method = method

    @asynccontextmanager
    async def admitted(self, context: Context, request_class: type[Message], data: bytes) -> AsyncIterator[Message]:
        """Yield the request of somebody who may make it; raises Refusal."""
        metadata = tuple(context.invocation_metadata() or ())
        identity = await self._door.identify(token_in(metadata))
        request = _parsed(request_class, data)
        origin = Origin(context.peer(), request_id_in(metadata))
        async with self._door.passage(identity, self._method, request, origin):
            yield request


class NotOffered(Exception):
    """This platform does not answer an RPC."""


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
    if isinstance(error, NotOffered):
        return WireError(grpc.StatusCode.UNIMPLEMENTED, str(error))
    if isinstance(error, MalformedMessage):
        return WireError(grpc.StatusCode.INVALID_ARGUMENT, str(error))
    told = wire_error(error)
    if told is not None:
        return told
    incident = secrets.token_hex(6)
    log.error("incident %s in %s", incident, method.full_name, exc_info=error)
    return WireError(grpc.StatusCode.INTERNAL, f"something went wrong in {method.name}; the log has it as {incident}")
