"""Files that say which teams, projects and quotas there are to be."""

from pathlib import Path

import pytest

from flytelike.cli.tenancy_file import read
from flytelike.model.diagnostic import DiagnosticError

GOOD = """
platform: {quota: {limits: {attempts: 100}}}
teams:
  ml:
    labels: {floor: "3"}
    quota: {weight: 2, limits: {cpu: 1.5, memory: 64Gi, gpu/a100: 2}}
projects:
  vision:
    team: ml
    domains:
      production: {quota: {guaranteed: {cpu: 500m}}}
"""


def faults(tmp_path: Path, text: str) -> list[tuple[int, str]]:
    file = tmp_path / "tenancy.yaml"
    file.write_text(text)
    with pytest.raises(DiagnosticError) as told:
        read(file)
    return [
        (it.primary.span.line if it.primary and it.primary.span else 0, it.headline) for it in told.value.diagnostics
    ]


def test_a_file_becomes_wishes(tmp_path: Path) -> None:
    file = tmp_path / "tenancy.yaml"
    file.write_text(GOOD)
    wishes = read(file).wishes
    assert [wish.WhichOneof("wish") for wish in wishes] == ["quota", "team", "quota", "project", "quota"]
    assert dict(wishes[2].quota.quota.limits) == {"cpu": 1500, "memory": 64 << 30, "gpu/a100": 2}
    assert (wishes[3].project.team, wishes[3].project.HasField("description")) == ("ml", False)
    assert dict(wishes[4].quota.quota.guaranteed) == {"cpu": 500}


def test_every_fault_is_told_with_its_line(tmp_path: Path) -> None:
    quota = "    quota:\n      limits:\n        cpu: lots\n        tpu: 3\n      weight: 0\n"
    told = faults(tmp_path, f"teams:\n  a:\n    note: x\n{quota}")
    assert [line for line, _ in sorted(told)] == [3, 6, 7, 8]
    assert "teams.a.note: there is no such setting" in [text for _, text in told]


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("teams: [a]\n", 1, "names and values are wanted"),
        ("teams:\n  a: {}\n  a: {}\n", 3, "twice"),
        ("teams: {a: {archived: 3}}\n", 1, "Not a valid boolean"),
        ("teams:\n  a: [\n", 3, "expected"),
        ("- a\n", 1, "names and values are wanted"),
        ("projects: {p: {quota: {limits: {attempts: 1.5}}}}\n", 1, "no whole number"),
        ("projects: {p: {quota: {limits: {cpu: true}}}}\n", 1, "no quantity"),
    ],
)
def test_what_cannot_be_meant_so_is_told(tmp_path: Path, text: str, line: int, told: str) -> None:
    ((found, headline),) = faults(tmp_path, text)
    assert found == line
    assert told in headline


@pytest.mark.parametrize("text", ["", "teams:\n", "teams: {a: }\n"])
def test_what_is_empty_wants_nothing_more(tmp_path: Path, text: str) -> None:
    file = tmp_path / "tenancy.yaml"
    file.write_text(text)
    assert len(read(file).wishes) == text.count("a:")
