"""Elements of an array, one after the other in a warm worker: each as if in a process of its own.

The inputs of the whole array are read and decoded once, and kept between batches. What an element gives
travels with the answer when it is small; which element runs is written beside, so that the one that
ends the process is known.
"""

import os
import struct
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from google.protobuf.message import DecodeError

from flytelike.codec.elements import element_inputs
from flytelike.codec.worker_frames import ElementDone, ElementsDone, RunElements, encode
from flytelike.model.failure import Failure
from flytelike.runtime.arguments import Invocation
from flytelike.runtime.attempt import OUTPUTS, Runner
from flytelike.runtime.failures import INPUT_NOT_DECODABLE, INPUTS_NOT_FOUND, AttemptError, system_error, user_error
from flytelike.runtime.hygiene import Environment, Standards, WorkingFolder
from flytelike.runtime.source_trace import forget_sources
from flytelike.storage import NotFound, Store
from flytelike_idl.core import literals_pb2

PROGRESS = "progress"
"""The file beside a worker's folders that holds which element runs: its place in the batch."""

PRINTED = "printed"
"""The file beside it that takes what elements print, where they are not told one by one."""

TOLD_S = 0.05
"""How long an element that ended waits for others to be told with it."""

STORED_S = 1.0
"""How long elements that ended wait for others to be stored with them, where they are stored."""

INLINE_BYTES_MAX = 64 * 1024
TOLD_BYTES_MAX = 1 << 20
"""Bounds on what travels with the answer: of one element's outputs, and of all that waits to be told."""

PRINTED_BYTES_MAX = 1 << 20
"""How much of what one element prints is kept."""

_PLACE = struct.Struct(">I")


class ElementRunner:
    """Runs batches of elements in this process."""

    def __init__(
        self, runner: Runner, store: Store, scratch: Path, parts: tuple[Environment, WorkingFolder, Standards]
    ) -> None:
        """Share a worker's parts; nothing is opened before the first batch."""
        self._runner = runner
        self._store = store
        self._scratch = scratch
        self._environment, self._folder, self._standards = parts
        self._inputs: tuple[str, literals_pb2.LiteralMap] = ("", literals_pb2.LiteralMap())
        self._progress = -1
        self._printed = -1

    def run(self, order: RunElements, invocation: Invocation, tell: Callable[[ElementsDone], None]) -> str:
        """Run a batch and tell how its elements end.

        Returns why the worker must not be used again, empty when it may; the rest of the batch has not run then.
        """
        self._open()
        self._environment.enter(order.env)
        pipe = -1 if order.tell_each else self._standards.redirect(self._printed)
        told: list[ElementDone] = []
        size, since = 0, time.monotonic()
        remains = ""
        try:
            for place, (index, attempt) in enumerate(order.elements):
                os.pwrite(self._progress, _PLACE.pack(place), 0)
                done, remains = self._element(order, invocation, index, attempt)
                told.append(done)
                size += len(done.outputs or b"") + len(done.printed) + 64
                now = time.monotonic()
                if order.tell_each or now - since > TOLD_S or size > TOLD_BYTES_MAX:
                    tell(ElementsDone(tuple(told)))
                    told.clear()
                    size, since = 0, now
                if remains:
                    break
        finally:
            if pipe >= 0:
                os.close(self._standards.redirect(pipe))
                os.close(pipe)
        if told:
            tell(ElementsDone(tuple(told)))
        return remains

    def _open(self) -> None:
        if self._progress < 0:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._progress = os.open(self._scratch / PROGRESS, flags, 0o600)
            self._printed = os.open(self._scratch / PRINTED, flags | os.O_APPEND, 0o600)
        os.ftruncate(self._printed, 0)

    def _element(self, order: RunElements, invocation: Invocation, index: int, attempt: int) -> tuple[ElementDone, str]:
        own = {"FLYTE_ATTEMPT_NUMBER": str(attempt), "FLYTE_K8S_ARRAY_INDEX": str(index)}
        if not self._environment.vary(own):
            self._environment.enter({**order.env, **own})
        outcome = self._outcome(order, _of_element(invocation, index, attempt), index)
        self._standards.restore()
        remains = self._standards.remains()
        self._environment.leave()
        printed = b"" if order.tell_each else self._take_printed()
        if isinstance(outcome, Failure):
            forget_sources()
            return ElementDone(index, attempt, outcome, None, printed), remains or _last(outcome)
        return ElementDone(index, attempt, None, outcome, printed), remains

    def _outcome(self, order: RunElements, invocation: Invocation, index: int) -> Failure | bytes | None:
        """Return an element's failure, or its outputs; None for outputs that are stored, since they are large."""
        try:
            document = self._given(order, invocation.inputs_uri, index)
        except AttemptError as error:
            return error.failure
        env, enter = self._environment.whole, self._folder.enter
        outcome = self._runner.run_given(invocation, env, document, enter, self._standards.note)
        if isinstance(outcome, bytes) and len(outcome) > INLINE_BYTES_MAX:
            return self._runner.store(invocation, OUTPUTS, outcome)
        return outcome

    def _given(self, order: RunElements, uri: str, index: int) -> bytes:
        """Return the document of an element's inputs."""
        if self._inputs[0] != uri:
            try:
                self._inputs = (uri, literals_pb2.LiteralMap.FromString(self._store.get(uri)))
            except NotFound:
                raise system_error(INPUTS_NOT_FOUND, f"there are no inputs at {uri}") from None
            except DecodeError as error:
                raise user_error(INPUT_NOT_DECODABLE, f"the inputs' document is damaged: {error}") from error
        try:
            return element_inputs(self._inputs[1], order.shared, index).SerializeToString()
        except IndexError:
            raise user_error(INPUT_NOT_DECODABLE, f"the array has no element {index}") from None

    def _take_printed(self) -> bytes:
        size = os.fstat(self._printed).st_size
        if not size:
            return b""
        printed = os.pread(self._printed, min(size, PRINTED_BYTES_MAX), 0)
        os.ftruncate(self._printed, 0)
        if size > PRINTED_BYTES_MAX:
            printed += f"\n[output beyond {PRINTED_BYTES_MAX} bytes is not kept]\n".encode()
        return printed


