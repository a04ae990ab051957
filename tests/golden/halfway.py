"""What an engine has stored of executions that it was stopped in the midst of, as bytes.

`python -m tests.golden.halfway` adds the files that are missing; none is written over.
"""

import asyncio
import json
import logging
import sys
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from flytelike.codec.closures import closure_from_proto, closure_to_proto
from flytelike.model.closure import WorkflowClosure
from flytelike.model.failure import Failure, Fault
from flytelike_idl.core import compiler_pb2 as pb_compiler
from flytelike_idl.core import literals_pb2 as pb
from propeller.ports import AttemptSpec, ChildStatus, HistoryBatch
from propeller.stores.memory import MemoryStateStore, _Row
from tests.unit.propeller_engine.builders import request
from tests.unit.propeller_engine.fakes import literals
from tests.unit.propeller_engine.kinds import (
    GIVEN,
    MORE,
    approve,
    branch,
    closure,
    constant,
    handler,
    launched,
    of,
    signal,
    sleep,
    sub,
    task,
    when,
    workflow,
)
from tests.unit.propeller_engine.world import Fuse, World

FOLDER = Path(__file__).parent / "halfway"
DEATHS = (4, 9, 15, 22, 30, 40, 52, 66)
"""After how many calls to its ports the engine was stopped."""

LOST = Failure("Interrupted", "the machine went away", Fault.SYSTEM, retryable=True)
BUG = Failure("USER:ValueError", "bad", Fault.USER, retryable=False)


def closures() -> Mapping[str, WorkflowClosure]:
    """Return what is executed: one workflow that ends well, and one that fails."""
    inner = workflow(task("i", GIVEN), name="inner", output=of("i"))
    choice = branch("b", of("t"), (when(MORE, 5), task("some", of("t"))), otherwise=sleep("rest", 5))
    kinds = [task("t", constant(1)), choice, sub("s", "inner", of("t")), launched("l", "lp", of("t"))]
    gates = [signal("g"), approve("a", of("t")), sleep("z", 10)]
    last = task("last", of("b"), of("s"), of("l"), of("g"), of("a"))
    good = workflow(*kinds, *gates, task("flaky", constant(2), retries=1), last, output=of("last"))
    bad = workflow(*kinds, signal("g"), task("broken", of("s")), output=of("t"), failure_node=handler())
    return {"good": closure(good, inner), "bad": closure(bad, inner)}


def script(spec: AttemptSpec) -> Mapping[str, object] | Failure | None:
    """Tell how attempts end: always the same, so that restarts lead to the same end."""
    if spec.key.path == "flaky" and spec.key.attempt == 0:
        return LOST
    return BUG if spec.key.path == "broken" else {"o": 10 + len(spec.key.path)}


def a_world(executed: WorkflowClosure) -> World:
    """Return a world in which all that gates wait for is given."""
    world = World(executed, script=script)
    yes, value = pb.Literal(), pb.Literal()
    yes.scalar.primitive.boolean, value.scalar.primitive.integer = True, 3
    world.signals.given[request().id, "ok-a"] = yes
    world.signals.given[request().id, "given-g"] = value
    return world


async def to_the_end(world: World, *, submitted: bool) -> Mapping[str, str]:
    """Let an engine bring the execution to its end; return the last phase of each node, and of the execution."""
    engine = await world.engine()
    if not submitted:
        await engine.submit(request())
    for _ in range(40):
        await world.settle()
        for (parent, attempt), name in world.children.names.items():
            child = world.children.children[name]
            if not child.status.phase.terminal:
                uri = f"mem://children/{name.name}"
                world.blobs.objects[uri] = literals({"o": 77})
                phase = type(child.status.phase).SUCCEEDED
                child.status = ChildStatus(phase, uri)
                engine.child_ended(parent, attempt, name)
        pending = world.clock.pending()
        if world.phase(request().id).terminal or not pending:
            break
        world.clock.advance(max(0, pending[0] - world.clock.now))
    await world.settle()
    await engine.close()
    return {getattr(it.record, "path", "") or "execution": it.record.phase.name for it in world.entries(request().id)}


async def stopped(name: str, calls: int) -> dict[str, Any] | None:
    """Return what is stored when the engine dies at one of its calls; None if it ends before."""
    world = a_world(closures()[name])
    world.sink.fail = 1_000  # All of the history is still to be told, so that it is in the file.
    fuse = Fuse(calls)
    ending = asyncio.ensure_future(_die(world, fuse))
    await asyncio.wait([ending], timeout=20)
    if not fuse.blown.is_set():
        return None
    assert isinstance(world.store, MemoryStateStore)
    row = world.store._rows.get(request().id)
    return None if row is None else _told(row, world, closures()[name])


async def _die(world: World, fuse: Fuse) -> None:
    engine = await world.engine(fuse)
    submitting = asyncio.ensure_future(engine.submit(request()))
    for _ in range(6):
        await world.settle()
        pending = world.clock.pending()
        if pending and not fuse.blown.is_set():
            world.clock.advance(max(0, pending[0] - world.clock.now))
    submitting.cancel()


def _told(row: _Row, world: World, executed: WorkflowClosure) -> dict[str, Any]:
    return {
        "closure": json_format.MessageToDict(closure_to_proto(executed)),
        "now_ns": world.clock.now,
        "row": {it.name: _plain(getattr(row, it.name)) for it in fields(row)},
        "documents": {uri: _plain(data) for uri, data in sorted(world.blobs.objects.items())},
    }


def _plain(value: object) -> object:
    match value:
        case bytes():
            return b64encode(value).decode()
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [[batch.first, batch.last, _plain(batch.payload)] for batch in value]
        case _:
            return value


def world_of(told: Mapping[str, Any]) -> World:
    """Return the world in which an execution was stopped, as a new engine finds it: none of its attempts live."""
    world = a_world(closure_from_proto(json_format.ParseDict(told["closure"], pb_compiler.CompiledWorkflowClosure())))
    row = told["row"]
    assert isinstance(world.store, MemoryStateStore)
    world.store._rows[request().id] = _Row(
        launch=b64decode(row["launch"]),
        version=row["version"],
        closed=row["closed"],
        closed_ns=row["closed_ns"],
        header=b64decode(row["header"]),
        cells=_bytes(row["cells"]),
        outputs=_bytes(row["outputs"]),
        commands=_bytes(row["commands"]),
        history=[HistoryBatch(first, last, b64decode(payload)) for first, last, payload in row["history"]],
    )
    world.blobs.objects.update(_bytes(told["documents"]))
    world.clock.advance(told["now_ns"] - world.clock.now)
    return world


def _bytes(told: Mapping[str, str]) -> dict[str, bytes]:
    return {key: b64decode(data) for key, data in told.items()}


def main() -> int:
    """Write the files that are missing."""
    logging.disable()
    FOLDER.mkdir(exist_ok=True)
    for name in closures():
        for calls in DEATHS:
            path = FOLDER / f"{name}-{calls}.json"
            told = None if path.exists() else asyncio.run(stopped(name, calls))
            if told is not None:
                path.write_text(json.dumps(told, separators=(",", ":")) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
