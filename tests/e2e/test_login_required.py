"""`flytelike up --require-login`: its owner and its workers get in, others with what they were given."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cli import Up, flytelike, up

FLOWS = """
from flytelike import eager, task


@task
def add_one(n: int) -> int:
    return n + 1


@eager
async def both(n: int) -> int:
    return await add_one.aio(n=n) + await add_one.aio(n=n)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("guarded") / "data"


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Up]:
    with up(folder, "--require-login", "--admin", "user:boss") as running:
        yield running


def test_the_owner_and_the_workers_get_in(running: Up, folder: Path, tmp_path: Path) -> None:
    assert stat.S_IMODE((folder / "owner-token").stat().st_mode) == 0o600
    (tmp_path / "flows.py").write_text(FLOWS)
    done = flytelike(folder, "execute", "flows.py", "both", "--n", "1", "--json", cwd=tmp_path)
    assert done.code == 0, done.stderr
    assert done.document["outputs"] == {"o0": 4}


def test_others_have_to_say_who_they_are(running: Up, folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "nobody"
    there = {"FLYTELIKE_SERVER": running.grpc, "XDG_CONFIG_HOME": str(tmp_path)}
    refused = flytelike(elsewhere, "project", "list", env=there)
    assert refused.code == 2
    assert "login-required" in refused.stderr
    token = flytelike(folder, "token", "create", "--user", "boss").stdout.strip()
    known = flytelike(elsewhere, "whoami", "--json", env={**there, "FLYTELIKE_TOKEN": token})
    assert known.document["user"] == "boss"
    assert (
        flytelike(
            elsewhere, "grant", "add", "user:x", "viewer", "--platform", env={**there, "FLYTELIKE_TOKEN": token}
        ).code
        == 0
    )
    audit = flytelike(folder, "audit", "--actor", "boss", "--json").document["entries"]
    assert [(one["method"], one["outcome"]) for one in audit] == [("AccessService/CreateGrant", "OK")]
