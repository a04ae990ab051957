"""The file that says how pods are made."""

import re
from pathlib import Path

import pytest

from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.policies import ResourceName
from propeller.app.pod_file import pods_from_file
from propeller.executors.pod import Calling, SecurityProfile

ROOT = Path(__file__).resolve().parents[3]


def file(folder: Path, text: str) -> Path:
    path = folder / "pods.yaml"
    path.write_text(text)
    return path


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    found = pods_from_file(file(tmp_path, ""), "s3://bucket/logs", "ns")
    assert (found.logs, found.watched, found.pods.namespace) == ("s3://bucket/logs", "ns", "{project}-{domain}")


def test_what_it_says_counts(tmp_path: Path) -> None:
    text = "{namespace: runs, most: {cpu: 4, memory: 8Gi}, profile: privileged, kept_s: 60, run_as_user: 1000}"
    found = pods_from_file(file(tmp_path, text), "logs")
    assert found.pods.most == {ResourceName.CPU: "4", ResourceName.MEMORY: "8Gi"}
    assert (found.pods.profile, found.pods.run_as_user) == (SecurityProfile.PRIVILEGED, 1000)
    assert (found.pods.namespace, found.kept_s) == ("runs", 60)


def test_the_example_of_the_page_is_one(tmp_path: Path) -> None:
    page = (ROOT / "docs/kubernetes.md").read_text(encoding="utf-8")
    example = re.search(r"```yaml\n(namespace: .*?)```", page, re.DOTALL)
    assert example is not None
    found = pods_from_file(file(tmp_path, example[1]), "logs").pods
    assert found.template["spec"]["nodeSelector"] == {"pool": "tasks"}
    assert found.interruptible["spec"]["tolerations"] == [{"key": "spot", "operator": "Exists"}]


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = "{surprise: 1, most: {cpu: much, disk: 1}, grace_s: -1, template: {status: {}}}"
    with pytest.raises(DiagnosticError) as raised:
        pods_from_file(file(tmp_path, text), "logs")
    told = sorted(fault.headline.partition(": ")[2].partition(":")[0] for fault in raised.value.diagnostics)
    assert told == ["grace_s", "most.cpu.value", "most.disk.key", "surprise", "template.status"]
    assert {fault.code for fault in raised.value.diagnostics} == {"invalid-pod-settings"}


def test_it_says_how_eager_tasks_call(tmp_path: Path) -> None:
    authority = tmp_path / "ca.crt"
    authority.write_text("-----BEGIN CERTIFICATE-----\n")
    text = f"calling: {{endpoint: 'https://plane.flytelike.svc:8089', audience: ours, ca_file: {authority}}}"
    found = pods_from_file(file(tmp_path, text), "logs").pods.calling
    assert found == Calling("https://plane.flytelike.svc:8089", "ours", authority)
    assert pods_from_file(file(tmp_path, "calling: {endpoint: 'plane:1'}"), "logs").pods.calling == Calling("plane:1")


@pytest.mark.parametrize(
    ("given", "faulty"),
    [
        ("{}", "calling.endpoint"),
        ("{endpoint: plane}", "calling.endpoint"),
        ("{endpoint: 'plane:1/path'}", "calling.endpoint"),
        ("{endpoint: 'plane:1', audience: ''}", "calling.audience"),
        ("{endpoint: 'plane:1', expires_s: 599}", "calling.expires_s"),
        ("{endpoint: 'plane:1', ca_file: /nowhere/ca.crt}", "calling.ca_file"),
        ("{endpoint: 'plane:1', ca_file: pods.yaml}", "calling.ca_file"),
    ],
)
def test_how_eager_tasks_cannot_call_is_told(
    tmp_path: Path, given: str, faulty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DiagnosticError) as raised:
        pods_from_file(file(tmp_path, f"calling: {given}"), "logs")
    (fault,) = raised.value.diagnostics
    assert fault.headline.partition(": ")[2].startswith(faulty)


@pytest.mark.parametrize("text", ["{", "[1]", "\x00"])
def test_what_is_no_such_file_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(DiagnosticError):
        pods_from_file(file(tmp_path, text), "logs")
    with pytest.raises(DiagnosticError):
        pods_from_file(tmp_path / "none", "logs")
