"""Whatever the model can say comes back from the wire as it went, and is written the same again."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from flytelike.codec import (
    closures,
    diagnostics,
    failures,
    ids,
    interface,
    launch_plans,
    literals,
    tasks,
    types,
    workflows,
)
from flytelike.codec.digest import digest_of
from flytelike.codec.parse import parse, serialise
from flytelike.model.graph import LaunchPlanTemplate
from flytelike.model.ids import Identifier, ResourceKind
from tests import strategies as some


@dataclass(frozen=True)
class Kind:
    """A part of the model: what is drawn, its way to the wire and its way back."""

    drawn: st.SearchStrategy[Any]
    write: Callable[[Any], Message]
    read: Callable[[Any], Any]


NAME = Identifier(ResourceKind.LAUNCH_PLAN, "flights", "development", "nightly", "v1")


def unnamed(plan: LaunchPlanTemplate) -> LaunchPlanTemplate:
    """A launch plan's id travels beside its spec."""
    return replace(plan, id=NAME)


KINDS = {
    "literal type": Kind(some.literal_types, types.literal_type_to_proto, types.literal_type_from_proto),
    "literal": Kind(some.literals, literals.literal_to_proto, literals.literal_from_proto),
    "scalar": Kind(some.scalars, literals.scalar_to_proto, literals.scalar_from_proto),
    "literal map": Kind(some.literal_maps, literals.literal_map_to_proto, literals.literal_map_from_proto),
    "variable": Kind(some.variables, interface.variable_to_proto, interface.variable_from_proto),
    "interface": Kind(some.interfaces, interface.interface_to_proto, interface.interface_from_proto),
    "parameters": Kind(
        some.by_name(some.parameters), interface.parameter_map_to_proto, interface.parameter_map_from_proto
    ),
    "binding": Kind(some.bindings, workflows.binding_to_proto, workflows.binding_from_proto),
    "node": Kind(some.nodes, workflows.node_to_proto, workflows.node_from_proto),
    "task": Kind(some.tasks, tasks.task_template_to_proto, tasks.task_template_from_proto),
    "workflow": Kind(some.workflows, workflows.workflow_template_to_proto, workflows.workflow_template_from_proto),
    "launch plan": Kind(
        some.launch_plans.map(unnamed),
        launch_plans.launch_plan_to_proto,
        lambda message: launch_plans.launch_plan_from_proto(NAME, message),
    ),
    "closure": Kind(some.closures, closures.closure_to_proto, closures.closure_from_proto),
    "compiled task": Kind(some.tasks, closures.task_closure_to_proto, closures.task_closure_from_proto),
    "identifier": Kind(some.identifiers(), ids.identifier_to_proto, ids.identifier_from_proto),
    "execution id": Kind(some.execution_ids, ids.execution_id_to_proto, ids.execution_id_from_proto),
    "node execution id": Kind(
        some.node_execution_ids, ids.node_execution_id_to_proto, ids.node_execution_id_from_proto
    ),
    "task execution id": Kind(
        some.task_execution_ids, ids.task_execution_id_to_proto, ids.task_execution_id_from_proto
    ),
    "diagnostic": Kind(some.diagnostics, diagnostics.diagnostic_to_proto, diagnostics.diagnostic_from_proto),
    "failure in an event": Kind(
        some.failures.map(lambda failure: replace(failure, retryable=False)),
        failures.failure_to_proto,
        failures.failure_from_proto,
    ),
    "failure in a document": Kind(
        some.failures.map(lambda failure: replace(failure, origin="s3://b/error.pb")),
        failures.failure_to_document,
        lambda message: failures.failure_from_document(message, "s3://b/error.pb"),
    ),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@settings(max_examples=30)
@given(data=st.data())
def test_what_is_written_is_read(kind: Kind, data: st.DataObject) -> None:
    value = data.draw(kind.drawn)
    message = kind.write(value)
    sent = serialise(message)
    read = kind.read(parse(type(message), sent))
    assert read == value
    assert serialise(kind.write(read)) == sent  # `==` takes True for 1; bytes don't


@pytest.mark.parametrize("name", ["literal map", "interface", "task", "workflow", "closure"])
@settings(max_examples=30)
@given(data=st.data())
def test_the_order_of_names_does_not_change_the_digest(name: str, data: st.DataObject) -> None:
    kind = KINDS[name]
    message = kind.write(data.draw(kind.drawn))
    again = kind.write(kind.read(parse(type(message), serialise(message))))
    assert digest_of(again) == digest_of(message)


@settings(max_examples=30)
@given(task=some.tasks, span=some.source_spans)
def test_the_place_of_a_definition_does_not_change_the_digest(task: Any, span: Any) -> None:
    moved = replace(task, span=span)
    assert digest_of(tasks.task_template_to_proto(moved)) == digest_of(tasks.task_template_to_proto(task))


@settings(max_examples=30)
@given(task=some.tasks)
def test_what_is_meant_changes_the_digest(task: Any) -> None:
    other = replace(task, type=task.type + "x")
    assert digest_of(tasks.task_template_to_proto(other)) != digest_of(tasks.task_template_to_proto(task))
