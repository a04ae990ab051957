"""Templates of what belongs into the namespaces of projects, for tests."""

from propeller.app.cluster_resources import ClusterResourceSettings
from propeller.kube.cluster_templates import templates_from

TEXTS = {
    "account.yaml": """
apiVersion: v1
kind: ServiceAccount
metadata: {name: tasks}
automountServiceAccountToken: false
""",
    "quota.yaml": """
apiVersion: v1
kind: ResourceQuota
metadata: {name: quota}
spec: {hard: {pods: {{ pods }}, requests.cpu: {{ projectQuotaCpu }}}}
""",
    "limits.yaml": """
apiVersion: v1
kind: LimitRange
metadata: {name: limits}
spec: {limits: [{type: Container, default: {memory: 1Gi}}]}
""",
    "network.yaml": """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: tasks}
spec: {podSelector: {}, policyTypes: [Ingress]}
""",
    "viewers.yaml": """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: viewers}
rules: [{apiGroups: [""], resources: [pods], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: viewers}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: viewers}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "{{ project }}-viewers"}]
""",
    "pods.yaml": """
apiVersion: v1
kind: PodTemplate
metadata: {name: tasks}
template: {spec: {containers: [{name: default, image: local/any}]}}
""",
    "namespace.yaml": """
apiVersion: v1
kind: Namespace
metadata: {name: '{{ namespace }}', labels: {team: '{{ project }}'}}
""",
}
"""One of each kind."""


def settings(texts: dict[str, str] = TEXTS, **changes: object) -> ClusterResourceSettings:
    """Return settings that try again at once."""
    known = {"defaults": {"pods": "10", "projectQuotaCpu": "8"}, "again_s": 0.02, "again_max_s": 0.1}
    return ClusterResourceSettings(templates_from(texts), **{**known, **changes})
