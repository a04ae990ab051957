"""What the chart renders, judged by a real API server under the restricted Pod Security Standard."""

from collections.abc import Iterator

import pytest
import yaml

from tests.chart.values import SETS
from tests.kube.control_plane import ControlPlane, KubectlFailed
from tests.services.helm import Document, Helm

OF_OTHERS = """
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: gvisor}
handler: runsc
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: servicemonitors.monitoring.coreos.com}
spec:
  group: monitoring.coreos.com
  scope: Namespaced
  names: {kind: ServiceMonitor, plural: servicemonitors, singular: servicemonitor, listKind: ServiceMonitorList}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
"""What the values name of others: a runtime, and objects of Prometheus' operator, as far as that these are known."""

WARNED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}


@pytest.fixture
def restricted(api_server: ControlPlane, namespace: str) -> str:
    """A namespace that takes pods of the restricted profile alone, and warns of what makes others."""
    labels = [f"{name}={value}" for name, value in WARNED.items()]
    api_server.kubectl("label", "namespace", namespace, *labels)
    api_server.kubectl("apply", "--server-side", "-f", "-", stdin=OF_OTHERS)
    api_server.kubectl(
        "wait", "--for=condition=Established", "--timeout=60s", "crd/servicemonitors.monitoring.coreos.com"
    )
    return namespace


def pods(documents: list[Document], namespace: str) -> Iterator[Document]:
    """Yield the pods that workloads would make."""
    for found in documents:
        template = found.get("spec", {}).get("template")
        if template is not None:
            metadata = {**template["metadata"], "name": found["metadata"]["name"], "namespace": namespace}
            yield {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_the_api_server_takes_all_without_a_warning(
    helm: Helm, api_server: ControlPlane, restricted: str, values: Document
) -> None:
    documents = helm.render(values, restricted)
    dry = ["--warnings-as-errors", "--dry-run=server", "--validate=strict"]
    api_server.kubectl("apply", "--server-side", *dry, "-f", "-", stdin=yaml.safe_dump_all(documents))
    made = list(pods(documents, restricted))
    assert made
    api_server.kubectl("create", *dry, "-f", "-", stdin=yaml.safe_dump_all(made))


def test_what_is_not_restricted_would_be_seen(helm: Helm, api_server: ControlPlane, restricted: str) -> None:
    """The test above can fail."""
    documents = helm.render(SETS["smallest"], restricted)
    for found in pods(documents, restricted):
        found["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    dry = ["--warnings-as-errors", "--dry-run=server"]
    with pytest.raises(KubectlFailed, match="would violate PodSecurity"):
        api_server.kubectl("apply", "--server-side", *dry, "-f", "-", stdin=yaml.safe_dump_all(documents))
