"""Installed by rendering and applying: what the chart brings is there, and an upgrade from the last version works."""

from pathlib import Path

import pytest
import yaml

from tests.chart.values import FULL, SMALLEST, TRIAL
from tests.kube.control_plane import ControlPlane
from tests.services.helm import Document, Helm

EARLIER = Path(__file__).parent / "earlier/rendered-0.1.0.yaml"
"""What the first version renders of the smallest values, in the namespace `flytelike`."""

PART_OF = "app.kubernetes.io/part-of=flytelike"


def apply(plane: ControlPlane, documents: list[Document]) -> None:
    """Do as Helm does: make what is not there, change what is."""
    plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=yaml.safe_dump_all(documents))


def without_hooks(documents: list[Document]) -> list[Document]:
    return [it for it in documents if "helm.sh/hook" not in (it["metadata"].get("annotations") or {})]


def names(text: str) -> set[str]:
    return set(text.split())


@pytest.mark.parametrize("values", [SMALLEST, TRIAL], ids=["smallest", "trial"])
def test_what_is_applied_is_there(helm: Helm, api_server: ControlPlane, namespace: str, values: Document) -> None:
    documents = without_hooks(helm.render(values, namespace))
    apply(api_server, documents)
    made = api_server.kubectl(
        "get", "-n", namespace, "-l", PART_OF, "-o", "name",
        "deployment,service,serviceaccount,role,rolebinding,poddisruptionbudget,networkpolicy,secret,configmap,statefulset",
    )  # fmt: skip
    inside = [it for it in documents if it["metadata"].get("namespace") == namespace]
    assert {name.rpartition("/")[2] for name in names(made)} == {it["metadata"]["name"] for it in inside}
    assert len(names(made)) == len(inside)


def test_two_releases_do_not_meet(helm: Helm, api_server: ControlPlane, namespace: str) -> None:
    """Roles of the cluster are named by the release's namespace, so that nothing of another one is changed."""
    mine = {it["metadata"]["name"] for it in helm.render(SMALLEST, namespace) if it["kind"].startswith("ClusterRole")}
    theirs = {it["metadata"]["name"] for it in helm.render(SMALLEST, "other") if it["kind"].startswith("ClusterRole")}
    assert mine
    assert not mine & theirs


def test_an_upgrade_from_the_first_version_changes_nothing_that_cannot_be_changed(
    helm: Helm, api_server: ControlPlane, namespace: str
) -> None:
    """Selectors of Deployments and StatefulSets, a Service's address: the API server would refuse."""
    earlier = EARLIER.read_text(encoding="utf-8").replace("namespace: flytelike", f"namespace: {namespace}")
    old = without_hooks([it for it in yaml.safe_load_all(earlier) if it])
    new = without_hooks(helm.render(SMALLEST, namespace))
    apply(api_server, old)
    apply(api_server, new)
    apply(api_server, without_hooks(helm.render({**FULL, "serviceMonitor": {"enabled": False}}, namespace)))
    kept = {(it["kind"], it["metadata"]["name"]) for it in old if it["kind"] != "ClusterRole"}
    there = {(it["kind"], it["metadata"]["name"]) for it in new}
    assert {it for it in kept - there if it[0] in {"Deployment", "Service", "ServiceAccount"}} == set()


def test_the_trial_can_be_upgraded(helm: Helm, api_server: ControlPlane, namespace: str) -> None:
    apply(api_server, without_hooks(helm.render(TRIAL, namespace)))
    more = {**TRIAL, "propeller": {"replicas": 3}, "image": {"tag": "next"}}
    apply(api_server, without_hooks(helm.render(more, namespace)))
    image = api_server.kubectl(
        "get", "deployment", "rel-flytelike-propeller", "-n", namespace, "-o", "jsonpath={..containers[0].image}"
    )
    assert image == "flytelike:next"
