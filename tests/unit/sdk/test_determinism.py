"""The same source gives the same digests in every process, on every machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = '''
from dataclasses import dataclass
from enum import Enum

from flytelike import LaunchPlan, Resources, task, workflow


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Settings:
    rates: dict[str, float]
    colour: Colour = Colour.RED


@task(requests=Resources(cpu=1, mem="1Gi"), environment={"B": "2", "A": "1"})
def train(settings: Settings, names: dict[str, int | None]) -> float:
    return 0.5


@task
def load(rows: int | str = 3) -> dict[str, int | None]:
    return {}


@workflow
def fit(rows: int | str = 1) -> float:
    """Fit a model."""
    return train(settings=Settings({"b": 1.0, "a": 2.0}), names=load(rows=rows))


nightly = LaunchPlan.create("nightly", fit, fixed_inputs={"rows": 3}, labels={"z": "1", "a": "2"})
'''

DIGESTS = """
import sys
from pathlib import Path

from flytelike.cli.registering import request_of
from flytelike.codec.digest import digest_of
from flytelike.sdk.entities import templates
from flytelike.sdk.modules import load
from flytelike.sdk.settings import Settings

loaded = load([Path(sys.argv[1])])
request = request_of(templates(loaded.entities, Settings("p", "d", "v", loaded.root)))
for kind in (request.tasks, request.workflows, request.launch_plans):
    for found in kind:
        print(found.id.name, digest_of(found.spec))
"""


def digests(folder: Path, source: str, seed: str = "0") -> str:
    folder.mkdir(parents=True)
    (folder / "flights.py").write_text(source)
    done = subprocess.run(
        [sys.executable, "-c", DIGESTS, folder / "flights.py"],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed},
    )  # fmt: skip
    return done.stdout


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> str:
    found = digests(tmp_path_factory.mktemp("first") / "a", SOURCE)
    assert found.count("sha256:") == 5
    return found


@pytest.mark.parametrize("seed", ["1", "2"])
def test_neither_hashes_nor_the_folder_count(usual: str, tmp_path: Path, seed: str) -> None:
    assert digests(tmp_path / "some" / "other folder", SOURCE, seed) == usual


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("@task\ndef load", "# a remark\n\n\n@task\ndef load"),
        ('{"B": "2", "A": "1"}', '{"A": "1", "B": "2"}'),
        ('{"z": "1", "a": "2"}', '{"a": "2", "z": "1"}'),
    ],
    ids=["remarks and lines", "order of variables", "order of labels"],
)
def test_what_means_nothing_changes_nothing(usual: str, tmp_path: Path, old: str, new: str) -> None:
    assert old in SOURCE
    assert digests(tmp_path / "a", SOURCE.replace(old, new)) == usual


def test_what_means_something_changes_something(usual: str, tmp_path: Path) -> None:
    assert digests(tmp_path / "a", SOURCE.replace('mem="1Gi"', 'mem="2Gi"')) != usual
