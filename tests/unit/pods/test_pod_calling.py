"""What pods of eager tasks get so that they can call the control plane: nothing that anybody has to set up."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flytelike.model.graph import Container
from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.policies import ReusePolicy, TaskMetadata
from propeller.executors.pod.names import attempt_in_name, pod_name
from propeller.executors.pod.reuse import can_share
from propeller.executors.pod.settings import Calling, PodSettings
from propeller.ports import AttemptKey, AttemptSpec
from tests.unit.pods.builders import attempt, built, codes, pod_task, primary_of, task_of, variables

EAGER = TaskMetadata(is_eager=True)
CALLING = Calling("https://plane.flytelike.svc:8089", ca_file=Path("ca.crt"))
SETTINGS = PodSettings(calling=CALLING)
AUTHORITY = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
OURS = ("FLYTELIKE_ENDPOINT", "FLYTELIKE_TOKEN_FILE", "FLYTELIKE_CA_FILE")
TOKEN = {"serviceAccountToken": {"audience": "flytelike", "expirationSeconds": 600, "path": "token"}}


def eager(**env: str) -> AttemptSpec:
    container = Container("registry.example/image:1", args=("flytelike-execute",), env=env)
    return attempt(replace(task_of(container=container), metadata=EAGER))


def sources(pod: dict[str, Any]) -> list[Any]:
    return [one for volume in pod["spec"].get("volumes", ()) for one in volume.get("projected", {}).get("sources", ())]


def test_an_eager_task_finds_address_token_and_authority() -> None:
    pod = built(eager(), SETTINGS, authority=AUTHORITY)
    container = primary_of(pod)
    told = variables(container)
    assert [told[name] for name in OURS] == [
        "https://plane.flytelike.svc:8089",
        "/var/run/secrets/flytelike/token",
        "/var/run/secrets/flytelike/ca.crt",
    ]
    (mount,) = container["volumeMounts"]
    (volume,) = pod["spec"]["volumes"]
    assert (mount["name"], mount["mountPath"], mount["readOnly"]) == (
        volume["name"],
        "/var/run/secrets/flytelike",
        True,
    )
    token, authority = sources(pod)
    assert token == TOKEN
    (item,) = authority["downwardAPI"]["items"]
    name = item["fieldRef"]["fieldPath"].removeprefix("metadata.annotations['").removesuffix("']")
    assert (item["path"], pod["metadata"]["annotations"][name]) == ("ca.crt", AUTHORITY)


def test_without_an_authority_of_its_own_the_image_knows_whom_to_trust() -> None:
    pod = built(eager(), SETTINGS)
    assert "FLYTELIKE_CA_FILE" not in variables(primary_of(pod))
    assert sources(pod) == [TOKEN]


def test_others_get_nothing_of_it() -> None:
    assert built(attempt(), SETTINGS) == built(attempt(), PodSettings())
    assert not set(OURS) & variables(primary_of(built(eager(), PodSettings()))).keys()


@pytest.mark.parametrize("name", ["FLYTELIKE_TOKEN", "FLYTELIKE_TOKEN_FILE"])
@pytest.mark.parametrize("by", ["task", "platform", "template", "named"])
def test_who_brings_a_token_uses_that_one(name: str, by: str) -> None:
    spec, settings, template = eager(), SETTINGS, {}
    laid = {"spec": {"containers": [{"name": "primary", "env": [{"name": name, "value": "own"}]}]}}
    if by == "task":
        spec = eager(**{name: "own"})
    elif by == "platform":
        settings = replace(SETTINGS, env={name: "own"})
    elif by == "template":
        settings = replace(SETTINGS, template=laid)
    else:
        template = laid
    pod = built(spec, settings, template=template)
    told = variables(primary_of(pod))
    assert {known: told.get(known) for known in ("FLYTELIKE_TOKEN", "FLYTELIKE_TOKEN_FILE")} == {
        "FLYTELIKE_TOKEN": None,
        "FLYTELIKE_TOKEN_FILE": None,
        name: "own",
    }
    assert told["FLYTELIKE_ENDPOINT"] == CALLING.endpoint
    assert sources(pod) == []


def test_addresses_that_are_given_count() -> None:
    told = variables(
        primary_of(built(eager(FLYTELIKE_ENDPOINT="own:1", FLYTELIKE_CA_FILE="/own"), SETTINGS, authority=AUTHORITY))
    )
    assert [told[name] for name in OURS] == ["own:1", "/var/run/secrets/flytelike/token", "/own"]


def test_only_the_container_that_does_the_work_gets_the_token() -> None:
    containers = [{"name": "primary", "image": "i", "args": ["run"]}, {"name": "beside", "image": "i"}]
    task = replace(pod_task({"containers": containers}), metadata=EAGER)
    pod = built(attempt(task), SETTINGS)
    (beside,) = (one for one in pod["spec"]["containers"] if one["name"] == "beside")
    assert "volumeMounts" not in beside
    assert "FLYTELIKE_TOKEN_FILE" not in variables(beside)
    assert variables(primary_of(pod))["FLYTELIKE_TOKEN_FILE"]


def test_it_is_within_the_restricted_profile() -> None:
    assert codes(eager(), SETTINGS) == []


def test_a_pod_that_many_attempts_share_is_none_for_eager_tasks() -> None:
    """By its pod it is known which attempt calls."""
    kept = TaskMetadata(reuse=ReusePolicy(2, 30_000_000_000))
    assert can_share(attempt(replace(task_of(), metadata=kept)))
    assert not can_share(attempt(replace(task_of(), metadata=replace(kept, is_eager=True))))


@pytest.mark.parametrize("number", [0, 7, 12, 254])
@pytest.mark.parametrize("path", ["n0", "n0.0.n1", "a-" * 60])
def test_a_pods_name_tells_the_attempt(number: int, path: str) -> None:
    key = AttemptKey(ExecutionId("p", "d", "e1"), NodePath(path), number)
    assert attempt_in_name(pod_name(key)) == number


@pytest.mark.parametrize(
    "name", ["", "stranger", "e1-n0-0", "e1-n0-01-0123456789", "e1-n0-x-0123456789", "e1-n0--1-0123"]
)
def test_other_names_tell_none(name: str) -> None:
    assert attempt_in_name(name) is None
