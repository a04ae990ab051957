"""`flytelike-execute` as a program of its own, as a container starts it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flytelike.codec.termination_message import USED_FILE, parted
from flytelike.runtime.entrypoint import main
from flytelike.storage import Store, Unavailable
from propeller.executors.codes import NOT_STORED_EXIT
from tests.unit.executor.builders import Site, output


def run(site: Site, task: str, inputs: dict[str, object], **env: str) -> tuple[subprocess.CompletedProcess[str], str]:
    spec = site.attempt(task, inputs)
    args = ["--inputs", spec.inputs_uri, "--output-prefix", spec.output_prefix, "--code", site.code]
    variables = {
        **os.environ,
        **site.env,
        "FLYTE_INTERNAL_TASK_PROJECT": "p",
        "FLYTE_INTERNAL_TASK_DOMAIN": "development",
        **env,
    }
    command = [sys.executable, "-m", "flytelike.runtime.entrypoint", *args, "--", "module", "chores", "task", task]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if task == "double" and done.returncode == 0:
        assert output(spec) == 42
    return done, spec.output_prefix


def test_it_writes_outputs(tmp_path: Path) -> None:
    done, _ = run(Site(tmp_path), "double", {"n": 21})
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("task", "inputs"), [("double", {"n": 21}), ("fail", {"text": "boom"})])
def test_what_was_used_is_added_to_the_containers_message_where_there_is_one(
    tmp_path: Path, task: str, inputs: dict[str, object]
) -> None:
    said, missing = tmp_path / "said", tmp_path / "missing"
    said.write_text("my own words")
    run(Site(tmp_path / "one"), task, inputs, **{USED_FILE: str(said)})
    words, used = parted(said.read_text())
    assert words == "my own words"
    assert used is not None
    assert used.memory_peak_bytes > 10 << 20
    assert used.processor_ns > 10_000_000
    run(Site(tmp_path / "two"), task, inputs, **{USED_FILE: str(missing)})
    assert not missing.exists()


@pytest.mark.parametrize(("env", "status"), [({}, 0), ({"FLYTE_FAIL_ON_ERROR": "true"}, 1)])
def test_an_authors_failure_is_told_by_its_document(tmp_path: Path, env: dict[str, str], status: int) -> None:
    done, prefix = run(Site(tmp_path), "fail", {"text": "boom"}, **env)
    assert done.returncode == status
    assert "ValueError: boom" in done.stderr
    assert Path(prefix, "error.pb").exists()


@pytest.mark.parametrize("task", ["double", "fail"])
def test_it_says_so_by_its_exit_code_when_nothing_can_be_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    """Neither outputs nor a failure: whoever looks for a document must not think that the program ended early."""
    site = Site(tmp_path)
    spec = site.attempt(task, {"n": 21} if task == "double" else {"text": "boom"})
    for name, value in site.env.items():
        monkeypatch.setenv(name, value)

    def away(_store: Store, uri: str, *_: object, **__: object) -> None:
        raise Unavailable(uri, "connection refused")

    monkeypatch.setattr(Store, "put", away)
    words = ["--inputs", spec.inputs_uri, "--output-prefix", spec.output_prefix, "--code", site.code]
    assert main([*words, "--", "module", "chores", "task", task]) == NOT_STORED_EXIT


def test_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--inputs"]) == 2
    assert "flytelike-execute: --inputs has no value" in capsys.readouterr().err
