"""Nodes of every kind that the stock SDK sends are read whole, and compile.

The golden data are recorded by `record_stock_nodes.py`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message

from flytelike.codec.digest import digest_of
from flytelike.codec.launch_plans import launch_plan_from_proto
from flytelike.codec.tasks import task_template_from_proto
from flytelike.codec.workflows import workflow_template_from_proto, workflow_template_to_proto
from flytelike.compiler import check
from flytelike.model.diagnostic import Severity
from flytelike.model.graph import Entity, WorkflowTemplate
from flytelike.model.ids import Identifier, ResourceKind
from flytelike_idl.admin import launch_plan_pb2
from flytelike_idl.core import tasks_pb2, workflow_pb2

GOLDEN: Mapping[str, Any] = json.loads(
    (Path(__file__).parent / "golden" / "stock_nodes.json").read_text(encoding="utf-8")
)


def name_of(sent: Mapping[str, Any]) -> str:
    return str(sent["id"]["name"]).rpartition(".")[2]


SENT = {name_of(sent): sent for sent in GOLDEN["workflows"]}


def read(sent: Mapping[str, Any]) -> WorkflowTemplate:
    return workflow_template_from_proto(ParseDict(sent, workflow_pb2.WorkflowTemplate()))


def without_empty(found: Any) -> Any:
    """Leave out what is sent though it is empty (`retries`, `overrides`): it says nothing."""
    if isinstance(found, dict):
        cleaned = {key: without_empty(item) for key, item in found.items()}
        return {key: item for key, item in cleaned.items() if item not in ({}, [], None)}
    return [without_empty(item) for item in found] if isinstance(found, list) else found


def entities() -> list[Entity]:
    """Return all that was sent."""

    def parsed(kind: type[Message], sent: Mapping[str, Any]) -> Any:
        return ParseDict(sent, kind())

    plan = Identifier(ResourceKind.LAUNCH_PLAN, "flights", "development", "inner_lp", "v1")
    return [
        *(task_template_from_proto(parsed(tasks_pb2.TaskTemplate, sent)) for sent in GOLDEN["tasks"]),
        *(read(sent) for sent in GOLDEN["workflows"]),
        *(
            launch_plan_from_proto(plan, parsed(launch_plan_pb2.LaunchPlanSpec, sent["spec"]))
            for sent in GOLDEN["launchPlans"]
            if sent["id"]["name"] == plan.name
        ),
    ]


@pytest.mark.parametrize("name", SENT)
def test_nothing_of_what_was_sent_is_lost(name: str) -> None:
    written = MessageToDict(workflow_template_to_proto(read(SENT[name])))
    # Empty messages that mean something.
    for text in ('"none_type": {}', '"noneType": {}'):
        assert json.dumps(written).count(text) == json.dumps(SENT[name]).count(text)
    assert without_empty(written) == without_empty(SENT[name])


@pytest.mark.parametrize("name", SENT)
def test_what_is_read_again_has_the_same_digest(name: str) -> None:
    once = workflow_template_to_proto(read(SENT[name]))
    again = workflow_template_to_proto(workflow_template_from_proto(once))
    assert digest_of(again) == digest_of(once)


def test_nothing_is_wrong_with_them() -> None:
    assert [found for found in check(entities(), {}) if found.severity is Severity.ERROR] == []
