"""Checks of one task."""

import re
from collections.abc import Iterator
from fractions import Fraction

from flytelike.compiler.faults import entity_fault
from flytelike.model.diagnostic import Diagnostic
from flytelike.model.graph import TaskTemplate
from flytelike.model.policies import ResourceName
from flytelike.model.priority import PRIORITY_MAX, is_priority

QUANTITY = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>m|[kMGTPE]i?|Ki|)")
"""A Kubernetes quantity, without exponents."""

FACTORS = {
    "": Fraction(1),
    "m": Fraction(1, 1000),
    **{unit: Fraction(1000) ** power for power, unit in enumerate("kMGTPE", 1)},
    **{f"{unit}i": Fraction(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
}


def quantity(text: str) -> Fraction | None:
    """Return the number that a Kubernetes quantity (`500m`, `1Gi`) stands for; None when it is none."""
    found = QUANTITY.fullmatch(text)
    return Fraction(found["number"]) * FACTORS[found["unit"]] if found and found["unit"] in FACTORS else None


def task_faults(task: TaskTemplate) -> Iterator[Diagnostic]:
    """Find what is wrong with a task by itself."""
    name = task.id.name.rpartition(".")[2]
    if not is_priority(task.metadata.priority):
        yield entity_fault(
            "invalid-priority",
            f"the task `{name}` has the priority {task.metadata.priority}, which does not lie between "
            f"-{PRIORITY_MAX} and {PRIORITY_MAX}",
            task.span,
            "here",
            "`Priority.HIGH` is 100, `Priority.LOW` -100",
        )
    container = task.container
    if container is None:
        return
    if not container.image:
        yield entity_fault(
            "missing-image",
            f"the task `{name}` names no container image",
            task.span,
            "here",
            "give `container_image`",
        )
    if not (container.command or container.args) and (task.interface.inputs or task.interface.outputs):
        yield entity_fault(
            "missing-command",
            f"the task `{name}` has inputs or outputs but no command",
            task.span,
            "here",
            "give the container a command that reads and writes them",
        )
    for kind, values in (("requests", container.resources.requests), ("limits", container.resources.limits)):
        for resource, text in values.items():
            if quantity(text) is None:
                yield entity_fault(
                    "invalid-quantity",
                    f"the task `{name}` {kind} {text!r} of {resource.name.lower()}, which is no quantity",
                    task.span,
                    "here",
                    "write a number with a unit, such as `500m`, `2` or `1Gi`",
                )
    yield from limit_faults(task, name)


def limit_faults(task: TaskTemplate, name: str) -> Iterator[Diagnostic]:
    """Find requests above limits."""
    assert task.container is not None
    resources = task.container.resources
    for resource, text in resources.requests.items():
        asked, limit = quantity(text), quantity(resources.limits.get(resource, ""))
        if asked is not None and limit is not None and asked > limit:
            yield entity_fault(
                "request-above-limit",
                f"the task `{name}` requests {text} of {ResourceName(resource).name.lower()}, more than its limit",
                task.span,
                f"the limit is {resources.limits[resource]}",
                "raise the limit, or lower the request",
            )
        elif resource is ResourceName.GPU and asked is not None and limit is not None and asked < limit:
            # Kubernetes shares no devices: what is requested is what is given.
            yield entity_fault(
                "unequal-gpu-request",
                f"the task `{name}` requests {text} GPU and limits them to {resources.limits[resource]}",
                task.span,
                "a GPU is a task's own, so there is nothing between the two",
                "give the same number as request and limit, or only one of them",
            )
