"""Workflows that an operator executes: tasks are small programs of this machine, data lies in a folder."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from flytelike.codec.closures import closure_to_proto
from flytelike.codec.digest import digest_of
from flytelike.codec.literals import literal_map_to_proto
from flytelike.model.graph import Container, TaskTemplate
from flytelike.model.launch import LaunchRequest
from flytelike.model.literals import Literal, Primitive
from propeller.app.operator import Operator, OperatorOptions
from propeller.kube.client import ClientSettings
from propeller.kube.ports import FLYTE_WORKFLOWS, Objects
from propeller.kube.resource import WorkflowResource, resource_from_json, resource_of, resource_to_json
from tests.kube.control_plane import ControlPlane
from tests.unit.propeller_engine.builders import Step, closure, request

PROGRAM = """
import os, sys, pathlib
from flytelike_idl.core import literals_pb2
folder = sys.argv[1]


outputs = literals_pb2.LiteralMap()
outputs.literals["o"].scalar.primitive.integer = 7
os.makedirs(folder, exist_ok=True)
pathlib.Path(folder, "outputs.pb").write_bytes(outputs.SerializeToString())
"""
"""Gives 7."""

FAILING = "import sys; sys.exit('there is no flights.csv')"


@dataclass(frozen=True)
class Site:
    """A folder with closures, inputs, the engine's database and what executions write."""

    folder: Path

    def request(
        self,
        name: str,
        steps: Sequence[Step],
        program: str = PROGRAM,
        change: Callable[[TaskTemplate], TaskTemplate] = lambda task: task,
    ) -> LaunchRequest:
        """Store a workflow whose tasks run a program, or are changed to others; return the request to execute it."""
        made = closure(steps)
        container = Container("registry.example/python:3", (sys.executable, "-c", program, "{{.outputPrefix}}"), ())
        tasks = {id_: change(replace(task, container=container)) for id_, task in made.tasks.items()}
        message = closure_to_proto(replace(made, tasks=tasks))
        inputs = literal_map_to_proto({"i": Literal(Primitive(1))})
        places = {"closure": self.folder / f"{name}.closure", "inputs": self.folder / f"{name}.inputs"}
        places["closure"].write_bytes(message.SerializeToString())
        places["inputs"].write_bytes(inputs.SerializeToString())
        return replace(
            request(name),
            closure_uri=str(places["closure"]),
            closure_digest=digest_of(message),
            inputs_uri=str(places["inputs"]),
        )

    def options(self, plane: ControlPlane, namespace: str, database: str = "") -> OperatorOptions:
        """Return the options of an operator of this site."""
        client = ClientSettings(kubeconfig=str(plane.kubeconfig), calls_per_second=1000, burst=1000)
        return OperatorOptions(
            database or f"sqlite:///{self.folder}/propeller.db",
            str(self.folder / "store"),
            self.folder / "work",
            "tests",
            namespace,
            slots=2,
            client=client,
        )


@asynccontextmanager
async def operating(options: OperatorOptions) -> AsyncIterator[Operator]:
    """Run an operator that listens already."""
    (options.work / "logs").mkdir(parents=True, exist_ok=True)
    async with Operator(options) as running:
        await running.ready.wait()
        yield running


def manifest(wanted: LaunchRequest, namespace: str) -> str:
    """Return what a person would write to execute it by hand."""
    document = resource_to_json(resource_of(wanted, namespace))
    document["metadata"] = {"name": wanted.id.name, "namespace": namespace}
    return yaml.safe_dump(document)


async def create(objects: Objects, wanted: LaunchRequest, namespace: str) -> None:
    """Ask for an execution as a person would."""
    await objects.create(FLYTE_WORKFLOWS, namespace, yaml.safe_load(manifest(wanted, namespace)))


async def until_ended(objects: Objects, namespace: str, name: str) -> WorkflowResource:
    """Return an object once its execution has ended and the operator has let go of it."""
    while True:
        found = resource_from_json(await objects.get(FLYTE_WORKFLOWS, namespace, name))
        if found.status.phase.terminal and not found.metadata.finalizers:
            return found
        await asyncio.sleep(0.05)
