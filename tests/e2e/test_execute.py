"""The main path: from a file to a finished execution, with and without a running platform."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.cli import Outcome, command, environment, flytelike, up

Run = Callable[..., Outcome]


def test_a_workflow_runs_from_its_file(run: Run) -> None:
    done = run("execute", "hello.py", "hello", "--name", "ann", "--times", "2")
    assert done.code == 0, done.stderr
    assert done.stdout == 'o0 = "HELLO ANN, HELLO ANN"\n'
    assert "using an embedded one" in done.stderr


@pytest.mark.parametrize("target", [("hello.py:hello",), ("hello.py", "hello"), ("hello.py",)])
def test_targets_may_be_written_in_three_ways(run: Run, target: tuple[str, ...]) -> None:
    done = run("execute", *target, "--name", "bo", "--json")
    assert done.document["outputs"] == {"o0": "HELLO BO"}
    assert done.document["phase"] == "SUCCEEDED"


def test_a_single_task_runs(run: Run) -> None:
    assert run("execute", "hello.py", "greet", "--name", "cy").stdout == 'o0 = "hello cy"\n'


def test_inputs_come_from_yaml_and_flags_win(run: Run, project: Path) -> None:
    (project / "inputs.yaml").write_text("name: dee\ntimes: 3\n")
    done = run("execute", "hello.py", "hello", "--inputs", "inputs.yaml", "--times", "1")
    assert done.stdout == 'o0 = "HELLO DEE"\n'


def test_help_on_a_target_shows_its_inputs(run: Run) -> None:
    done = run("execute", "hello.py", "hello", "--help")
    assert done.code == 0
    assert "Greet loudly." in done.stdout
    assert re.search(r"--name str\s+whom to greet\.\s+\[required\]", done.stdout)
    assert re.search(r"--times int\s+how often\.\s+\[default: 1\]", done.stdout)


def test_registered_names_run_with_and_without_a_version(run: Run) -> None:
    registered = run("register", "hello.py", "--json")
    assert registered.code == 0, registered.stderr
    version = registered.document["version"]
    for target in ("hello.hello", f"hello.hello@{version}"):
        assert run("execute", target, "--name", "eve").stdout == 'o0 = "HELLO EVE"\n'


def test_registering_twice_changes_nothing_and_says_so(run: Run) -> None:
    first, second = run("register", "hello.py"), run("register", "hello.py")
    assert first.code == second.code == 0
    assert "unchanged" in second.stderr


def test_other_content_under_a_taken_version_is_refused_with_the_difference(run: Run, project: Path) -> None:
    assert run("register", "hello.py", "--version", "v1").code == 0
    changed = (project / "hello.py").read_text().replace("times: int = 1", "times: int = 2")
    (project / "hello.py").write_text(changed)
    refused = run("register", "hello.py", "--version", "v1")
    assert refused.code == 2
    assert "v1" in refused.stderr
    assert "hello.hello" in refused.stderr


def test_a_dry_run_stores_nothing(run: Run) -> None:
    assert run("register", "hello.py", "--dry-run").code == 0
    assert run("execute", "hello.hello", "--name", "x").code == 2


def test_results_can_be_read_later(run: Run) -> None:
    done = run("execute", "hello.py", "hello", "--name", "fay", "--json").document
    shown = run("get", "execution", done["execution"], "--json").document
    assert shown["outputs"] == {"o0": "HELLO FAY"}
    assert shown["inputs"] == {"name": "fay", "times": 1}
    assert [node["phase"] for node in shown["nodes"]] == ["SUCCEEDED", "SUCCEEDED"]
    logs = run("logs", done["execution"], "n0")
    assert logs.stdout == "greeting fay\n"
    again = run("rerun", done["execution"], "--json").document
    assert again["outputs"] == done["outputs"]
    assert again["execution"] != done["execution"]


def test_a_running_platform_is_used(data: Path, project: Path) -> None:
    with up(data):
        done = flytelike(data, "execute", "hello.py", "hello", "--name", "gil", cwd=project)
    assert done.stdout == 'o0 = "HELLO GIL"\n'
    assert "embedded" not in done.stderr


def test_no_wait_prints_the_name_and_watch_goes_on(data: Path, project: Path) -> None:
    with up(data):
        started = flytelike(data, "execute", "hello.py", "hello", "--name", "hal", "--no-wait", cwd=project)
        assert started.code == 0
        watched = flytelike(data, "watch", started.stdout.strip())
    assert watched.stdout == 'o0 = "HELLO HAL"\n'


READING = """
from flytelike import FlyteDirectory, FlyteFile, task

@task
def read(file: FlyteFile, folder: FlyteDirectory) -> str:
    names = sorted(found.name for found in Path(folder).rglob("*.txt"))
    return Path(file).read_text() + " " + " ".join(names)
"""


def test_local_files_travel_to_a_distant_platform(data: Path, project: Path) -> None:
    """With `--server` the platform may be elsewhere: it gets copies, which do not change with the originals."""
    (project / "reading.py").write_text("from pathlib import Path\n" + READING)
    (project / "letter.txt").write_text("dear all")
    (project / "box" / "inner").mkdir(parents=True)
    (project / "box" / "a.txt").write_text("a")
    (project / "box" / "inner" / "b.txt").write_text("b")
    inputs = ("--file", "letter.txt", "--folder", "box")
    with up(data) as platform:
        words = ("execute", "reading.py:read", *inputs, "--server", platform.grpc)
        done = flytelike(data, *words, "--json", cwd=project)
        assert done.document["outputs"] == {"o0": "dear all a.txt b.txt"}, done.stderr
        (project / "letter.txt").write_text("changed")
        again = flytelike(data, "rerun", done.document["execution"], cwd=project)
        assert again.stdout == 'o0 = "dear all a.txt b.txt"\n'
        missing = flytelike(data, "execute", "reading.py:read", "--file", "gone", "--folder", "letter.txt", cwd=project)
    assert missing.code == 2
    assert "there is no file or folder" in missing.stderr
    assert "expected a folder" in missing.stderr


def test_two_at_once_on_one_folder_both_finish(data: Path, project: Path) -> None:
    running = [
        subprocess.Popen(
            command("execute", "hello.py", "hello", "--name", name, "--json"),
            cwd=project,
            env=environment(data),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("ida", "jo")
    ]
    finished = [process.communicate(timeout=100) for process in running]
    assert [process.returncode for process in running] == [0, 0], finished
    assert [json.loads(out)["outputs"]["o0"] for out, _ in finished] == ["HELLO IDA", "HELLO JO"]
