"""Tasks that are no plain functions, reports and secrets, through the command line."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.cli import command, environment, flytelike

Write = Callable[[str], str]

KINDS = """
from dataclasses import dataclass

from flytelike import ContainerTask, FlyteFile, TaskMetadata, kwtypes, task, workflow
from flytelike.extend import Interface, PythonFunctionTask, PythonInstanceTask, TaskPlugins
from flytelike.extras.tasks.shell import OutputLocation, ShellTask

area = ContainerTask(
    name="area",
    image="ghcr.io/example/area:1",
    metadata=TaskMetadata(retries=1),
    input_data_dir="/var/inputs",
    output_data_dir="/var/outputs",
    inputs=kwtypes(a=int, b=int),
    outputs=kwtypes(area=int, note=str),
    command=["sh", "-ec"],
    arguments=["echo $(( $(cat /var/inputs/a) * {{.inputs.b}} )) > /var/outputs/area; printf ok > /var/outputs/note"],
)

write = ShellTask(
    name="write",
    script="printf %s {inputs.text} > {outputs.file}",
    inputs=kwtypes(text=str),
    output_locs=[OutputLocation("file", FlyteFile, "out/{inputs.text}.txt")],
)


@dataclass
class Times:
    factor: int


class TimesTask(PythonFunctionTask[Times]):
    def get_custom(self, settings):
        return {"factor": self.task_config.factor}

    def execute(self, **inputs):
        return super().execute(**inputs) * self.task_config.factor


TaskPlugins.register_pythontask_plugin(Times, TimesTask)


@task(task_config=Times(3))
def one(n: int) -> int:
    return n


class Add(PythonInstanceTask[int]):
    def __init__(self, name: str, n: int) -> None:
        super().__init__(name, n, task_type="adding", interface=Interface(kwtypes(a=int), kwtypes(sum=int)))

    def execute(self, a: int) -> int:
        return a + self.task_config


add_five = Add("add-five", 5)


@task
def read(file: FlyteFile) -> str:
    return open(file).read()


@workflow
def all_kinds(text: str = "a b") -> tuple[int, str, str]:
    size, note = area(a=one(n=2), b=add_five(a=2))
    return size, note, read(file=write(text=text))
"""

REPORT = """
from flytelike import Deck, DeckField, task


@task(enable_deck=True, deck_fields=[DeckField.INPUT])
def told(text: str) -> int:
    Deck("Mine", "<b>bold</b>")
    Deck.publish()
    if text == "fail":
        raise ValueError("<failed>")
    return 1
"""

SECRETS = """
from flytelike import Secret, current_context, task


@task(secret_requests=[Secret(group="db", key="password")])
def connect() -> int:
    password = current_context().secrets.get("db", "password")
    print("connecting with", password)
    if len(password) > 8:
        raise ValueError(password)
    return len(password)
"""

CHECKPOINT = """
import os
import signal

from flytelike import current_context, task


@task(retries=1)
def go_on() -> str:
    context = current_context()
    if (left := context.checkpoint.read()) is not None:
        return left.decode()
    context.checkpoint.write(b"from before")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], str]:
    def written(source: str) -> str:
        path = tmp_path / "kinds.py"
        path.write_text(source)
        return str(path)

    return written


def test_all_kinds_of_tasks_run(data: Path, write: Write) -> None:
    done = flytelike(data, "execute", write(KINDS), "all_kinds", "--json")
    assert done.code == 0, done.stderr
    assert done.document["outputs"] == {"o0": 42, "o1": "ok", "o2": "a b"}


def test_a_task_that_is_an_object_is_executed_by_its_variable(data: Path, write: Write) -> None:
    done = flytelike(data, "execute", write(KINDS), "add-five", "--a", "1", "--json")
    assert done.code == 0, done.stderr
    assert done.document["outputs"] == {"sum": 6}


@pytest.mark.parametrize(("text", "code", "phase"), [("<i>", 0, "succeeded"), ("fail", 1, "failed")])
def test_a_report_is_kept_however_the_task_ends(data: Path, write: Write, text: str, code: int, phase: str) -> None:
    done = flytelike(data, "execute", write(REPORT), "told", "--text", text, "--json")
    assert done.code == code, done.stderr
    deck = flytelike(data, "deck", done.document["execution"])
    assert deck.code == 0, deck.stderr
    assert f'<span class="phase {phase}">' in deck.stdout
    assert "&lt;b&gt;bold&lt;/b&gt;" in deck.stdout  # in a frame, whose document is an attribute
    assert "<i>" not in deck.stdout
    assert "<failed>" not in deck.stdout


def test_a_secret_is_set_given_and_never_shown(data: Path, write: Write) -> None:
    value = "correct-horse"
    source = write(SECRETS)
    missing = flytelike(data, "execute", source, "connect")
    assert missing.code == 1
    assert "flytelike secret set db password" in missing.stderr
    set_ = subprocess.run(
        command("secret", "set", "DB", "password"),
        input=value,
        env=environment(data),
        text=True,
        capture_output=True,
        check=False,
    )
    assert set_.returncode == 0, set_.stderr
    assert flytelike(data, "secret", "list").stdout == "db/password\n"
    (file,) = [path for path in (data / "secrets").rglob("*") if path.is_file()]
    assert file.stat().st_mode & 0o777 == 0o600
    failed = flytelike(data, "execute", source, "connect", "--json")
    logs = flytelike(data, "logs", failed.document["execution"], "kindsconnect")
    assert logs.stdout == "connecting with [redacted]\n"
    kept = [path for path in data.rglob("*") if path.is_file() and value.encode() in path.read_bytes()]
    assert kept == [file]
    assert value not in failed.stdout + failed.stderr + set_.stdout + set_.stderr
    assert flytelike(data, "secret", "delete", "db", "password").code == 0
    assert flytelike(data, "secret", "delete", "db", "password").code == 2


def test_a_secrets_file_that_others_may_read_is_not_used(data: Path, write: Write) -> None:
    (data / "secrets" / "db").mkdir(parents=True)
    file = data / "secrets" / "db" / "password"
    file.write_text("short")
    file.chmod(0o644)
    done = flytelike(data, "execute", write(SECRETS), "connect")
    assert done.code == 1
    assert "others may read it" in done.stderr


def test_a_checkpoint_outlives_the_worker(data: Path, write: Write) -> None:
    done = flytelike(data, "execute", write(CHECKPOINT), "go_on", "--json")
    assert done.code == 0, done.stderr
    assert done.document["outputs"] == {"o0": "from before"}


def test_retries_have_the_executions_date(data: Path, write: Write) -> None:
    source = """
from flytelike import FlyteRecoverableException, current_context, task


@task(retries=1)
def when() -> bool:
    context = current_context()
    now = context.execution_date.isoformat().encode()
    if (first := context.checkpoint.read()) is None:
        context.checkpoint.write(now)
        raise FlyteRecoverableException("again")
    return first == now
"""
    done = flytelike(data, "execute", write(source), "when", "--json")
    assert done.code == 0, done.stderr
    assert done.document["outputs"] == {"o0": True}
