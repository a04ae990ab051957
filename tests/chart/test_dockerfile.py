"""The image's recipe: what can be said of it without building it."""

import re
import tomllib

from tests.services.helm import CHART

ROOT = CHART.parents[1]
TEXT = (ROOT / "helm/Dockerfile").read_text(encoding="utf-8")
LET_IN = [
    line.removeprefix("!")
    for line in (ROOT / "helm/Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    if line.startswith("!")
]


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.+)$", TEXT, re.MULTILINE)


def test_it_runs_as_the_chart_says() -> None:
    """By number: else a pod that must not run as root does not start."""
    assert instructions("USER") == ["10001:10001"]
    assert "runAsUser: {{ .user }}" in (CHART / "templates/_pods.tpl").read_text(encoding="utf-8")
    assert '(dict "user" 10001)' in (CHART / "templates/propeller/deployment.yaml").read_text(encoding="utf-8")


def test_it_is_built_in_stages_of_a_named_version() -> None:
    assert instructions("FROM") == ["node:${NODE} AS pages", "python:${PYTHON} AS build", "python:${PYTHON}"]
    python, node = instructions("ARG")
    assert re.fullmatch(r"NODE=\d+-trixie", node), "not slim: it has Python"
    version = re.fullmatch(r"PYTHON=(3\.\d+)-slim-\w+", python)
    assert version is not None
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"Programming Language :: Python :: {version.group(1)}" in project["classifiers"]


def test_programs_get_signals_themselves() -> None:
    (command,) = instructions("CMD")
    assert command.startswith("[")
    assert instructions("ENTRYPOINT") == []


def test_all_that_a_wheel_is_made_of_is_let_in() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], project["project"]["readme"], "pyproject.toml"}
    assert "custom" in wheel["hooks"]
    needed |= {"hatch_build.py", *(source.split()[0] for source in instructions("COPY") if "idl/" in source)}
    assert [path for path in needed if not any(path == it or path.startswith(f"{it}/") for it in LET_IN)] == []
    assert [path for path in LET_IN if not (ROOT / path).exists()] == []


def test_it_carries_the_console() -> None:
    """Without Node.js a wheel has no pages, and only warns."""
    assert "--from=pages /source/flytelike/console/static flytelike/console/static" in instructions("COPY")
    assert "FLYTELIKE_CONSOLE=off /opt/flytelike/bin/pip install --no-deps ." in TEXT
