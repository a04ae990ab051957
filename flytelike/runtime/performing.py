"""Eager tasks: finds the platform, runs the function, and tells how it went."""

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from flytelike.current import TaskContext
from flytelike.model.ids import NodeExecutionId, NodePath
from flytelike.runtime.contract import EagerTask
from flytelike.runtime.failures import AttemptError, of_task, system_error
from flytelike.storage import Store
from flytelike.types.context import ValueContext

if TYPE_CHECKING:
    from flytelike.remote.client import Client

ENDPOINT = "FLYTELIKE_ENDPOINT"
"""Where the platform answers: `host:port`, or a `file:` whose JSON names it under `grpc`."""

NODE = "FLYTELIKE_NODE"
"""The path of the node that the attempt is of."""

UNREACHABLE = "PlatformUnreachable"
PATIENCE_S = 60.0
TRY_S = 2.0


def performed(
    task: EagerTask, inputs: Mapping[str, object], current: TaskContext, values: ValueContext, code_root: str
) -> object:
    """Run an eager task's function; return its result.

    Raises:
        AttemptError: The function raised, or the platform cannot be reached.
    """
    try:
        return asyncio.run(_performed(task, inputs, current, values))
    except AttemptError:
        raise
    except BaseException as error:
        raise AttemptError(of_task(error, code_root)) from error


async def _performed(
    task: EagerTask, inputs: Mapping[str, object], current: TaskContext, values: ValueContext
) -> object:
    from flytelike.remote.client import Client  # noqa: PLC0415 - loads grpc, which other tasks need not
    from flytelike.runtime.calls import PlatformCalls  # noqa: PLC0415 - see above

    caller = NodeExecutionId(current.execution_id, NodePath(os.environ.get(NODE, "")))
    store: Store = values.store
    async with await _connected(Client) as client, PlatformCalls(client, caller, store) as calls:
        result = await task.perform(inputs, task=current.task_id, values=values, calls=calls)
        calls.check_replayed()
        return result


async def _connected(make: "type[Client]") -> "Client":
    """Return a connection to the platform; one that has just started tells its address a moment later."""
    from flytelike.remote.access import Access  # noqa: PLC0415 - loads grpc, which other tasks need not

    told = os.environ.get(ENDPOINT, "")
    waited_s = 0.0
    while told and waited_s < PATIENCE_S:
        address = _address(told)
        if address:
            client = make(address, Access.from_env())
            if await client.ready(TRY_S):
                return client
            await client.channel.close()
        await asyncio.sleep(0.1)
        waited_s += 0.1 if not address else TRY_S
    where = f"at {told}" if told else f"anywhere: {ENDPOINT} is not set"
    raise system_error(UNREACHABLE, f"no platform answers {where}")


def _address(told: str) -> str:
    if not told.startswith("file:"):
        return told
    try:
        return str(json.loads(Path(told.removeprefix("file:")).read_text(encoding="utf-8"))["grpc"])
    except (OSError, ValueError, KeyError):
        return ""
