"""The calls of an eager task, carried out by the platform and found again after a crash.

A call's execution is named by what is called: caller, target, inputs and changed policies, and how many
equal calls came before it. So a function that runs again, in whatever order its results come this time,
finds the executions that it had started, and starts none of them a second time.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Coroutine
from hashlib import sha256
from types import TracebackType
from typing import Any, Self

from flytelike.codec.failures import failure_from_proto
from flytelike.codec.literals import literal_map_from_proto
from flytelike.codec.nodes import node_to_proto
from flytelike.codec.value_digest import value_digest
from flytelike.model.call import Call
from flytelike.model.exceptions import EagerException
from flytelike.model.ids import ExecutionId, NodeExecutionId
from flytelike.model.literals import LiteralMap
from flytelike.model.phases import WorkflowPhase
from flytelike.remote import calls as remote
from flytelike.remote import executions
from flytelike.remote.client import Client
from flytelike.remote.errors import RemoteError
from flytelike.runtime.failures import user_error
from flytelike.runtime.offloaded import loaded
from flytelike.storage import Store
from flytelike_idl.core import literals_pb2
from flytelike_idl.service.calls_pb2 import CallState

CALLS_MAX = 10_000
"""How many calls one eager task may make. A bound on what a loop without an end can do."""

STARTED_AT_ONCE = 32
OUTPUTS_BYTES_MAX = 64 * 1024 * 1024
PATIENCE_S = 120.0
"""How long a platform that does not answer is waited for."""

CANCELLED = "cancelled by its caller"
NONDETERMINISTIC = "nondeterministic-eager"
TOO_MANY = "too-many-calls"
CHILD_ABORTED = "ChildAborted"

LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
NAME_LETTERS = 19


class PlatformCalls:
    """The calls of one caller, as an async context manager."""

    def __init__(self, client: Client, caller: NodeExecutionId, store: Store) -> None:
        """Call in the name of a node; outputs are read from `store`."""
        self._client = client
        self._caller = caller
        self._store = store
        self._states: dict[str, CallState] = {}
        self._waiting: dict[str, asyncio.Future[CallState]] = {}
        self._equal: Counter[str] = Counter()
        self._earlier: set[str] = set()
        self._made = 0
        self._new: list[str] = []
        self._starting = asyncio.Semaphore(STARTED_AT_ONCE)
        self._watcher: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Learn which calls were made before."""
        heard = asyncio.get_running_loop().create_future()
        self._watcher = asyncio.create_task(self._watch(heard))
        await heard
        self._earlier = set(self._states)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching. What has not ended is ended by the platform, once it hears that the caller has."""
        if self._watcher is not None:
            self._watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watcher

    def submit(self, call: Call) -> Coroutine[Any, Any, LiteralMap]:
        """Take a call; awaiting what is returned starts it, and gives its outputs."""
        self._made += 1
        if self._made > CALLS_MAX:
            told = f"more than {CALLS_MAX} calls are made; give parts of the work to other eager tasks [{TOO_MANY}]"
            raise user_error(TOO_MANY, told)
        content = content_of(call)
        number = self._equal[content]
        self._equal[content] += 1
        return self._carry_out(call, name_of(self._caller, content, number))

    def check_replayed(self) -> None:
        """Tell a function that, run again, did not make the calls that it had made, but others.

        Raises AttemptError.
        """
        if self._earlier and self._new:
            told = (
                f"error[{NONDETERMINISTIC}]: run again after an interruption, the function did not make "
                f"{len(self._earlier)} of the calls that it had made, and made {len(self._new)} others: "
                f"{', '.join(self._new[:5])}\n"
                "  help: take what differs from run to run (time, random numbers, files of this machine) as an input, "
                "or from a task\n"
                f"  help: flytelike explain {NONDETERMINISTIC}"
            )
            raise user_error(NONDETERMINISTIC, told)

    async def _carry_out(self, call: Call, name: str) -> LiteralMap:
        self._earlier.discard(name)
        try:
            if name not in self._states:
                self._new.append(call.name)
                await self._start(call, name)
            state = await self._ended(name)
        except asyncio.CancelledError:
            await asyncio.shield(self._cancel(name))
            raise
        return await self._outcome(call, state)

    async def _start(self, call: Call, name: str) -> None:
        async with self._starting:
            pause_s, waited_s = 0.1, 0.0
            while True:
                try:
                    await remote.start(self._client, self._caller, name, call.target, call.inputs, call.changes)
                except RemoteError as error:
                    if error.passing:
                        if waited_s >= PATIENCE_S:
                            raise
                        await asyncio.sleep(pause_s)
                        waited_s, pause_s = waited_s + pause_s, min(2 * pause_s, 2.0)
                        continue
                    raise refused(call, error) from error
                else:
                    return

    async def _ended(self, name: str) -> CallState:
        state = self._states.get(name)
        if state is not None and WorkflowPhase(state.phase).terminal and state.abort_cause != CANCELLED:
            return state
        # One that its caller had cancelled stays without a result, so that it will be cancelled again.
        waiting = self._waiting.get(name)
        if waiting is None:
            waiting = self._waiting[name] = asyncio.get_running_loop().create_future()
        return await asyncio.shield(waiting)

    async def _outcome(self, call: Call, state: CallState) -> LiteralMap:
        phase = WorkflowPhase(state.phase)
        if phase is WorkflowPhase.SUCCEEDED:
            if not state.output_uri:
                return {}
            data = await self._store.get_async(state.output_uri, max_bytes=OUTPUTS_BYTES_MAX)
            outputs = literal_map_from_proto(literals_pb2.LiteralMap.FromString(data))
            return {name: await asyncio.to_thread(loaded, found, self._store) for name, found in outputs.items()}
        if phase is WorkflowPhase.ABORTED:
            raise EagerException(call.name, CHILD_ABORTED, state.abort_cause or "it was aborted", state.name)
        failure = failure_from_proto(state.error)
        raise EagerException(call.name, failure.code, failure.message, state.name)

    async def _cancel(self, name: str) -> None:
        call = ExecutionId(self._caller.execution.project, self._caller.execution.domain, name)
        with contextlib.suppress(RemoteError):  # it has ended, or was never started
            await executions.terminate(self._client, call, CANCELLED)

    async def _watch(self, heard: "asyncio.Future[None]") -> None:
        pause_s, waited_s = 0.1, 0.0
        while True:
            try:
                async for update in remote.watch(self._client, self._caller):
                    pause_s, waited_s = 0.1, 0.0
                    for state in update.calls:
                        self._take(state)
                    if not heard.done():
                        heard.set_result(None)
            except RemoteError as error:
                if not error.passing or waited_s >= PATIENCE_S:
                    self._fail(heard, error)
                    return
            await asyncio.sleep(pause_s)
            waited_s, pause_s = waited_s + pause_s, min(2 * pause_s, 2.0)

    def _take(self, state: CallState) -> None:
        self._states[state.name] = state
        if WorkflowPhase(state.phase).terminal and state.abort_cause != CANCELLED:
            waiting = self._waiting.pop(state.name, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(state)

    def _fail(self, heard: "asyncio.Future[None]", error: RemoteError) -> None:
        if not heard.done():
            heard.set_exception(error)
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(error)


def refused(call: Call, error: RemoteError) -> EagerException:
    """Return what a call raises that the control plane did not accept, with the code and help it gave."""
    if not error.diagnostics:
        return EagerException(call.name, "CallRefused", str(error))
    told = [part for found in error.diagnostics for part in (found.headline, *(f"  help: {one}" for one in found.help))]
    return EagerException(call.name, error.diagnostics[0].code, "\n".join(told))


def content_of(call: Call) -> str:
    """Return what a call is: equal for equal calls, in every run."""
    parts = [str(call.target.kind), str(call.target)]
    parts += [f"{name}={value_digest(value)}" for name, value in sorted(call.inputs.items())]
    if call.changes is not None:
        parts.append(node_to_proto(call.changes).SerializeToString(deterministic=True).hex())
    return sha256("\0".join(parts).encode()).hexdigest()


def name_of(caller: NodeExecutionId, content: str, number: int) -> str:
    """Return the name of the execution of a call; `number` is how many equal ones came before it."""
    key = f"{caller.execution}\0{caller.path}\0{content}\0{number}"
    rest = int.from_bytes(sha256(key.encode()).digest()[:16])
    letters = []
    for _ in range(NAME_LETTERS):
        rest, digit = divmod(rest, len(LETTERS))
        letters.append(LETTERS[digit])
    return "e" + "".join(letters)