class StoredResults:
    """Keeps how elements end in the object store, in pieces: what is stored is not lost with the process."""

    def __init__(self, store: Store, uri: str) -> None:
        """Store below a uri."""
        self._store = store
        self._uri = uri
        self._held = b""
        self._pieces = 0
        self._since = time.monotonic()

    def add(self, done: ElementsDone) -> None:
        """Take in how some elements ended. Raises `StorageError`."""
        self._held += encode(done)
        if len(self._held) > TOLD_BYTES_MAX or time.monotonic() - self._since > STORED_S:
            self.put()

    def put(self) -> None:
        """Store what is held. Raises `StorageError`."""
        if self._held:
            self._store.put(f"{self._uri}/{self._pieces}", self._held)
            self._pieces += 1
            self._held, self._since = b"", time.monotonic()


def element_that_ran(scratch: Path) -> int:
    """Return the place in its batch of the element that a worker ran last; -1 if it never ran one."""
    try:
        (place,) = _PLACE.unpack((scratch / PROGRESS).read_bytes())
    except (OSError, struct.error):
        return -1
    return int(place)


LAST_CODES = ("USER:MemoryError", "ImportFailed", "ModuleNotFound")
"""After these the process is in a state that nobody else should get."""


def _last(failure: Failure) -> str:
    return failure.code if failure.code in LAST_CODES else ""


def _of_element(invocation: Invocation, index: int, attempt: int) -> Invocation:
    """Return the invocation of an element; the array's own names where documents of all lie."""
    raw = f"{invocation.raw_output_prefix.rstrip('/')}/{index}"
    return replace(
        invocation,
        output_prefix=f"{invocation.output_prefix.rstrip('/')}/{index}/{attempt}",
        raw_output_prefix=f"{raw}/{attempt}",
        checkpoint_prefix=f"{raw}/{attempt}/_flytecheckpoints",
        previous_checkpoint_prefix=f"{raw}/{attempt - 1}/_flytecheckpoints" if attempt else "",
    )
