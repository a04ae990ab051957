"""The file that says what belongs into namespaces."""

import re
from pathlib import Path

import pytest
import yaml

from flytelike.model.diagnostic import DiagnosticError
from propeller.app.cluster_resource_file import cluster_resources_from_file
from propeller.kube.cluster_templates import templates_from
from propeller.kube.project_domain import ProjectDomain

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/cluster_resources.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
ACCOUNT = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/account.yaml").write_text(ACCOUNT, encoding="utf-8")
    (tmp_path / "templates/README.md").write_text("not a template", encoding="utf-8")
    return tmp_path


def faults(folder: Path, text: str) -> list[str]:
    (folder / "resources.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(DiagnosticError) as caught:
        cluster_resources_from_file(folder / "resources.yaml")
    return [f"{one.code}: {one.headline}".replace(f"{folder}/", "") for one in caught.value.diagnostics]


def test_all_that_is_wrong_is_told(folder: Path) -> None:
    told = faults(folder, "{archived: delete, defaults: {a: [1]}, domain: {}}")
    assert told == [
        "invalid-cluster-resources: resources.yaml: templates: Missing data for required field.",
        "invalid-cluster-resources: resources.yaml: defaults.a.value: expected a text",
        "invalid-cluster-resources: resources.yaml: archived: Must be one of: keep, remove.",
        "invalid-cluster-resources: resources.yaml: domain: Unknown field.",
    ]


@pytest.mark.parametrize("text", ["templates: nowhere", "templates: [", "[]"])
def test_what_cannot_be_read_is_told(folder: Path, text: str) -> None:
    (told,) = faults(folder, text)
    assert told.startswith("invalid-cluster-resources: resources.yaml")


def test_a_broken_template_is_told_by_its_name(folder: Path) -> None:
    (folder / "templates/broken.yaml").write_text("kind: Secret", encoding="utf-8")
    (told,) = faults(folder, "templates: templates")
    assert told.startswith("invalid-cluster-template: broken.yaml: ")


def test_the_examples_of_the_page_are_such_files(folder: Path) -> None:
    template, settings, values = EXAMPLES
    (folder / "templates/quota.yaml").write_text(template, encoding="utf-8")
    (folder / "resources.yaml").write_text(settings, encoding="utf-8")
    found = cluster_resources_from_file(folder / "resources.yaml")
    place = ProjectDomain("flights-production", "flights", "production")
    account, quota = found.templates.rendered(place, found.attributes(place))
    assert account.at.name == "a"
    assert quota.document["spec"]["hard"] == {"limits.cpu": 800, "limits.memory": "1Ti"}
    assert templates_from(yaml.safe_load(values)["clusterResources"]["templates"]).rendered(place, {})


def test_the_page_names_all_templates_of_the_chart() -> None:
    files = {path.name for path in (ROOT / "helm/flytelike/files/cluster-resources").iterdir()}
    assert set(re.findall(r"^\| `([a-z]+\.yaml)` \|", PAGE, re.MULTILINE)) == files
