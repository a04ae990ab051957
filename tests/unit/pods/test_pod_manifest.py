"""From an attempt to its pod."""

import json
from dataclasses import replace
from typing import Any

import pytest

from flytelike.codec.termination_message import USED_FILE
from flytelike.model.graph import Container, DataFiles, SecretRequest, TaskOverrides
from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.image import PLATFORM_IMAGE
from flytelike.model.labels import QUEUE_LABEL
from flytelike.model.literals import Literal, Primitive
from flytelike.model.policies import ResourceName, Resources
from flytelike.model.usage import AskedResources, ResourceAmounts
from flytelike_idl.core import security_pb2, tasks_pb2
from propeller.executors.pod.labels import key_of_pod
from propeller.executors.pod.manifest import namespace_of, pod_words
from propeller.executors.pod.resources import asked_of_pod
from propeller.executors.pod.settings import PodSettings, SecurityProfile
from propeller.ports import AttemptKey
from tests.unit.pods.builders import (
    CPU,
    GPU,
    KEY,
    MEMORY,
    asking,
    attempt,
    built,
    codes,
    pod_message,
    pod_task,
    primary_of,
    task_of,
    variables,
)

PLAIN = PodSettings(profile=SecurityProfile.PRIVILEGED, requests={}, grace_s=7)
ONE = {"containers": [{"name": "primary", "image": "image", "args": ["run"]}]}


def extended(gpu: dict[str, Any] | None = None, memory: dict[str, Any] | None = None) -> dict[str, bytes]:
    message = tasks_pb2.ExtendedResources()
    if gpu is not None:
        message.gpu_accelerator.CopyFrom(tasks_pb2.GPUAccelerator(**gpu))
    if memory is not None:
        message.shared_memory.CopyFrom(tasks_pb2.SharedMemory(**memory))
    return {"extended_resources": message.SerializeToString()}


def gpus(**options: Any) -> Any:
    task = asking({GPU: "1"})
    return replace(task, extra=extended(options))


def required(pod: dict[str, Any]) -> list[Any]:
    affinity = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    return [
        (one["key"], one["operator"], *one.get("values", ()))
        for term in affinity["nodeSelectorTerms"]
        for one in term["matchExpressions"]
    ]


def test_the_text_of_an_input_reaches_the_program_unchanged() -> None:
    """Kubernetes fills in `$(VARIABLE)`, which an author may use and a caller may not."""
    text = Literal(Primitive("$(_FSEC_DB_WORD) costs $$5"))
    task = task_of(container=Container("img", ("run",), ("{{.inputs.text}}", "$(HOME)")))
    container = primary_of(built(attempt(task), PLAIN, inputs={"text": text}))
    assert container["args"] == ["$$(_FSEC_DB_WORD) costs $$$$5", "$(HOME)"]


@pytest.mark.parametrize(
    ("priority", "name"), [(-1000, "low"), (-1, "low"), (0, None), (99, None), (100, "high"), (1000, "high")]
)
def test_a_priority_becomes_the_class_that_is_for_it(priority: int, name: str | None) -> None:
    settings = replace(PLAIN, priority_classes={"high": 100, "": 0, "low": -1000})
    assert built(attempt(priority=priority), settings)["spec"].get("priorityClassName") == name


def test_a_pods_own_priority_class_counts() -> None:
    own = {"priorityClassName": "mine", "containers": [{"name": "primary", "image": "i"}]}
    pod = built(attempt(pod_task(own)), replace(PLAIN, priority_classes={"all": -1000}))
    assert pod["spec"]["priorityClassName"] == "mine"


