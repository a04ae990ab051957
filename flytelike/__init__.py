"""Flytelike: typed, versioned workflows that compile to immutable specs.

The names here are what authors write with; each is loaded when it is first used.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flytelike.current import Deck, current_context
    from flytelike.deck.fields import DeckField
    from flytelike.model.exceptions import EagerException, FlyteRecoverableException
    from flytelike.model.policies import FailurePolicy as WorkflowFailurePolicy
    from flytelike.model.priority import Priority
    from flytelike.sdk.cache import Cache
    from flytelike.sdk.conditional import conditional, is_false, is_none, is_true
    from flytelike.sdk.container_task import ContainerTask
    from flytelike.sdk.create_node import create_node
    from flytelike.sdk.documentation import Documentation
    from flytelike.sdk.dynamic import dynamic
    from flytelike.sdk.eager import eager
    from flytelike.sdk.gate import approve, sleep, wait_for_input
    from flytelike.sdk.imperative import ImperativeWorkflow
    from flytelike.sdk.imperative import ImperativeWorkflow as Workflow
    from flytelike.sdk.launch_plan import LaunchPlan
    from flytelike.sdk.map_task import map_task
    from flytelike.sdk.metadata import TaskMetadata
    from flytelike.sdk.reference import reference_launch_plan, reference_task, reference_workflow
    from flytelike.sdk.resources import Resources
    from flytelike.sdk.retry import Backoff, RetryStrategy
    from flytelike.sdk.reuse import ReusePolicy
    from flytelike.sdk.schedule import CronSchedule, FixedRate
    from flytelike.sdk.secret import Secret
    from flytelike.sdk.task import Task, task
    from flytelike.sdk.timeout import Timeout
    from flytelike.sdk.workflow import Workflow as PythonFunctionWorkflow
    from flytelike.sdk.workflow import workflow
    from flytelike.types.directory import FlyteDirectory
    from flytelike.types.error import FlyteError
    from flytelike.types.file import FlyteFile
    from flytelike.types.hashing import HashMethod
    from flytelike.types.json_value import JSON
    from flytelike.types.pickled import FlytePickle
    from flytelike.types.structured import StructuredDataset, kwtypes

_PLACES = {
    "ImperativeWorkflow": "flytelike.sdk.imperative",
    "JSON": "flytelike.types.json_value",
    "Backoff": "flytelike.sdk.retry",
    "Cache": "flytelike.sdk.cache",
    "ContainerTask": "flytelike.sdk.container_task",
    "CronSchedule": "flytelike.sdk.schedule",
    "Deck": "flytelike.current",
    "DeckField": "flytelike.deck.fields",
    "Documentation": "flytelike.sdk.documentation",
    "EagerException": "flytelike.model.exceptions",
    "FixedRate": "flytelike.sdk.schedule",
    "FlyteDirectory": "flytelike.types.directory",
    "FlyteError": "flytelike.types.error",
    "FlyteFile": "flytelike.types.file",
    "FlytePickle": "flytelike.types.pickled",
    "FlyteRecoverableException": "flytelike.model.exceptions",
    "HashMethod": "flytelike.types.hashing",
    "LaunchPlan": "flytelike.sdk.launch_plan",
    "Priority": "flytelike.model.priority",
    "PythonFunctionWorkflow": "flytelike.sdk.workflow",
    "Resources": "flytelike.sdk.resources",
    "RetryStrategy": "flytelike.sdk.retry",
    "ReusePolicy": "flytelike.sdk.reuse",
    "Secret": "flytelike.sdk.secret",
    "StructuredDataset": "flytelike.types.structured",
    "Task": "flytelike.sdk.task",
    "TaskMetadata": "flytelike.sdk.metadata",
    "Timeout": "flytelike.sdk.timeout",
    "Workflow": "flytelike.sdk.imperative",
    "WorkflowFailurePolicy": "flytelike.model.policies",
    "approve": "flytelike.sdk.gate",
    "conditional": "flytelike.sdk.conditional",
    "create_node": "flytelike.sdk.create_node",
    "current_context": "flytelike.current",
    "dynamic": "flytelike.sdk.dynamic",
    "eager": "flytelike.sdk.eager",
    "is_false": "flytelike.sdk.conditional",
    "is_none": "flytelike.sdk.conditional",
    "is_true": "flytelike.sdk.conditional",
    "kwtypes": "flytelike.types.structured",
    "map_task": "flytelike.sdk.map_task",
    "reference_launch_plan": "flytelike.sdk.reference",
    "reference_task": "flytelike.sdk.reference",
    "reference_workflow": "flytelike.sdk.reference",
    "sleep": "flytelike.sdk.gate",
    "task": "flytelike.sdk.task",
    "wait_for_input": "flytelike.sdk.gate",
    "workflow": "flytelike.sdk.workflow",
}

_OTHERWISE = {
    "PythonFunctionWorkflow": "Workflow",
    "Workflow": "ImperativeWorkflow",
    "WorkflowFailurePolicy": "FailurePolicy",
}
"""Names that are others in their modules; they are Flyte's."""

__all__ = [
    "JSON",
    "Backoff",
    "Cache",
    "ContainerTask",
    "CronSchedule",
    "Deck",
    "DeckField",
    "Documentation",
    "EagerException",
    "FixedRate",
    "FlyteDirectory",
    "FlyteError",
    "FlyteFile",
    "FlytePickle",
    "FlyteRecoverableException",
    "HashMethod",
    "ImperativeWorkflow",
    "LaunchPlan",
    "Priority",
    "PythonFunctionWorkflow",
    "Resources",
    "RetryStrategy",
    "ReusePolicy",
    "Secret",
    "StructuredDataset",
    "Task",
    "TaskMetadata",
    "Timeout",
    "Workflow",
    "WorkflowFailurePolicy",
    "approve",
    "conditional",
    "create_node",
    "current_context",
    "dynamic",
    "eager",
    "is_false",
    "is_none",
    "is_true",
    "kwtypes",
    "map_task",
    "reference_launch_plan",
    "reference_task",
    "reference_workflow",
    "sleep",
    "task",
    "wait_for_input",
    "workflow",
]


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module `flytelike` has no attribute `{name}`")
    module = importlib.import_module(place)
    value: object = getattr(module, _OTHERWISE.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
