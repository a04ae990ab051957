"""Executions made from earlier ones: what will run is told, and may be asked for alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from flytelike.codec.ids import execution_id_from_proto, execution_id_to_proto, identifier_to_proto
from flytelike.codec.literals import literal_map_to_proto
from flytelike.model.ids import ExecutionId, Identifier
from flytelike.model.literals import LiteralMap
from flytelike.remote.client import Client
from flytelike_idl.core import identifier_pb2
from flytelike_idl.service import derivation_pb2 as pb


class Runs(Enum):
    """Which nodes of the new execution run: what has to, all, or those that are chosen."""

    WHAT_IS_NEEDED = pb.DeriveRequest.RUNS_WHAT_IS_NEEDED
    ALL = pb.DeriveRequest.RUNS_ALL
    CHOSEN = pb.DeriveRequest.RUNS_CHOSEN


@dataclass(frozen=True, slots=True)
class Chosen:
    """Nodes by id or name: `only` these; these and all below (`since`); these and all above (`until`)."""

    only: tuple[str, ...] = ()
    since: tuple[str, ...] = ()
    until: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.only or self.since or self.until)


@dataclass(frozen=True, slots=True)
class Different:
    """What is different from the earlier execution; what is empty or None stays as it was."""

    inputs: LiteralMap = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    envs: Mapping[str, str] = field(default_factory=dict)
    max_parallelism: int | None = None
    overwrite_cache: bool | None = None
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """An execution to be made from `earlier`, of the same launch plan or task unless another one is named.

    `earlier` without a name is the latest execution of `target` that has what is needed.
    """

    earlier: ExecutionId
    name: str = ""
    target: Identifier | None = None
    runs: Runs = Runs.WHAT_IS_NEEDED
    chosen: Chosen = field(default_factory=Chosen)
    different: Different = field(default_factory=Different)
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class DerivedNode:
    """What becomes of a node; `action` and `reason` are stable words such as `reuse` and `code`."""

    path: str
    earlier: str
    called: str
    action: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Derived:
    """The plan; and the new execution, None if only the plan was asked for."""

    execution: ExecutionId | None
    earlier: ExecutionId
    nodes: tuple[DerivedNode, ...]
    missing_outputs: tuple[str, ...]


async def derive(client: Client, wish: Wish) -> Derived:
    """Plan an execution from an earlier one, and create it unless the wish is a dry run.

    Raises:
        RemoteError: the server refused it, with diagnostics.
    """
    answer = await client.call(client.derivation.Derive(request_of(wish)))
    return Derived(
        execution_id_from_proto(answer.id) if answer.HasField("id") else None,
        execution_id_from_proto(answer.earlier),
        tuple(_node(node) for node in answer.nodes),
        tuple(answer.missing_outputs),
    )


def request_of(wish: Wish) -> pb.DeriveRequest:
    """Return a wish as the message that is sent."""
    earlier = wish.earlier
    identifier = identifier_pb2.WorkflowExecutionIdentifier(project=earlier.project, domain=earlier.domain)
    different = wish.different
    return pb.DeriveRequest(
        id=execution_id_to_proto(earlier) if earlier.name else identifier,
        name=wish.name,
        launch_plan=None if wish.target is None else identifier_to_proto(wish.target),
        inputs=literal_map_to_proto(different.inputs),
        runs=wish.runs.value,
        chosen=pb.NodeChoice(only=wish.chosen.only, since=wish.chosen.since, until=wish.chosen.until),
        overrides=pb.Overrides(
            labels=different.labels,
            envs=different.envs,
            max_parallelism=different.max_parallelism,
            overwrite_cache=different.overwrite_cache,
            priority=different.priority,
        ),
        dry_run=wish.dry_run,
    )


def _node(node: pb.DerivedNode) -> DerivedNode:
    action = pb.DerivedNode.Action.Name(node.action).removeprefix("ACTION_").lower().replace("_", "-")
    return DerivedNode(node.path, node.earlier, node.called, action, node.reason, node.detail)
