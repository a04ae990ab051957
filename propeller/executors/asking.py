"""What an attempt asks for before it begins, by its task's resources."""

from collections.abc import Mapping
from math import ceil

from flytelike.model.failure import Failure
from flytelike.model.graph import TaskTemplate
from flytelike.model.policies import ResourceName
from flytelike.model.quantity import amount_of
from flytelike.model.quota import ATTEMPTS, CPU, GPU, MEMORY
from propeller.core.fairness import Amounts
from propeller.executors.command import bad_task

_COUNTED = {ResourceName.CPU: (CPU, 1000), ResourceName.MEMORY: (MEMORY, 1), ResourceName.GPU: (GPU, 1)}


def amounts_of(task: TaskTemplate, defaults: Amounts) -> Amounts | Failure:
    """Return what an attempt of a task uses: its requests, else its limits (as Kubernetes takes them), else defaults.

    Args:
        task: With the container's resources as they are for this node.
        defaults: What a task uses that says nothing of it.
    """
    resources = task.container.resources if task.container is not None else None
    stated: Mapping[ResourceName, str] = {} if resources is None else {**resources.limits, **resources.requests}
    found = {ATTEMPTS: 1, **defaults}
    for name, quantity in stated.items():
        if name in _COUNTED and quantity:
            counted, factor = _COUNTED[name]
            try:
                found[counted] = ceil(amount_of(quantity) * factor)
            except ValueError as error:
                return bad_task(str(error))
    return {name: amount for name, amount in found.items() if amount}
