"""Templates of what belongs into namespaces: filled in, told apart, all faults at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytelike.model.diagnostic import DiagnosticError
from propeller.kube.cluster_templates import KINDS, MANAGED, ObjectName, Wanted, templates_from, to_remove
from propeller.kube.project_domain import ProjectDomain

PLACE = ProjectDomain("flights-development", "flights", "development")

QUOTA = """
apiVersion: v1
kind: ResourceQuota
metadata: {name: quota}
spec:
  hard:
    limits.cpu: {{ projectQuotaCpu }}
    limits.memory: "{{ projectQuotaMemory }}"
"""
QUOTAS = KINDS["v1", "ResourceQuota"]


def account(name: str, more: str = "") -> str:
    return f"apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}}}\n{more}"


def rendered(text: str, place: ProjectDomain = PLACE, **attributes: str) -> list[Wanted]:
    return list(templates_from({"one.yaml": text}).rendered(place, attributes))


def faults(error: DiagnosticError) -> list[str]:
    return [fault.headline for fault in error.diagnostics]


def test_variables_are_filled_in() -> None:
    (quota,) = rendered(QUOTA, projectQuotaCpu="4", projectQuotaMemory="8Gi")
    assert quota.at == ObjectName(QUOTAS, "quota")
    assert quota.document == {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "quota", "namespace": "flights-development", "labels": {MANAGED: "true"}},
        "spec": {"hard": {"limits.cpu": 4, "limits.memory": "8Gi"}},
    }


@pytest.mark.parametrize(
    ("written", "value", "read"),
    [
        ("{{ x }}", "5", 5),
        ("'{{ x }}'", "5", "5"),
        ("{{ x }}", "true", True),
        ("{{x}}", "soon", "soon"),
        ("{{ .x }}", "1.50", "1.50"),
        ("a-{{ x }}-{{ project }}", "5", "a-5-flights"),
        ("{{ project }}", "", "flights"),
        ("{{ namespace }}", "", "flights-development"),
    ],
)
def test_values_outside_of_quotes_stay_what_they_are(written: str, value: str, read: object) -> None:
    (found,) = rendered(account("a", f"automountServiceAccountToken: {written}"), x=value)
    assert found.document["automountServiceAccountToken"] == read


def test_names_of_projects_stay_texts() -> None:
    (found,) = rendered(account("a", "secrets: [{name: {{ project }}}]"), ProjectDomain("n", "123", "true"))
    assert found.document["secrets"] == [{"name": "123"}]


def test_labels_and_annotations_are_texts() -> None:
    text = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a, labels: {cost: {{ x }}, spot: true}}"
    (found,) = rendered(text, x="17")
    assert found.document["metadata"]["labels"] == {"cost": "17", "spot": "true", MANAGED: "true"}


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_no_value_makes_more_of_a_template_than_there_is(value: str) -> None:
    """Attributes are data, whatever is in them: line breaks, braces, other variables."""
    (found,) = rendered(account("a", "imagePullSecrets: [{name: 'x{{ v }}y'}]"), v=value)
    assert found.document["imagePullSecrets"] == [{"name": f"x{value}y"}]


def test_a_namespace_is_not_labelled_as_what_may_be_removed() -> None:
    text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: '{{ namespace }}', labels: {team: '{{ project }}'}}"
    (found,) = rendered(text)
    assert found.document["metadata"] == {"name": "flights-development", "labels": {"team": "flights"}}


def test_what_others_hang_on_is_made_first_and_removed_last() -> None:
    binding = "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: b}"
    wanted = rendered(f"{binding}\n---\n{QUOTA}\n---\n{account('a')}", projectQuotaCpu="1", projectQuotaMemory="1")
    assert [one.at.name for one in wanted] == ["a", "quota", "b"]
    assert [at.name for at in to_remove([], [one.at for one in wanted])] == ["b", "quota", "a"]
    assert to_remove(wanted, [ObjectName(QUOTAS, "old"), wanted[0].at]) == [ObjectName(QUOTAS, "old")]


def test_all_that_is_wrong_with_templates_is_told() -> None:
    texts = {
        "a.yaml": "kind: [",
        "b.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: s}",
        "c.yaml": "just words",
        "d.yaml": "apiVersion: v1\nkind: LimitRange\nmetadata: {}",
    }
    with pytest.raises(DiagnosticError) as caught:
        templates_from(texts)
    assert {fault.code for fault in caught.value.diagnostics} == {"invalid-cluster-template"}
    told = faults(caught.value)
    assert [line[:6] for line in told] == ["a.yaml", "b.yaml", "c.yaml", "d.yaml"]
    assert "templates cannot make v1/Secret" in told[1]
    assert "metadata.name: required" in told[3]


def test_all_that_is_wrong_in_a_namespace_is_told() -> None:
    elsewhere = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: b, namespace: kube-system}"
    other = "apiVersion: v1\nkind: Namespace\nmetadata: {name: kube-system}"
    with pytest.raises(DiagnosticError) as caught:
        rendered("\n---\n".join([QUOTA, account("a"), account("a"), elsewhere, other]), projectQuotaCpu="1")
    assert faults(caught.value) == [
        "one.yaml: there is no value for `projectQuotaMemory` in flights/development",
        "one.yaml: ServiceAccount a is made twice",
        "one.yaml: ServiceAccount b would lie in kube-system; leave metadata.namespace away",
        "one.yaml: the Namespace is to be named {{ namespace }}, not kube-system",
    ]