def test_a_plain_container_runs_between_what_carries_its_files() -> None:
    data = DataFiles("/in", "/out")
    task = task_of(container=Container("img", ("run",), ("/in/a",), Resources({MEMORY: "1Gi"}), data=data))
    pod = built(attempt(task), replace(PLAIN, own_image="ours:1", profile=SecurityProfile.RESTRICTED))
    before, (after,) = pod["spec"]["initContainers"], pod["spec"]["containers"]
    assert [one["name"] for one in (*before, after)] == ["flytelike-fetch", "primary", "flytelike-store"]
    assert [one["image"] for one in (*before, after)] == ["ours:1", "img", "ours:1"]
    folders = [[mount["mountPath"] for mount in one["volumeMounts"]] for one in (*before, after)]
    assert folders == [["/in"], ["/in", "/out"], ["/out"]]
    assert (before[1]["command"], before[1]["args"]) == (["run"], ["/in/a"])
    assert before[1]["resources"]["limits"] == {"memory": "1Gi"}
    assert after["command"][:4] == ["flytelike-carry", "store", "--task", "s3://data/e1/n0/data/0/task.pb"]
    assert all(one["securityContext"]["capabilities"] == {"drop": ["ALL"]} for one in (*before, after))


def test_who_names_no_image_runs_on_the_platforms() -> None:
    """In specs a name stands for it, so that they are the same on every platform."""
    ours = replace(PLAIN, own_image="registry.example/ours:1")
    unnamed = task_of(container=Container(PLATFORM_IMAGE, ("run",)))
    assert primary_of(built(attempt(unnamed), ours))["image"] == "registry.example/ours:1"
    named = task_of(container=Container("img", ("run",)))
    assert primary_of(built(attempt(named), ours))["image"] == "img"
    back = attempt(named, overrides=TaskOverrides(container_image=PLATFORM_IMAGE))
    assert primary_of(built(back, ours))["image"] == "registry.example/ours:1"
    one = {"name": "primary", "image": PLATFORM_IMAGE}
    pod = built(attempt(pod_task({"initContainers": [{**one, "name": "before"}], "containers": [one]})), ours)
    assert [it["image"] for it in (*pod["spec"]["initContainers"], primary_of(pod))] == ["registry.example/ours:1"] * 2


def test_a_container_becomes_a_pod_that_is_never_restarted() -> None:
    pod = built(attempt(task_of(container=Container("img", ("run",), ("{{.input}}", "{{.inputs.n}}")))), PLAIN,
                inputs={"n": Literal(Primitive(5))})  # fmt: skip
    container = primary_of(pod)
    assert (container["image"], container["command"]) == ("img", ["run"])
    assert container["args"] == ["s3://data/e1/n0/data/inputs.pb", "5"]
    assert pod["spec"]["restartPolicy"] == "Never"
    assert pod["spec"]["terminationGracePeriodSeconds"] == 7
    assert pod["metadata"]["namespace"] == "flights-development"
    assert "resources" not in container


@pytest.mark.parametrize(
    ("words", "file"), [(("flytelike-execute", "x"), "/dev/termination-log"), (("sh", "-c", "true"), None)]
)
def test_only_our_own_program_is_told_where_a_containers_last_message_goes(
    words: tuple[str, ...], file: str | None
) -> None:
    task = task_of(container=Container("img", args=words))
    assert variables(primary_of(built(attempt(task), PLAIN))).get(USED_FILE) == file


def test_a_container_that_keeps_its_message_elsewhere_is_told_so() -> None:
    own = {"name": "primary", "image": "i", "args": ["flytelike-execute"], "terminationMessagePath": "/tmp/said"}
    pod = built(attempt(pod_task({"containers": [own]})), PLAIN)
    assert variables(primary_of(pod))[USED_FILE] == "/tmp/said"


