"""Runs the workflows of `kinds.py` by stock FlyteRemote; prints what came of each step as JSON.

kinds_client.py ENDPOINT
"""

import json
import sys
import tempfile
import time
import traceback
from datetime import timedelta
from pathlib import Path

from flytekit.configuration import Config, PlatformConfig
from flytekit.models.core.execution import NodeExecutionPhase, WorkflowExecutionPhase
from flytekit.remote import FlyteRemote

SOON = timedelta(seconds=200)
QUICK = timedelta(seconds=0.2)


def phase(execution):
    return WorkflowExecutionPhase.enum_to_string(execution.closure.phase)


def nodes(execution):
    return {
        name: NodeExecutionPhase.enum_to_string(node.closure.phase)
        for name, node in execution.node_executions.items()
        if name not in {"start-node", "end-node"}
    }


def started(remote, name, **inputs):
    return remote.execute(remote.fetch_launch_plan(name=f"kinds.{name}", version="v1"), inputs=inputs)


def ended(remote, execution):
    return remote.wait(execution, timeout=SOON, poll_interval=QUICK, sync_nodes=True)


def branches(remote):
    running = {n: started(remote, "branching", n=n) for n in (0, 1, 2, 3, 7)}
    given = {}
    for n, execution in running.items():
        done = ended(remote, execution)
        given[n] = done.outputs["o0"] if phase(done) == "SUCCEEDED" else done.error.message
    whole = ended(remote, running[7])
    size = whole.node_executions["n3"]
    inside = {
        node.id.node_id: NodeExecutionPhase.enum_to_string(node.closure.phase)
        for node in size._underlying_node_executions
    }
    return {"given": given, "nodes": nodes(whole), "inside": inside}


def waits_for(remote, execution, name):
    """Return once the gate is reached; stock clients poll too."""
    for _ in range(600):
        found = [signal.id.signal_id for signal in remote.list_signals(execution.id.name)]
        if name in found:
            return found
        time.sleep(0.1)
    raise TimeoutError(name)


def approves(remote):
    execution = started(remote, "gates", n=4)
    waits_for(remote, execution, "ok")
    found = waits_for(remote, execution, "more")
    wrong = ""
    try:
        remote.set_input("more", execution.id.name, value="many", python_type=str)
    except Exception as error:  # noqa: BLE001 - whatever it raises is what is asked
        wrong = str(error)
    remote.approve("ok", execution.id.name)
    remote.set_input("more", execution.id.name, value=5)
    done = ended(remote, execution)
    return {"signals": sorted(found), "wrong": wrong, "phase": phase(done), "output": done.outputs["o0"]}


def rejects(remote):
    execution = started(remote, "gates", n=4)
    waits_for(remote, execution, "ok")
    remote.reject("ok", execution.id.name)
    done = ended(remote, execution)
    return {"phase": phase(done), "code": done.error.code}


def cleans(remote):
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "told.txt"
        done = ended(remote, started(remote, "cleaned", n=2, into=str(into)))
        return {"phase": phase(done), "message": done.error.message, "told": into.read_text(), "nodes": nodes(done)}


def main():
    config = Config(platform=PlatformConfig(endpoint=sys.argv[1], insecure=True))
    remote = FlyteRemote(config, default_project="flytesnacks", default_domain="development")
    told = {}
    for step in (branches, approves, rejects, cleans):
        try:
            told[step.__name__] = {"gave": step(remote)}
        except Exception:  # noqa: BLE001 - noted, the others go on
            told[step.__name__] = {"raised": traceback.format_exc()}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
