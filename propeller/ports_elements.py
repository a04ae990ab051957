"""What executors are told of arrays, and tell: many attempts of one task at once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from flytelike.model.failure import Failure
from flytelike.model.graph import TaskOverrides, TaskTemplate
from flytelike.model.ids import Identifier
from propeller.core.elements import Span, element_path
from propeller.core.plan import scope_of
from propeller.ports import AttemptKey, AttemptSpec

INDEX_VARIABLE = "FLYTE_K8S_ARRAY_INDEX"
"""The variable that holds an element's index, as Flyte's own engine names it."""

CHECKPOINTS = "_flytecheckpoints"


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """What the elements of an array have in common; see `AttemptSpec`.

    `inputs_uri` is the `inputs.pb` of the whole array, whose inputs in `shared` are not gone through. With
    `picks_own` the task's program is given it whole and picks its element by an index in its environment (Flyte's
    map tasks); else it is given the `inputs.pb` of its element. An element's documents lie below
    `<output_prefix>/<index>/<attempt>`. `queued_ns` is how long an element may wait until it begins, 0 for ever: the
    engine takes it back then.
    """

    key: AttemptKey
    task: TaskTemplate
    workflow: Identifier
    launch_plan: Identifier
    inputs_uri: str
    output_prefix: str
    raw_output_prefix: str
    length: int
    shared: Collection[str] = ()
    picks_own: bool = False
    deadline_ns: int = 0
    queued_ns: int = 0
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    overrides: TaskOverrides = field(default_factory=TaskOverrides)
    priority: int = 0
    depth: int = 0

    def attempt(self, index: int, attempt: int, *, interruptible: bool = False) -> AttemptSpec:
        """Return one attempt of one element, as if it was a node's."""
        raw = f"{self.raw_output_prefix}/{index}"
        previous = f"{raw}/{attempt - 1}/{CHECKPOINTS}" if attempt else ""
        env = dict(self.env)
        if self.picks_own:
            env |= {"BATCH_JOB_ARRAY_INDEX_VAR_NAME": INDEX_VARIABLE, INDEX_VARIABLE: str(index)}
        folder = self.inputs_uri.rpartition("/")[0]
        return AttemptSpec(
            key=AttemptKey(self.key.execution, element_path(scope_of(self.key.path, self.key.attempt), index), attempt),
            task=self.task,
            workflow=self.workflow,
            launch_plan=self.launch_plan,
            inputs_uri=self.inputs_uri if self.picks_own else f"{folder}/{self.key.attempt}/{index}/inputs.pb",
            output_prefix=f"{self.output_prefix}/{index}/{attempt}",
            raw_output_prefix=f"{raw}/{attempt}",
            checkpoint_prefix=f"{raw}/{attempt}/{CHECKPOINTS}",
            previous_checkpoint_prefix=previous,
            deadline_ns=self.deadline_ns,
            interruptible=interruptible,
            env=env,
            labels=self.labels,
            overrides=self.overrides,
            priority=self.priority,
            depth=self.depth,
        )


@dataclass(frozen=True, slots=True)
class ElementsOrder:
    """Elements that are to run. Those of one order may all be interrupted, or none."""

    array: ArraySpec
    elements: Sequence[Span]
    interruptible: bool = False


class ElementResult(NamedTuple):
    """How an attempt of an element ended: with a failure, or well.

    `outputs` are the bytes of its `outputs.pb` if they travel with the news; None when they lie in the object store.
    `took_ns` is about how long it ran, 0 where that is not known.
    """

    element: int
    attempt: int
    failure: Failure | None = None
    outputs: bytes | None = None
    took_ns: int = 0