def test_what_a_pod_asks_for_is_read_as_the_cluster_has_it() -> None:
    task = task_of(container=Container("img", ("run",), resources=Resources({MEMORY: "1Gi"}, {CPU: "2"})))
    pod = built(attempt(task), PLAIN)
    asked = AskedResources(ResourceAmounts(2000, 1 << 30), ResourceAmounts(2000, 1 << 30))
    assert asked_of_pod(pod, "nvidia.com/gpu") == asked
    primary_of(pod)["resources"]["limits"]["nvidia.com/gpu"] = "2"
    found = asked_of_pod(pod, "nvidia.com/gpu")
    assert found is not None
    assert found.limits.gpus == found.requests.gpus == 2
    assert asked_of_pod(built(attempt(task_of(container=Container("img", ("run",)))), PLAIN), "") is None
    assert asked_of_pod(None, "") is None


def test_variables_of_the_platform_the_contract_the_task_and_the_execution() -> None:
    task = task_of(container=Container("img", args=("run",), env={"A": "task", "B": "task"}))
    settings = replace(PLAIN, env={"A": "platform", "C": "platform"})
    env = variables(primary_of(built(attempt(task, env={"B": "execution"}), settings)))
    assert (env["A"], env["B"], env["C"]) == ("task", "execution", "platform")
    assert env["FLYTE_INTERNAL_EXECUTION_ID"] == "e1"
    assert env["FLYTE_ATTEMPT_NUMBER"] == "0"


def test_a_whole_pod_keeps_what_its_author_says_and_numbers_are_whole() -> None:
    spec = {
        "containers": [
            {"name": "side", "image": "s", "ports": [{"containerPort": 8080}]},
            {"name": "main", "image": "m", "args": ["{{.outputPrefix}}"]},
        ],
        "initContainers": [{"name": "proxy", "image": "p", "restartPolicy": "Always"}],
        "hostname": "h",
    }
    pod = built(attempt(pod_task(spec, "main", team="ml")), PLAIN)
    assert primary_of(pod)["args"] == ["s3://data/e1/n0/data/0"]
    assert json.dumps(pod["spec"]["containers"][0]["ports"]) == '[{"containerPort": 8080}]'
    assert pod["spec"]["initContainers"][0]["restartPolicy"] == "Always"
    assert pod["metadata"]["labels"]["team"] == "ml"
    assert pod["spec"]["hostname"] == "h"


def test_the_words_of_all_containers_are_those_that_may_show_inputs() -> None:
    spec = {"containers": [{"name": "a", "args": ["x"]}, {"name": "primary", "command": ["{{.inputs.n}}"]}]}
    assert pod_words(attempt(pod_task(spec))) == ("x", "{{.inputs.n}}")


@pytest.mark.parametrize("primary", ["", "only"])
def test_the_only_container_is_the_primary_one(primary: str) -> None:
    assert primary_of(built(pod_task({"containers": [{"name": "only", "image": "i"}]}, primary), PLAIN))


def test_a_nodes_own_word_counts() -> None:
    over = pod_message({"containers": [{"name": "x", "tty": True}], "nodeSelector": {"zone": "b"}}, "x")
    overrides = TaskOverrides(Resources({CPU: "2"}), "other:2", (("pod_template", over),))
    pod = built(attempt(pod_task(ONE), overrides=overrides), PLAIN)
    container = primary_of(pod)
    assert (container["image"], container["tty"]) == ("other:2", True)
    assert container["resources"]["requests"] == {"cpu": "2"}
    assert pod["spec"]["nodeSelector"] == {"zone": "b"}


def test_the_templates_lie_below_the_task() -> None:
    settings = replace(
        PLAIN,
        template={"spec": {"nodeSelector": {"zone": "a"}, "priorityClassName": "low", "dnsPolicy": "None"}},
        interruptible={"spec": {"tolerations": [{"key": "spot"}]}},
        uninterruptible={"spec": {"nodeSelector": {"lasting": "yes"}}},
        by_resource={"nvidia.com/gpu": {"spec": {"tolerations": [{"key": "gpu"}]}}},
    )
    named = {"spec": {"priorityClassName": "high"}}
    task = pod_task({**ONE, "dnsPolicy": "Default"})
    spec = built(attempt(task, interruptible=True), settings, template=named)["spec"]
    assert (spec["nodeSelector"], spec["priorityClassName"], spec["dnsPolicy"]) == ({"zone": "a"}, "high", "Default")
    assert spec["tolerations"] == [{"key": "spot"}]
    spec = built(asking({GPU: "1"}), settings)["spec"]
    assert spec["nodeSelector"] == {"zone": "a", "lasting": "yes"}
    assert spec["tolerations"] == [{"key": "gpu"}]


