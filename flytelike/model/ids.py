"""Names of things, as types of their own, so that swapping two is a type error."""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NewType

from typing_extensions import override

NodeId = NewType("NodeId", str)
"""A node's id inside its workflow, such as `n0`. The empty id stands for the workflow's inputs."""

NodePath = NewType("NodePath", str)
"""A node's id, unique in its execution: `n0`; a nested node is `<parent path>.<parent attempt>.<id>`.

The dot cannot occur in a node's own id, so paths never collide.
"""

ROOT = NodePath("")
"""The scope of the execution's own workflow."""

Digest = NewType("Digest", str)
"""`sha256:` and 64 lower-case hexadecimal digits."""

START_NODE = NodeId("start-node")
END_NODE = NodeId("end-node")
WORKFLOW_INPUTS = NodeId("")
"""The promise of a workflow input names this node (Flyte's convention on the wire)."""


class ResourceKind(IntEnum):
    """What an identifier names; values are those of `flyteidl.core.ResourceType`."""

    UNSPECIFIED = 0
    TASK = 1
    WORKFLOW = 2
    LAUNCH_PLAN = 3
    DATASET = 4


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """The full name of a registered entity.

    While an author's module is traced, `project`, `domain` and `version` may be empty;
    `anchored` fills them in for registration.
    """

    kind: ResourceKind
    project: str
    domain: str
    name: str
    version: str
    org: str = ""

    @override
    def __str__(self) -> str:
        """Return `project/domain/name@version`, leaving out what is empty."""
        path = "/".join(part for part in (self.project, self.domain, self.name) if part)
        return f"{path}@{self.version}" if self.version else path

    def anchored(self, project: str, domain: str, version: str) -> "Identifier":
        """Return this identifier with its empty parts filled in."""
        return replace(
            self,
            project=self.project or project,
            domain=self.domain or domain,
            version=self.version or version,
        )


@dataclass(frozen=True, slots=True, order=True)
class ExecutionId:
    """The name of one execution of a workflow."""

    project: str
    domain: str
    name: str
    org: str = ""

    @override
    def __str__(self) -> str:
        """Return `project/domain/name`."""
        return f"{self.project}/{self.domain}/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class NodeExecutionId:
    """One node of one execution."""

    execution: ExecutionId
    path: NodePath


@dataclass(frozen=True, slots=True, order=True)
class TaskExecutionId:
    """One attempt of a task node. `attempt` counts from 0 (Flyte's `retry_attempt`)."""

    task: Identifier
    node: NodeExecutionId
    attempt: int
