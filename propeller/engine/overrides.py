"""A task as its node wants it: other resources, another image."""

from dataclasses import replace

from flytelike.model.graph import TaskOverrides, TaskTemplate
from flytelike.model.policies import Resources


def overridden(task: TaskTemplate, overrides: TaskOverrides) -> TaskTemplate:
    """Return the task with a node's overrides; what the node does not name stays."""
    container = task.container
    if container is None or (overrides.resources is None and not overrides.container_image):
        return task
    asked = overrides.resources
    resources = container.resources
    if asked is not None:
        requests = {**resources.requests, **asked.requests}
        resources = Resources(requests, {**resources.limits, **asked.limits})
    image = overrides.container_image or container.image
    return replace(task, container=replace(container, image=image, resources=resources))