@pytest.mark.parametrize(
    ("asked", "limits", "result"),
    [
        ({}, {}, ({"cpu": "500m", "memory": "1Gi"}, {"cpu": "500m", "memory": "4Gi"})),
        ({MEMORY: "2Gi"}, {}, ({"cpu": "500m", "memory": "2Gi"}, {"cpu": "500m", "memory": "2Gi"})),
        ({}, {MEMORY: "2Gi"}, ({"cpu": "500m", "memory": "2Gi"}, {"cpu": "500m", "memory": "2Gi"})),
        ({MEMORY: "9Gi"}, {}, ({"cpu": "500m", "memory": "8Gi"}, {"cpu": "500m", "memory": "8Gi"})),
        ({MEMORY: "1Gi"}, {MEMORY: "9Gi"}, ({"cpu": "500m", "memory": "1Gi"}, {"cpu": "500m", "memory": "8Gi"})),
        (
            {GPU: "1", CPU: "1", MEMORY: "1Gi"},
            {},
            (
                {"cpu": "1", "memory": "1Gi", "nvidia.com/gpu": "1"},
                {"cpu": "1", "memory": "1Gi", "nvidia.com/gpu": "1"},
            ),
        ),
    ],
    ids=["defaults", "request", "limit", "capped", "capped-limit", "gpu"],
)
def test_resources_are_cast_as_flyte_does(asked: Any, limits: Any, result: tuple[Any, Any]) -> None:
    settings = PodSettings(
        requests={CPU: "500m", MEMORY: "1Gi"}, limits={MEMORY: "4Gi"}, most={MEMORY: "8Gi", CPU: "4"}
    )
    found = primary_of(built(asking(asked, limits), settings))["resources"]
    assert (found["requests"], found["limits"]) == result


def test_scratch_disk_is_asked_for() -> None:
    found = primary_of(built(asking({ResourceName.EPHEMERAL_STORAGE: "1Gi"}), PLAIN))["resources"]
    assert found["limits"] == {"ephemeral-storage": "1Gi"}


@pytest.mark.parametrize(
    ("wanted", "terms"),
    [
        ({"device": "nvidia-l4"}, [("k8s.amazonaws.com/accelerator", "In", "nvidia-l4")]),
        (
            {"device": "nvidia-tesla-a100", "partition_size": "1g.5gb"},
            [
                ("k8s.amazonaws.com/accelerator", "In", "nvidia-tesla-a100"),
                ("k8s.amazonaws.com/gpu-partition-size", "In", "1g.5gb"),
            ],
        ),
        (
            {"device": "nvidia-tesla-a100", "unpartitioned": True},
            [
                ("k8s.amazonaws.com/accelerator", "In", "nvidia-tesla-a100"),
                ("k8s.amazonaws.com/gpu-partition-size", "DoesNotExist"),
            ],
        ),
    ],
    ids=["device", "part", "whole"],
)
def test_a_gpu_of_a_kind_needs_its_nodes_and_stands_their_taints(wanted: Any, terms: list[Any]) -> None:
    pod = built(gpus(**wanted), PLAIN)
    assert required(pod) == terms
    assert [(one["key"], one["value"]) for one in pod["spec"]["tolerations"]] == [
        (key, *values) for key, operator, *values in terms if operator == "In"
    ]


def test_a_gpu_of_a_kind_means_nothing_without_gpus() -> None:
    assert "affinity" not in built(replace(asking({CPU: "1"}), extra=extended({"device": "l4"})), PLAIN)["spec"]


