"""Helm for tests: renders the chart as `helm install` would.

Without the program tests are skipped, but fail where `CI=true`.
"""

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kube import programs

CHART = Path(__file__).resolve().parents[2] / "helm/flytelike"

Document = dict[str, Any]


class HelmFailed(Exception):
    """Helm could not do it; carries what it said."""


@dataclass(frozen=True)
class Helm:
    """The program, and a folder for its files."""

    program: Path
    folder: Path

    def run(self, *words: str, stdin: str | None = None) -> str:
        """Run helm and return what it printed. Raises HelmFailed."""
        homes = {f"HELM_{kind}_HOME": str(self.folder / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        env = {**os.environ, **homes}
        done = subprocess.run([self.program, *words], input=stdin, env=env, check=False, capture_output=True, text=True)
        if done.returncode:
            raise HelmFailed(f"{done.stdout}{done.stderr}")
        return done.stdout

    def text(self, values: Mapping[str, Any], namespace: str = "flytelike", chart: Path = CHART) -> str:
        """Return the manifests of a release `rel`. Raises HelmFailed."""
        words = ["template", "rel", str(chart), "--namespace", namespace, "--values", "-"]
        return self.run(*words, stdin=yaml.safe_dump(dict(values)))

    def render(self, values: Mapping[str, Any], namespace: str = "flytelike", chart: Path = CHART) -> list[Document]:
        """Return the objects of a release `rel`. Raises HelmFailed."""
        return [found for found in yaml.safe_load_all(self.text(values, namespace, chart)) if found]


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """The program."""
    found = programs.find("helm")
    if found is None:
        reason = "Helm is not built (`make test-kube` builds it)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return Helm(found / "helm", tmp_path_factory.mktemp("helm"))


Render = Callable[[Mapping[str, Any]], list[Document]]
