"""What attempts leave in the object store: outputs, failures, and the mark of a whole attempt."""

import asyncio
import contextlib
import os
from collections.abc import Collection

from google.protobuf.message import DecodeError

from flytelike.codec.failures import failure_from_document, failure_to_document
from flytelike.codec.faults import MalformedError
from flytelike.codec.literals import literal_map_from_proto
from flytelike.model.failure import Failure
from flytelike.model.literals import Literal
from flytelike.storage import NotFound, Store, is_local
from flytelike_idl.core import dynamic_job_pb2, errors_pb2, literals_pb2
from propeller.executors.codes import DISK_FULL
from propeller.executors.ending import GaveNodes
from propeller.ports import AttemptSpec

OUTPUTS = "outputs.pb"
FUTURES = "futures.pb"
ERROR = "error.pb"
MARK = "attempt.done"
"""Written once a program of its own has ended well: only then its documents are known to be whole."""


class Results:
    """Reads and writes attempts' documents.

    Documents of `flytelike-execute` appear at once or not at all, so they need no mark.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of_whole_attempt(
        self, prefix: str, declared: Collection[str], *, marked: bool
    ) -> "Failure | GaveNodes | bool":
        """Return what a whole attempt left: its failure, nodes to run next, or True for outputs; False for none.

        With `marked`, documents count only beside the mark.
        """
        if _never_written(prefix):
            return False
        if marked and not await self.exists(prefix, MARK):
            return False
        return await self.found(prefix, declared)

    async def found(self, prefix: str, declared: Collection[str]) -> "Failure | GaveNodes | bool":
        """Return the failure or the nodes stored below `prefix`, else whether all declared outputs are there.

        Documents that a power cut emptied or cut count as not there.
        """
        error, nodes, outputs = await self._documents(prefix)
        if error is not None:
            with contextlib.suppress(DecodeError, MalformedError):
                message = errors_pb2.ErrorDocument.FromString(error)
                failure = failure_from_document(message, f"{prefix}/{ERROR}")
                # A full disk is no end of an attempt: it may have been run again since.
                if failure.code != DISK_FULL:
                    return failure
        if nodes is not None:
            with contextlib.suppress(DecodeError):
                if dynamic_job_pb2.DynamicJobSpec.FromString(nodes).nodes:
                    return GaveNodes()
        return outputs is not None and _are_whole(outputs, declared)

    async def _documents(self, prefix: str) -> "tuple[bytes | None, bytes | None, bytes | None]":
        """Return the failure, the nodes and the outputs. The next task waits for that, so none waits for the other."""
        if is_local(prefix):  # where asking at once costs more than it saves
            return await self._read(prefix, ERROR), await self._read(prefix, FUTURES), await self._read(prefix, OUTPUTS)
        reads = (self._read(prefix, ERROR), self._read(prefix, FUTURES), self._read(prefix, OUTPUTS))
        return await asyncio.gather(*reads)

    async def exists(self, prefix: str, name: str) -> bool:
        """Tell whether a document is there."""
        return await self._store.exists_async(f"{prefix}/{name}")

    async def put_inputs(self, uri: str, inputs: bytes) -> None:
        """Store inputs where a program looks for them."""
        await self._store.put_async(uri, inputs, durable=False)

    async def inputs(self, spec: AttemptSpec) -> "dict[str, Literal]":
        """Return an attempt's inputs. Raises `NotFound`."""
        data = spec.inputs if spec.inputs is not None else await self._store.get_async(spec.inputs_uri)
        return dict(literal_map_from_proto(literals_pb2.LiteralMap.FromString(data)))

    async def messages(self, uri: str) -> literals_pb2.LiteralMap:
        """Return inputs as they lie in the object store. Raises `NotFound`."""
        return literals_pb2.LiteralMap.FromString(await self._store.get_async(uri))

    async def put_at(self, uri: str, data: bytes) -> None:
        """Store a document at a uri."""
        await self._store.put_async(uri, data, durable=False)

    async def put(self, prefix: str, name: str, data: bytes) -> None:
        """Store a document."""
        await self._store.put_async(f"{prefix}/{name}", data)

    async def put_new(self, prefix: str, name: str, data: bytes) -> bool:
        """Store a document if there is none of its name; tell whether it was stored."""
        return await self._store.put_new_async(f"{prefix}/{name}", data, durable=False)

    async def read(self, prefix: str, name: str) -> bytes | None:
        """Return a document; None when there is none."""
        return await self._read(prefix, name)

    async def mark(self, prefix: str) -> None:
        """Mark that all documents below `prefix` are whole."""
        await self._store.put_async(f"{prefix}/{MARK}", b"")

    async def put_failure(self, prefix: str, failure: Failure) -> None:
        """Store a failure that the attempt itself could not tell."""
        document = failure_to_document(failure)
        document.error.timestamp.GetCurrentTime()
        await self._store.put_async(f"{prefix}/{ERROR}", document.SerializeToString(deterministic=True))

    async def clear(self, prefix: str) -> None:
        """Remove what a killed try left half written."""
        for name in (OUTPUTS, FUTURES, ERROR):
            if await self.exists(prefix, name):
                await self._store.delete_async(f"{prefix}/{name}")

    async def _read(self, prefix: str, name: str) -> bytes | None:
        try:
            return await self._store.get_async(f"{prefix}/{name}")
        except NotFound:
            return None


def _are_whole(outputs: bytes, declared: Collection[str]) -> bool:
    with contextlib.suppress(DecodeError):
        found = literals_pb2.LiteralMap.FromString(outputs).literals
        return all(name in found for name in declared)
    return False


def _never_written(prefix: str) -> bool:
    """Tell quickly what is true of nearly every attempt: nothing of it is there yet."""
    return is_local(prefix) and not os.path.isdir(prefix.removeprefix("file://"))  # noqa: PTH112 - every attempt's way
