"""Stock flytekit logs in to our server in its three ways, at a real identity provider."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flytelike.controlplane.access.caller import Caller
from flytelike.controlplane.access.roles import Place, Role
from tests.services.oidc import PROGRAM, SECRET
from tests.services.shared_server import SharedServer, shared_server
from tests.unit.access.world import user_grant

pytestmark = pytest.mark.timeout(300)

HERE = Path(__file__).resolve().parent
PATIENCE_S = 240


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedServer]:
    with shared_server(tmp_path_factory.mktemp("shared")) as server:
        for user in ("ann", PROGRAM):
            grant = user_grant(user, Role.VIEWER, Place("flytesnacks"))
            server.call(server.plane.access.add_grant, Caller(), grant)
        yield server


def started(stock: Path, server: SharedServer, *words: str) -> subprocess.Popen[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("FLYTE", "PYTHON"))}
    browser = f"{sys.executable} {HERE / 'browser.py'} %s &"
    env = {**kept, "BROWSER": browser, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring", "NO_COLOR": "1"}
    return subprocess.Popen(
        [str(stock / "bin/python"), "-u", str(HERE / "stock/logging_in.py"), server.address, *words],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def projects(running: subprocess.Popen[str]) -> list[str]:
    text, _ = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 0, text
    found: list[str] = json.loads(text.splitlines()[-1])
    return found


def test_programs_log_in_by_their_secret(stock: Path, server: SharedServer) -> None:
    assert projects(started(stock, server, "ClientSecret", PROGRAM, SECRET)) == ["flytesnacks"]


def test_people_log_in_with_a_browser(stock: Path, server: SharedServer) -> None:
    assert projects(started(stock, server, "Pkce")) == ["flytesnacks"]


def test_people_log_in_on_another_device(stock: Path, server: SharedServer) -> None:
    running = started(stock, server, "DeviceFlow")
    assert running.stdout is not None
    line = ""
    for line in running.stdout:
        if "/device?user_code=" in line:
            break
    address = next(word for word in line.split() if word.startswith("http"))
    subprocess.run([sys.executable, str(HERE / "browser.py"), address], check=True, timeout=PATIENCE_S)
    assert projects(running) == ["flytesnacks"]


def test_a_wrong_secret_gets_nothing(stock: Path, server: SharedServer) -> None:
    running = started(stock, server, "ClientSecret", PROGRAM, "wrong")
    text, _ = running.communicate(timeout=PATIENCE_S)
    assert running.returncode != 0
    assert "flytesnacks" not in text