def test_shared_memory_is_a_file_system_in_memory() -> None:
    pod = built(task_of(extra=extended(memory={"size_limit": "2Gi"})), PLAIN)
    assert pod["spec"]["volumes"] == [
        {"name": "flyte-shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}}
    ]
    assert primary_of(pod)["volumeMounts"] == [{"name": "flyte-shared-memory", "mountPath": "/dev/shm"}]


def test_secrets_are_given_by_reference() -> None:
    secrets = (
        SecretRequest("db", "Password", env_var="PGPASSWORD"),
        SecretRequest("", "token"),
        SecretRequest("certs", "Key", mount_as_file=True, env_var="KEY_FILE"),
    )
    pod = built(task_of(secrets=secrets), PLAIN)
    env = variables(primary_of(pod))
    reference = {"secretKeyRef": {"name": "db", "key": "Password"}}
    assert env["_FSEC_DB_PASSWORD"] == env["PGPASSWORD"] == reference
    assert env["_FSEC_TOKEN"] == {"secretKeyRef": {"name": "flytelike", "key": "token"}}
    assert env["KEY_FILE"] == "/etc/flyte/secrets/certs/key"
    assert env["FLYTE_SECRETS_DEFAULT_DIR"] == "/etc/flyte/secrets"
    (source,) = pod["spec"]["volumes"][0]["projected"]["sources"]
    assert source["secret"]["items"] == [{"key": "Key", "path": "certs/key", "mode": 0o440}]


def test_the_restricted_profile_is_kept_to_without_being_asked() -> None:
    pod = built(task_of(), PodSettings(run_as_user=1000))
    assert pod["spec"]["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
        "runAsUser": 1000,
        "fsGroup": 1000,
    }
    assert primary_of(pod)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize(
    "spec",
    [
        {"hostNetwork": True},
        {"hostPID": True},
        {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]},
        {"securityContext": {"runAsUser": 0}},
        {"securityContext": {"runAsNonRoot": False}},
        {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
        {"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}},
        {"containers": [{"name": "primary", "image": "i", "securityContext": {"privileged": True}}]},
        {"containers": [{"name": "primary", "image": "i", "securityContext": {"allowPrivilegeEscalation": True}}]},
        {"containers": [{"name": "primary", "image": "i", "securityContext": {"capabilities": {"add": ["NET_RAW"]}}}]},
        {"containers": [{"name": "primary", "image": "i", "ports": [{"containerPort": 1, "hostPort": 1}]}]},
    ],
    ids=lambda spec: json.dumps(spec)[:60],
)
def test_what_breaks_the_restricted_profile_is_refused_unless_the_platform_allows_it(spec: Any) -> None:
    task = pod_task({**ONE, **spec})
    assert codes(task) == ["forbidden-pod-field"]
    assert codes(task, PLAIN) == []


@pytest.mark.parametrize(
    ("task", "code"),
    [
        (task_of(container=None), "missing-command"),
        (task_of(extra={"k8s_pod": b"\xff\xff"}), "invalid-pod-template"),
        (task_of(container=Container("i", args=("run",), data=DataFiles("in", "/out"))), "invalid-pod-template"),
        (task_of(container=Container("i", args=("run",), data=DataFiles("/data", "/data/"))), "invalid-pod-template"),
        (pod_task({"containers": "x"}), "invalid-pod-template"),
        (pod_task({"containers": [{"name": "Bad Name"}]}, "Bad Name"), "invalid-pod-template"),
        (pod_task({"containers": [{"name": "a"}, {"name": "a"}]}, "a"), "invalid-pod-template"),
        (pod_task(ONE, "other"), "missing-primary-container"),
        (pod_task({"containers": []}, ""), "missing-primary-container"),
        (task_of(container=Container("i", args=("{{.surprise}}",))), "unknown-template-variable"),
        (task_of(container=Container("i", args=("a\0b",))), "invalid-pod-template"),
        (asking({CPU: "two"}), "invalid-quantity"),
        (task_of(secrets=(SecretRequest("My Group", "k"),)), "invalid-secret-reference"),
        (task_of(container=Container("i", args=("x" * 300_000,))), "pod-too-large"),
        (pod_task(ONE, **{"bad label": "x"}), "invalid-label"),
        (
            replace(
                pod_task({**ONE, "volumes": [{"name": "flyte-shared-memory", "emptyDir": {}}]}),
                extra={**pod_task({**ONE, "volumes": [{"name": "v", "emptyDir": {}}]}).extra,
                       **extended(memory={"mount_name": "v"})},
            ),
            "conflicting-shared-memory",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_wrong_with_a_pod_has_a_code(task: Any, code: str) -> None:
    assert codes(task) == [code]


def test_all_that_is_wrong_is_told_at_once() -> None:
    spec = {
        "hostNetwork": True,
        "containers": [
            {"name": "primary", "image": "i", "args": ["{{.what}}"], "resources": {"limits": {"cpu": "much"}}}
        ],
    }
    assert codes(pod_task(spec)) == ["unknown-template-variable", "invalid-quantity", "forbidden-pod-field"]


def test_a_pod_tells_whose_it_is() -> None:
    key = AttemptKey(ExecutionId("p" * 70, "d", "e"), NodePath("n0.0.n1"), 3)
    pod = built(attempt(key=key, labels={"team": "Ürsula & co"}))
    assert key_of_pod(pod) == key
    labels = pod["metadata"]["labels"]
    assert labels["flytelike.dev/node"] == "n0.0.n1"
    assert len(labels["flytelike.dev/project"]) == 63
    assert labels["team"].startswith("rsula-co-")
    assert key_of_pod({"metadata": {}}) is None


def test_the_platforms_own_labels_cannot_be_overwritten() -> None:
    pod = built(attempt(labels={"flytelike.dev/execution": "other"}))
    assert pod["metadata"]["labels"]["flytelike.dev/execution"] == "e1"


def test_owner_namespace_and_deadline() -> None:
    owner = {"kind": "FlyteWorkflow", "name": "e1", "uid": "u"}
    pod = built(attempt(deadline_ns=1_500_000_000), PodSettings(start_allowance_s=100), owner=owner)
    assert pod["metadata"]["ownerReferences"] == [owner]
    assert pod["spec"]["activeDeadlineSeconds"] == 102
    assert "activeDeadlineSeconds" not in built(attempt())["spec"]
    assert namespace_of(KEY, PodSettings(namespace="runs")) == "runs"


def test_the_service_account_of_the_task_counts() -> None:
    context = security_pb2.SecurityContext(run_as=security_pb2.Identity(k8s_service_account="trainer"))
    task = task_of(extra={"security_context": context.SerializeToString()})
    assert built(task, PodSettings(service_account="all"))["spec"]["serviceAccountName"] == "trainer"
    assert built(task_of(), PodSettings(service_account="all"))["spec"]["serviceAccountName"] == "all"


@pytest.mark.parametrize(
    ("queue", "label"), [("", None), ("{project}-{domain}", "flights-development"), ("all", "all")]
)
def test_pods_are_handed_to_a_queue_of_kueue_s(queue: str, label: str | None) -> None:
    labels = built(attempt(), PodSettings(kueue_queue=queue))["metadata"]["labels"]
    assert labels.get("kueue.x-k8s.io/queue-name") == label


@pytest.mark.parametrize("general", ["", "all"])
def test_an_execution_s_own_queue_goes_before_the_general_one(general: str) -> None:
    asked = replace(attempt(), labels={QUEUE_LABEL: "fast"})
    labels = built(asked, PodSettings(kueue_queue=general))["metadata"]["labels"]
    assert labels["kueue.x-k8s.io/queue-name"] == "fast"
