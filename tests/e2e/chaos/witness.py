"""Somebody who looks at the platform all the time, and remembers: what has ended must stay as it was."""

import asyncio
import time
from dataclasses import dataclass, field

from flytelike.codec.ids import execution_id_from_proto
from flytelike.model.ids import ExecutionId
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from flytelike.remote import Client, RemoteError, executions
from flytelike_idl.admin import execution_pb2, node_execution_pb2
from tests.e2e.chaos.scenario import ALL, DOMAIN, PROJECT

LISTED = 1_000


@dataclass(slots=True)
class View:
    """What the API showed at one time."""

    executions: dict[str, execution_pb2.Execution] = field(default_factory=dict)
    nodes: dict[tuple[str, str], node_execution_pb2.NodeExecution] = field(default_factory=dict)
    elements: dict[tuple[str, str, int], int] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether all executions, and all that they started, have ended."""
        phases = {name: WorkflowPhase(one.closure.phase) for name, one in self.executions.items()}
        return all(case.name in phases for case in ALL) and all(phase.terminal for phase in phases.values())

    @property
    def unfinished(self) -> list[str]:
        """The executions that go on."""
        return [n for n, one in self.executions.items() if not WorkflowPhase(one.closure.phase).terminal]


@dataclass(slots=True)
class Witness:
    """Looks, compares with what was seen before, and keeps when a success was seen first."""

    client: Client
    last: View = field(default_factory=View)
    succeeded_ns: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    looks: int = 0

    async def watch(self) -> None:
        """Look until all has ended."""
        while not self.last.ended:
            await self.look()
            await asyncio.sleep(0.3)  # between two looks

    async def look(self) -> bool:
        """Take one look; False when the platform did not answer to the end."""
        try:
            seen = await self._view()
        except RemoteError:
            return False
        self._compare(self.last, seen)
        self._remember(seen, time.time_ns())
        self.last = seen
        self.looks += 1
        return True

    async def _view(self) -> View:
        seen = View()
        for execution in await executions.recent(self.client, PROJECT, DOMAIN, limit=LISTED):
            seen.executions[execution.id.name] = execution
            # What has ended is compared in whole at the end; it takes too long to read it each time.
            before = self.last.executions.get(execution.id.name)
            if before is not None and WorkflowPhase(before.closure.phase).terminal and not self.last.ended:
                seen.nodes.update({key: one for key, one in self.last.nodes.items() if key[0] == execution.id.name})
                continue
            await self._nodes(seen, execution_id_from_proto(execution.id))
        return seen

    async def _nodes(self, seen: View, execution: ExecutionId) -> None:
        for node in await executions.nodes(self.client, execution):
            seen.nodes[execution.name, node.id.node_id] = node
            if node.metadata.is_array:
                async for element in executions.elements(self.client, node.id):
                    if element.phase == TaskPhase.SUCCEEDED:
                        seen.elements[execution.name, node.id.node_id, element.index] = element.attempt

    def _compare(self, old: View, new: View) -> None:
        for name, before in old.executions.items():
            self._same(f"execution {name}", WorkflowPhase(before.closure.phase), before, new.executions.get(name))
        for key, was in old.nodes.items():
            self._same(f"node {key}", NodePhase(was.closure.phase), was, new.nodes.get(key))

    def _same(
        self,
        what: str,
        phase: WorkflowPhase | NodePhase,
        before: execution_pb2.Execution | node_execution_pb2.NodeExecution,
        after: execution_pb2.Execution | node_execution_pb2.NodeExecution | None,
    ) -> None:
        """Note a fault if something that had ended is gone or different."""
        if not phase.terminal or before == after:
            return
        self.faults.append(f"{what} had ended and changed:\nfrom {before}\nto {after}")

    def _remember(self, seen: View, now_ns: int) -> None:
        for (name, path), node in seen.nodes.items():
            if node.closure.phase == NodePhase.SUCCEEDED:
                self.succeeded_ns.setdefault(f"{name}-{path}", now_ns)
        for name, path, index in seen.elements:
            self.succeeded_ns.setdefault(f"{name}-{path}-0/{index}", now_ns)
