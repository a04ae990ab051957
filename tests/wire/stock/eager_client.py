"""Runs the eager functions of `eager_calls.py` by stock FlyteRemote; prints what came of each step as JSON.

eager_client.py ENDPOINT
"""

import json
import sys
import traceback

from flytekit.configuration import Config, PlatformConfig
from flytekit.models.filters import ValueIn
from flytekit.remote import FlyteRemote
from kinds_client import QUICK, SOON, nodes, phase


def ended(remote, name, **inputs):
    plan = remote.fetch_launch_plan(name=f"eager_calls.{name}", version="v1")
    execution = remote.execute(plan, inputs=inputs)
    return remote.wait(execution, timeout=SOON, poll_interval=QUICK, sync_nodes=True)


def calls(remote, execution):
    """Return what became of the executions that an eager function made, found as its failure handler does."""
    found, _ = remote.client.list_executions_paginated(
        "flytesnacks",
        "development",
        filters=[ValueIn("execution_tag.key", ["eager-exec"]), ValueIn("execution_tag.value", [execution.id.name])],
    )
    return {one.spec.launch_plan.name.rpartition(".")[2]: phase(one) for one in found}


def climbs(remote):
    done = ended(remote, "climbs", x=5)
    return {"phase": phase(done), "output": done.outputs["o0"], "calls": calls(remote, done)}


def gives_up(remote):
    done = ended(remote, "gives_up", x=5)
    return {"phase": phase(done), "message": done.error.message, "nodes": nodes(done), "calls": calls(remote, done)}


def main():
    config = Config(platform=PlatformConfig(endpoint=sys.argv[1], insecure=True))
    remote = FlyteRemote(config, default_project="flytesnacks", default_domain="development")
    told = {}
    for step in (climbs, gives_up):
        try:
            told[step.__name__] = {"gave": step(remote)}
        except Exception:  # noqa: BLE001 - noted, the others go on
            told[step.__name__] = {"raised": traceback.format_exc()}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
