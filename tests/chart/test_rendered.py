"""What is rendered for sets of values: what both processes are told, who may reach them, what never changes."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from flytelike.cli.main import cli as flytelike
from propeller.app.cluster_resource_file import cluster_resources_from_file
from propeller.app.main import main as propeller
from propeller.app.pod_file import pods_from_file
from propeller.executors.pod import PodSettings
from propeller.kube.project_domain import ProjectDomain
from tests.chart.values import FULL, SETS, SMALLEST, TRIAL
from tests.services.helm import CHART, Document, Helm


def one(documents: list[Document], kind: str, ending: str) -> Document:
    (found,) = (it for it in documents if it["kind"] == kind and it["metadata"]["name"].endswith(ending))
    return found


def pods(documents: list[Document]) -> Iterator[tuple[str, Document]]:
    """Yield the pods of workloads with the names of these."""
    for found in documents:
        if found["kind"] in {"Deployment", "StatefulSet", "Job"}:
            yield found["metadata"]["name"], found["spec"]["template"]["spec"]


def containers(documents: list[Document]) -> Iterator[Document]:
    for _, pod in pods(documents):
        yield from pod["containers"]
        yield from pod.get("initContainers", ())


def env_of(documents: list[Document], ending: str) -> dict[str, Any]:
    (container,) = one(documents, "Deployment", ending)["spec"]["template"]["spec"]["containers"]
    return {it["name"]: it.get("value", it.get("valueFrom")) for it in container["env"]}


def command(words: list[str]) -> click.Command:
    """Return the command that a container runs."""
    found: click.Command = {"flytelike": flytelike, "propeller": propeller}[words[0]]
    for word in words[1:]:
        assert isinstance(found, click.Group)
        inner = found.get_command(click.Context(found), word)
        assert inner is not None, f"there is no command {words}"
        found = inner
    return found


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_what_processes_are_told_is_what_they_listen_to(helm: Helm, values: Document) -> None:
    """Each of our variables is that of an option of the very command that the container runs."""
    ours = [it for it in containers(helm.render(values)) if it.get("args", [""])[0] in {"flytelike", "propeller"}]
    assert len(ours) == 3
    for container in ours:
        known = {name for option in command(container["args"]).params for name in variables(option)}
        told = {it["name"] for it in container["env"] if it["name"].startswith(("FLYTELIKE_", "PROPELLER_"))}
        assert told <= known, container["args"]


def variables(option: click.Parameter) -> list[str]:
    found = option.envvar or ()
    return [found] if isinstance(found, str) else list(found)


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_every_container_says_what_it_needs_and_keeps_to_the_restricted_profile(helm: Helm, values: Document) -> None:
    documents = helm.render(values)
    for container in containers(documents):
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    for name, pod in pods(documents):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["enableServiceLinks"] is False
        calls = "serviceAccountName" in pod
        assert calls == name.endswith(("control-plane", "propeller")), "only these two call the API server"
        assert calls or pod["automountServiceAccountToken"] is False


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_every_mount_has_its_volume_and_every_volume_its_use(helm: Helm, values: Document) -> None:
    for found in helm.render(values):
        if found["kind"] not in {"Deployment", "StatefulSet", "Job"}:
            continue
        spec = found["spec"]["template"]["spec"]
        claims = {it["metadata"]["name"] for it in found["spec"].get("volumeClaimTemplates", ())}
        mounted = {
            mount["name"]
            for container in [*spec["containers"], *spec.get("initContainers", ())]
            for mount in container["volumeMounts"]
        }
        assert mounted == {it["name"] for it in spec["volumes"]} | claims


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_what_selects_finds_something(helm: Helm, values: Document) -> None:
    """Services, budgets, policies and monitors select pods or Services that are there."""
    documents = helm.render(values)
    pods_labels = [it["spec"]["template"]["metadata"]["labels"] for it in documents if "template" in it.get("spec", {})]
    services_labels = [it["metadata"]["labels"] for it in documents if it["kind"] == "Service"]
    for found in documents:
        match found["kind"]:
            case "Service":
                selectors, among = [found["spec"]["selector"]], pods_labels
            case "PodDisruptionBudget" | "Deployment" | "StatefulSet":
                selectors, among = [found["spec"]["selector"]["matchLabels"]], pods_labels
            case "NetworkPolicy":
                selectors, among = [found["spec"]["podSelector"]["matchLabels"]], pods_labels
            case "ServiceMonitor":
                selectors, among = [found["spec"]["selector"]["matchLabels"]], services_labels
            case _:
                continue
        for wanted in selectors:
            assert any(wanted.items() <= labels.items() for labels in among), found["metadata"]["name"]


def test_no_two_things_have_one_name(helm: Helm) -> None:
    documents = helm.render(FULL)
    names = [(it["kind"], it["metadata"].get("namespace"), it["metadata"]["name"]) for it in documents]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_the_same_values_give_the_same_objects(helm: Helm, values: Document) -> None:
    """Nothing is drawn at random: an upgrade without changes changes nothing."""
    assert helm.text(values) == helm.text(values)


def test_no_secret_is_written_but_the_trials(helm: Helm) -> None:
    for values in (SMALLEST, FULL):
        secrets = [it["metadata"]["name"] for it in helm.render(values) if it["kind"] == "Secret"]
        assert secrets == ["rel-flytelike-propeller"], "how pods are made"
    made = one(helm.render(TRIAL), "Secret", "-trial")["stringData"]
    words = [made[key] for key in ("database-password", "client-tokens", "propeller-tokens", "signing-key")]
    assert len(set(words)) == len(words)
    assert all(len(word) >= 32 for word in words)
    assert not any(TRIAL["trial"]["secret"] in text for text in made.values())


def test_a_digest_counts_before_the_tag(helm: Helm) -> None:
    images = {it["image"] for it in containers(helm.render(FULL))}
    assert images == {f"registry.example/flytelike@sha256:{'0' * 64}"}
    image = {"repository": "r/f", "tag": "x"}
    assert {it["image"] for it in containers(helm.render({**SMALLEST, "image": image}))} == {"r/f:x"}


def test_propeller_finds_the_control_plane(helm: Helm) -> None:
    documents = helm.render(SMALLEST, "here")
    address = env_of(documents, "propeller")["PROPELLER_CONTROL_PLANE"]
    service = one(documents, "Service", "control-plane-internal")
    ports = {it["name"]: it["port"] for it in service["spec"]["ports"]}
    assert address == f"dns:///{service['metadata']['name']}.here.svc:{ports['propeller']}"
    assert service["spec"]["clusterIP"] == "None", "all replicas are seen"


def test_certificates_are_for_all_ports_or_for_none(helm: Helm) -> None:
    plain, full = helm.render(SMALLEST), helm.render(FULL)
    for documents, wanted in ((plain, False), (full, True)):
        assert ("FLYTELIKE_TLS_CERT_FILE" in env_of(documents, "control-plane")) is wanted
        assert ("FLYTELIKE_CLIENT_CA_FILE" in env_of(documents, "control-plane")) is wanted
        assert ("PROPELLER_CONTROL_PLANE_CA_FILE" in env_of(documents, "propeller")) is wanted
        assert ("PROPELLER_TLS_CERT_FILE" in env_of(documents, "propeller")) is wanted
    assert env_of(full, "control-plane")["FLYTELIKE_PUBLIC_URL"] == "https://data.example.com"
    assert (
        env_of(plain, "control-plane")["FLYTELIKE_PUBLIC_URL"]
        == "http://rel-flytelike-control-plane.flytelike.svc:8088"
    )


def test_a_pod_is_given_the_time_that_it_takes_to_stop(helm: Helm) -> None:
    pod = one(helm.render(FULL), "Deployment", "control-plane")["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == 10 + 40 + 5


def test_tables_are_brought_up_to_date_before_anything_else(helm: Helm) -> None:
    job = one(helm.render(SMALLEST), "Job", "migrations")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert not [it for it in helm.render(TRIAL) if it["kind"] == "Job"], "there is no database yet"
    trial = one(helm.render(TRIAL), "Deployment", "control-plane")["spec"]["template"]["spec"]
    assert [it["args"] for it in trial["initContainers"]] == [["flytelike", "db", "upgrade"]]
    assert not [it for it in helm.render({**SMALLEST, "migrations": {"enabled": False}}) if it["kind"] == "Job"]


def test_only_who_must_reaches_operators_port(helm: Helm) -> None:
    policy = one(helm.render(SMALLEST), "NetworkPolicy", "control-plane")
    rules = {port["port"]: rule.get("from") for rule in policy["spec"]["ingress"] for port in rule["ports"]}
    assert rules.keys() == {"grpc", "http", "propeller", "monitoring"}
    (who,) = rules["propeller"]
    assert who["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "propeller"
    assert (rules["grpc"], rules["monitoring"]) == (None, None)
    closed = one(helm.render(FULL), "NetworkPolicy", "control-plane")["spec"]["ingress"]
    assert all(rule["from"] for rule in closed)


@pytest.mark.parametrize(
    ("switch", "kinds"),
    [
        ({"crds": {"enabled": False}}, {"CustomResourceDefinition"}),
        ({"rbac": {"create": False}}, {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"}),
        ({"networkPolicy": {"enabled": False}}, {"NetworkPolicy"}),
        (
            {
                "controlPlane": {"serviceAccount": {"create": False, "name": "a"}},
                "propeller": {"serviceAccount": {"create": False, "name": "b"}},
            },
            {"ServiceAccount"},
        ),
        ({"clusterResources": {"enabled": False}}, {"ConfigMap"}),
        (
            {
                "controlPlane": {"podDisruptionBudget": {"enabled": False}},
                "propeller": {"podDisruptionBudget": {"enabled": False}},
            },
            {"PodDisruptionBudget"},
        ),
    ],
    ids=["crds", "rbac", "network policies", "accounts", "cluster resources", "budgets"],
)
def test_what_is_turned_off_is_not_there(helm: Helm, switch: Document, kinds: set[str]) -> None:
    def found(values: Document) -> set[str]:
        return {it["kind"] for it in helm.render(values)} & kinds

    assert found(SMALLEST) == kinds
    assert found({**SMALLEST, **switch}) == set()


def test_a_given_account_is_used_and_bound(helm: Helm) -> None:
    account = {"create": False, "name": "theirs"}
    documents = helm.render({**SMALLEST, "propeller": {"serviceAccount": account}})
    assert one(documents, "Deployment", "propeller")["spec"]["template"]["spec"]["serviceAccountName"] == "theirs"
    bindings = [
        it for it in documents if it["kind"].endswith("RoleBinding") and it["metadata"]["name"].endswith("propeller")
    ]
    assert [it["subjects"][0]["name"] for it in bindings] == ["theirs", "theirs"]


def test_what_pods_are_made_by_can_be_read(helm: Helm, tmp_path: Path) -> None:
    for values in SETS.values():
        assert pod_settings(helm.render(values), tmp_path).namespace == "{project}-{domain}"


def pod_settings(documents: list[Document], folder: Path) -> PodSettings:
    """Return what propeller reads, with the files of its pod in a folder."""
    (folder / "ca.crt").write_text("-----BEGIN CERTIFICATE-----\n")
    text = one(documents, "Secret", "-propeller")["stringData"]["pods.yaml"]
    path = folder / "pods.yaml"
    path.write_text(text.replace("/etc/flytelike/authority", str(folder)), encoding="utf-8")
    return pods_from_file(path, "s3://bucket/logs").pods


def test_tasks_without_an_image_run_on_the_charts(helm: Helm, tmp_path: Path) -> None:
    def image(values: Document) -> str:
        return pod_settings(helm.render(values), tmp_path).own_image

    assert (
        image({**SMALLEST, "image": {"repository": "registry.example/ours", "tag": "7"}}) == "registry.example/ours:7"
    )
    assert image(FULL) == f"registry.example/flytelike@{FULL['image']['digest']}"
    assert image({**FULL, "propeller": {"pods": {"own_image": "other:1"}}}) == "other:1"


def test_a_runtime_class_is_that_of_all_pods(helm: Helm) -> None:
    def classes(values: Document) -> list[str | None]:
        return [pod.get("runtimeClassName") for _, pod in pods(helm.render(values))]

    assert set(classes(SMALLEST)) == {None}
    told = classes({**SMALLEST, **TRIAL, "runtimeClassName": "gvisor"})
    assert (len(told), set(told)) == (4, {"gvisor"})


EAGER = {"audience": "ours", "endpoint": "https://plane.example:443"}
PODS = {"namespace": "runs", "platform": "two"}


@pytest.mark.parametrize(
    ("values", "endpoint", "audience", "namespace"),
    [
        (SMALLEST, "rel-flytelike-control-plane.flytelike.svc:8089", "flytelike", "{project}-{domain}"),
        (FULL, "https://rel-flytelike-control-plane.flytelike.svc:8089", "flytelike", "{project}-{domain}"),
        (
            {**FULL, "eager": EAGER, "propeller": {"pods": PODS}},
            "https://plane.example:443",
            "ours",
            "runs",
        ),
    ],
    ids=["smallest", "full", "other"],
)
def test_eager_tasks_call_where_they_are_listened_to(
    helm: Helm, tmp_path: Path, values: Document, endpoint: str, audience: str, namespace: str
) -> None:
    """Both processes know the same of tokens and namespaces, and the port is that of the Service for clients."""
    documents = helm.render(values)
    calling = pod_settings(documents, tmp_path).calling
    assert calling is not None
    assert (calling.endpoint, calling.audience) == (endpoint, audience)
    assert (calling.ca_file is not None) == ("tls" in values)
    told = env_of(documents, "control-plane")
    assert (told["FLYTELIKE_PODS_TOKEN_AUDIENCE"], told["FLYTELIKE_PODS_NAMESPACE"]) == (audience, namespace)


def test_without_tokens_of_pods_nobody_knows_of_them(helm: Helm, tmp_path: Path) -> None:
    documents = helm.render({**SMALLEST, "eager": {"podTokens": False}})
    assert pod_settings(documents, tmp_path).calling is None
    assert env_of(documents, "control-plane")["FLYTELIKE_PODS_TOKEN_AUDIENCE"] == ""
    rules = one(documents, "ClusterRole", "control-plane")["rules"]
    assert not [rule for rule in rules if "tokenreviews" in rule["resources"]]


def test_where_clients_are_named_eager_tasks_get_in_too(helm: Helm) -> None:
    def who(values: Document) -> Document:
        rules = one(helm.render(values), "NetworkPolicy", "control-plane")["spec"]["ingress"]
        (found,) = (rule["from"][0] for rule in rules if rule["ports"] == [{"port": "grpc"}])
        return found

    assert who(FULL) == {
        "namespaceSelector": {"matchExpressions": [{"key": "flytelike.dev/project", "operator": "Exists"}]},
        "podSelector": {"matchLabels": {"flytelike.dev/platform": "flytelike"}},
    }
    assert who({**FULL, "propeller": {"pods": PODS}}) == {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "runs"}},
        "podSelector": {"matchLabels": {"flytelike.dev/platform": "two"}},
    }


def test_templates_of_namespaces_can_be_read_and_filled_in(helm: Helm, tmp_path: Path) -> None:
    more = {
        "extra.yaml": "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: '{{ project }}-more'}",
        "quota.yaml": "",
    }
    given = {"templates": more, "domains": {"production": {"projectQuotaCpu": 500}}, "archived": "remove"}
    documents = helm.render({**SMALLEST, "clusterResources": given})
    data = one(documents, "ConfigMap", "-cluster-resources")["data"]
    pod = one(documents, "Deployment", "propeller")["spec"]["template"]["spec"]
    (volume,) = (it["configMap"] for it in pod["volumes"] if it["name"] == "cluster-resources")
    for item in volume["items"]:
        path = tmp_path / item["path"]
        path.parent.mkdir(exist_ok=True)
        path.write_text(data[item["key"]], encoding="utf-8")
    assert {item["key"] for item in volume["items"]} == data.keys()
    settings = cluster_resources_from_file(tmp_path / "settings.yaml")
    assert settings.keep_archived is False
    place = ProjectDomain("flights-production", "flights", "production")
    assert settings.attributes(place)["projectQuotaCpu"] == "500"
    names = {wanted.at.name for wanted in settings.templates.rendered(place, settings.attributes(place))}
    assert names == {"default", "flights-more", "flytelike", "flytelike-viewers"}


def test_a_change_of_settings_starts_propeller_anew(helm: Helm) -> None:
    def note(values: Document) -> str:
        pod = one(helm.render(values), "Deployment", "propeller")["spec"]["template"]
        return str(pod["metadata"]["annotations"]["flytelike.dev/settings"])

    changed = [{"propeller": {"pods": {"grace_s": 5}}}, {"clusterResources": {"defaults": {"more": 1}}}]
    assert len({note(SMALLEST), *(note({**SMALLEST, **values}) for values in changed)}) == 3


def test_the_chart_has_the_version_of_the_project() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    project = (CHART.parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^version = "(.+)"', project, re.MULTILINE)
    assert found is not None
    assert chart["appVersion"] == found.group(1)


def test_only_what_belongs_there_is_packaged(helm: Helm, tmp_path: Path) -> None:
    helm.run("package", str(CHART), "--destination", str(tmp_path))
    (archive,) = tmp_path.glob("*.tgz")
    listed = subprocess.run(["tar", "tzf", archive], check=True, capture_output=True, text=True).stdout.split()
    tops = {name.split("/")[1] for name in listed}
    assert tops == {".helmignore", "Chart.yaml", "files", "templates", "values.schema.json", "values.yaml"}


def test_who_may_do_what_is_told_as_it_is_asked(helm: Helm) -> None:
    env = env_of(helm.render(FULL), "control-plane")
    assert env["FLYTELIKE_ADMIN"] == "group:platform user:ann"
    assert env["FLYTELIKE_OIDC_ISSUER"] == "https://login.example/realms/x"
    assert env["FLYTELIKE_OIDC_SCOPES"] == "openid email"
    assert not [name for name in env_of(helm.render(SMALLEST), "control-plane") if "OIDC" in name]
