"""Templates of entities, for tests."""

from pathlib import Path
from typing import Any

from flytelike.model.graph import (
    Binding,
    BindingData,
    BoundCollection,
    BoundMap,
    BoundPromise,
    BoundScalar,
    Node,
    WorkflowTemplate,
)
from flytelike.model.literals import Primitive, UnionValue, Void
from flytelike.sdk.entities import Templates, templates
from flytelike.sdk.settings import Settings

SETTINGS = Settings("flights", "development", "v1", Path("/"))


def built(*entities: Any) -> Templates:
    return templates(entities, SETTINGS)


def workflow_of(entity: Any) -> WorkflowTemplate:
    """The template of a workflow, without those of what it calls."""
    name = f"{entity.function.__module__}.{entity.function.__name__}"
    return next(found for found in built(entity).workflows if found.id.name == name)


def nodes_of(entity: Any) -> dict[str, Node]:
    return {node.id: node for node in workflow_of(entity).nodes}


def given(bindings: tuple[Binding, ...]) -> dict[str, Any]:
    """What is bound, in short: values, `node.output` for promises, lists and dicts of them."""
    return {binding.var: short(binding.data) for binding in bindings}


def short(data: BindingData) -> Any:
    match data:
        case BoundPromise(promise):
            return ".".join(map(str, (promise.node_id, promise.var, *promise.path)))
        case BoundCollection(items):
            return [short(item) for item in items]
        case BoundMap(entries):
            return {key: short(item) for key, item in entries.items()}
        case BoundScalar(Primitive(value)):
            return value
        case BoundScalar(Void()):
            return None
        case BoundScalar(UnionValue(literal)):
            return short(BoundScalar(literal.value))  # type: ignore[arg-type]
        case other:
            return other
