"""Flytelike: typed, versioned workflows that compile to immutable specs.

The names here are what authors write with; each is loaded when it is first used.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flytelike.current import Deck, current_context
    from flytelike.deck.fields import DeckField
    from flytelike.model.exceptions import FlyteRecoverableException
    from flytelike.model.policies import FailurePolicy as WorkflowFailurePolicy
    from flytelike.sdk.cache import Cache
    from flytelike.sdk.container_task import ContainerTask
    from flytelike.sdk.create_node import create_node
    from flytelike.sdk.documentation import Documentation
    from flytelike.sdk.launch_plan import LaunchPlan
    from flytelike.sdk.metadata import TaskMetadata
    from flytelike.sdk.reference import reference_launch_plan, reference_task, reference_workflow
    from flytelike.sdk.resources import Resources
    from flytelike.sdk.secret import Secret
    from flytelike.sdk.task import Task, task
    from flytelike.sdk.workflow import Workflow, workflow
    from flytelike.types.directory import FlyteDirectory
    from flytelike.types.file import FlyteFile
    from flytelike.types.hashing import HashMethod
    from flytelike.types.json_value import JSON
    from flytelike.types.pickled import FlytePickle
    from flytelike.types.structured import StructuredDataset, kwtypes

_PLACES = {
    "JSON": "flytelike.types.json_value",
    "Cache": "flytelike.sdk.cache",
    "ContainerTask": "flytelike.sdk.container_task",
    "Deck": "flytelike.current",
    "DeckField": "flytelike.deck.fields",
    "Documentation": "flytelike.sdk.documentation",
    "FlyteDirectory": "flytelike.types.directory",
    "FlyteFile": "flytelike.types.file",
    "FlytePickle": "flytelike.types.pickled",
    "FlyteRecoverableException": "flytelike.model.exceptions",
    "HashMethod": "flytelike.types.hashing",
    "LaunchPlan": "flytelike.sdk.launch_plan",
    "Resources": "flytelike.sdk.resources",
    "Secret": "flytelike.sdk.secret",
    "StructuredDataset": "flytelike.types.structured",
    "Task": "flytelike.sdk.task",
    "TaskMetadata": "flytelike.sdk.metadata",
    "Workflow": "flytelike.sdk.workflow",
    "WorkflowFailurePolicy": "flytelike.model.policies",
    "create_node": "flytelike.sdk.create_node",
    "current_context": "flytelike.current",
    "kwtypes": "flytelike.types.structured",
    "reference_launch_plan": "flytelike.sdk.reference",
    "reference_task": "flytelike.sdk.reference",
    "reference_workflow": "flytelike.sdk.reference",
    "task": "flytelike.sdk.task",
    "workflow": "flytelike.sdk.workflow",
}

__all__ = [
    "JSON",
    "Cache",
    "ContainerTask",
    "Deck",
    "DeckField",
    "Documentation",
    "FlyteDirectory",
    "FlyteFile",
    "FlytePickle",
    "FlyteRecoverableException",
    "HashMethod",
    "LaunchPlan",
    "Resources",
    "Secret",
    "StructuredDataset",
    "Task",
    "TaskMetadata",
    "Workflow",
    "WorkflowFailurePolicy",
    "create_node",
    "current_context",
    "kwtypes",
    "reference_launch_plan",
    "reference_task",
    "reference_workflow",
    "task",
    "workflow",
]


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module `flytelike` has no attribute `{name}`")
    module = importlib.import_module(place)
    value: object = getattr(module, "FailurePolicy" if name == "WorkflowFailurePolicy" else name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
