"""What the page on Helm shows can be given to the chart."""

import re

import yaml

from tests.chart.audited import granted
from tests.chart.values import SMALLEST
from tests.services.helm import CHART, Helm

PAGE = (CHART.parents[1] / "docs/helm.md").read_text(encoding="utf-8")


def test_the_values_for_good_are_taken(helm: Helm) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    kinds = [it["kind"] for it in helm.render(yaml.safe_load(text))]
    assert kinds.count("Ingress") == 2
    assert "HorizontalPodAutoscaler" in kinds


def test_the_secrets_of_the_page_have_the_keys_that_are_asked_for(helm: Helm) -> None:
    made = {name: set(re.findall(r"--from-literal=([-a-z]+)=", text)) for name, text in secrets()}
    asked: dict[str, set[str]] = {}
    for found in helm.render(SMALLEST):
        text = yaml.safe_dump(found)
        for key, name in re.findall(r"secretKeyRef:\n\s+key: (\S+)\n\s+name: (\S+)", text):
            asked.setdefault(name, set()).add(key)
        for volume in found.get("spec", {}).get("template", {}).get("spec", {}).get("volumes", ()):
            secret = volume.get("secret", {})
            if secret.get("secretName") == "words":
                asked.setdefault("words", set()).update(it["key"] for it in secret["items"])
    assert asked == made


def secrets() -> list[tuple[str, str]]:
    return re.findall(r"kubectl create secret generic (\w+) .*?\\\n((?: +--from-literal.*\n)+)", PAGE)


def test_neither_may_read_secrets(helm: Helm) -> None:
    roles = [it for it in helm.render(SMALLEST) if it["kind"] in {"Role", "ClusterRole"}]
    assert not {right for right in granted(roles) if right.resource == "secrets" or "*" in right}
