"""What an attempt asks for before it begins, by its task's resources."""

from flytelike.model.asking import stated_amounts
from flytelike.model.failure import Failure
from flytelike.model.graph import TaskTemplate
from flytelike.model.quota import ATTEMPTS
from propeller.core.fairness import Amounts
from propeller.executors.command import bad_task


def amounts_of(task: TaskTemplate, defaults: Amounts) -> Amounts | Failure:
    """Return what an attempt of a task uses: its requests, else its limits (as Kubernetes takes them), else defaults.

    Args:
        task: With the container's resources as they are for this node.
        defaults: What a task uses that says nothing of it.
    """
    try:
        stated = stated_amounts(task.container.resources if task.container is not None else None)
    except ValueError as error:
        return bad_task(str(error))
    return {name: amount for name, amount in {ATTEMPTS: 1, **defaults, **stated}.items() if amount}
