"""A shared platform as others reach it, by TLS and a token: all runs, and planted secrets are found nowhere."""

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.cli import Outcome, command, environment, flytelike, start
from tests.services.certificates import Authority

FROM_ENV, FROM_FILE, FROM_CALL = "planted-in-the-environment", "planted-in-a-file", "planted-in-a-call"
FLOWS = """
import sys
from pathlib import Path

from flytelike import Secret, current_context, dynamic, eager, map_task, task, workflow
from flytelike.types.file import FlyteFile

BOTH = [
    Secret(group="warehouse", key="password"),
    Secret(group="mail", key="password", mount_requirement=Secret.MountType.FILE),
]


def secrets() -> str:
    given = current_context().secrets
    return given.get("warehouse", "password") + " " + given.file("mail", "password").read_text()


@task(secret_requests=BOTH)
def size(n: int) -> int:
    print("out", secrets())
    print("err", secrets(), file=sys.stderr)
    return len(secrets()) + n


@task(secret_requests=BOTH)
def broken(n: int) -> int:
    raise ValueError(f"no entry with {secrets()} for {n}")


@dynamic(secret_requests=BOTH)
def unfolded(n: int) -> int:
    print(secrets())
    return size(n=n)


@eager(secret_requests=BOTH)
async def called(n: int) -> int:
    print(secrets())
    return await size.aio(n=n)


@task
def lines(file: FlyteFile) -> int:
    return len(Path(file).read_text().splitlines())


@workflow
def all_well(file: FlyteFile, n: int = 1) -> tuple[list[int], int, int, int]:
    return map_task(size)(n=[n, n]), unfolded(n=n), called(n=n), lines(file=file)


@workflow
def all_broken(n: int = 1) -> list[int | None]:
    return map_task(broken, min_success_ratio=0.9)(n=[n, n])
"""
WELL = len(FROM_ENV) + 1 + len(FROM_FILE) + 1


@dataclass
class Shared:
    """A platform and a client of it that has nothing but an address, an authority and a token."""

    data: Path
    home: Path
    env: Mapping[str, str]
    token: str
    told: Path
    answers: list[Outcome]

    def ask(self, *words: str) -> Outcome:
        done = flytelike(self.home, *words, cwd=self.home, env=self.env)
        self.answers.append(done)
        return done


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    folder = tmp_path_factory.mktemp("shared")
    authority = Authority(folder, "authority")
    cert, key = authority.pair("server")
    data, told, home = folder / "data", folder / "stderr", folder / "home"
    home.mkdir()
    (home / "flows.py").write_text(FLOWS)
    (home / "table.csv").write_text("a\nb\nc\n")
    words = [
        "--require-login",
        "--admin",
        "user:boss",
        "--tls-cert-file",
        str(cert),
        "--tls-private-key-file",
        str(key),
    ]
    with told.open("w") as stderr:
        up = start(data, words, {"_FSEC_WAREHOUSE_PASSWORD": FROM_ENV}, stderr=stderr)
    try:
        set_ = ["secret", "set", "mail", "password"]
        subprocess.run(command(*set_), input=FROM_FILE, env=environment(data), text=True, check=True)
        token = flytelike(data, "token", "create", "--user", "boss").stdout.strip()
        env = {
            "FLYTELIKE_SERVER": f"https://{up.http.rpartition('/')[2].partition(':')[0]}:{up.grpc.rpartition(':')[2]}",
            "FLYTELIKE_CA_FILE": str(authority.file),
            "FLYTELIKE_TOKEN": token,
            "XDG_CONFIG_HOME": str(folder),
        }
        yield Shared(data, home, env, token, told, [])
    finally:
        up.process.terminate()
        up.process.wait(timeout=30)
        assert up.process.stdout is not None
        up.process.stdout.close()


def test_all_kinds_run_for_who_comes_by_tls_and_a_token(shared: Shared) -> None:
    done = shared.ask("execute", "flows.py", "all_well", "--file", "table.csv", "--json")
    assert done.code == 0, done.stderr
    assert done.document["outputs"] == {"o0": [WELL, WELL], "o1": WELL, "o2": WELL, "o3": 3}
    shown = shared.ask("logs", done.document["execution"])
    assert shown.stdout.count("out [redacted] [redacted]") == 1, "of the dynamic task's own"
    element = shared.ask("logs", done.document["execution"], "n0", "--element", "1")
    assert "err [redacted] [redacted]" in element.stdout


def test_failures_are_told_without_the_secrets_in_them(shared: Shared) -> None:
    done = shared.ask("execute", "flows.py", "all_broken", "--json")
    assert done.code == 1
    assert "no entry with [redacted] [redacted] for 1" in done.stdout + done.stderr
    for words in (["get", "execution", done.document["execution"]], ["logs", done.document["execution"]], ["audit"]):
        told = shared.ask(*words, *(["--json"] if words[0] != "logs" else []))
        assert told.code == 0, told.stderr


def test_inputs_that_look_like_secrets_are_told_by_no_error(shared: Shared) -> None:
    refused = shared.ask("execute", "flows.py", "all_broken", "--n", "1", "--env", f"TOKEN={FROM_CALL}", "--nn", "2")
    assert refused.code == 2
    wrong = flytelike(
        shared.home, "project", "list", env={**shared.env, "FLYTELIKE_TOKEN": f"flt_abcdefghij_{FROM_CALL}"}
    )
    assert wrong.code != 0
    shared.answers.append(wrong)


def test_what_was_planted_lies_where_it_was_planted_and_nowhere_else(shared: Shared) -> None:
    """Specs, events, databases, logs and documents in the data folder; what was answered; what the server printed."""
    assert len(shared.answers) > 5, "or else nothing was asked"
    heard = "".join(answer.stdout + answer.stderr for answer in shared.answers) + shared.told.read_text()
    for secret in (FROM_ENV, FROM_FILE, FROM_CALL, shared.token.rpartition("_")[2]):
        assert secret not in heard, secret
        holding = [path for path in shared.data.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
        assert holding == ([shared.data / "secrets" / "mail" / "password"] if secret == FROM_FILE else []), secret
