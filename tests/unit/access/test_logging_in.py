"""People log in from the command line, and do there what access is about."""

import json
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flytelike.cli.main import cli
from flytelike.controlplane.access.caller import Caller
from flytelike.controlplane.access.naming import grant_of
from flytelike.controlplane.access.roles import PLATFORM, Place, Role
from flytelike.controlplane.repository.access import GrantRow
from flytelike.model.diagnostic import DiagnosticError
from flytelike.remote.credentials import Credentials, Login
from flytelike.remote.errors import RemoteError
from flytelike.remote.login import LoginOffer, in_browser
from tests.services.shared_server import SharedServer, browse, free_port, shared_server
from tests.unit.access.world import user_grant


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedServer]:
    with shared_server(tmp_path_factory.mktemp("shared"), admins=("group:operators",)) as server:
        yield server


@pytest.fixture(autouse=True)
def home(server: SharedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without logins, where the server is the one that is meant."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("FLYTELIKE_SERVER", server.address)
    monkeypatch.delenv("FLYTELIKE_TOKEN", raising=False)
    monkeypatch.setattr("webbrowser.open", browse)
    server.provider.person.groups = ("scientists",)
    server.provider.person.name = "ann"
    server.provider.expires_s = 600
    return tmp_path / "flytelike"


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, words, catch_exceptions=True)


def told(*words: str) -> object:
    result = run(*words, "--json")
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout)


def test_a_browser_logs_in(server: SharedServer, home: Path) -> None:
    result = run("login")
    assert result.exit_code == 0, result.output
    assert f"logged in to {server.address} as ann" in result.stdout
    assert told("whoami") == {"user": "ann", "groups": ["scientists"], "via": "oidc", "everything": False, "grants": []}


def test_another_device_logs_in(server: SharedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flytelike.remote.login.time.sleep", lambda _: enter(server))
    assert run("login", "--device").exit_code == 0
    assert told("whoami")["user"] == "ann"  # type: ignore[index]


def enter(server: SharedServer) -> None:
    """Enter the codes of all devices that wait."""
    server.provider.entered.update(device.code for device in server.provider.devices.values())


def test_a_login_is_for_its_owners_eyes(home: Path) -> None:
    run("login")
    file = home / "credentials.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    (kept,) = json.loads(file.read_text()).values()
    assert kept["access_token"] not in repr(Login(**kept))
    assert kept["refresh_token"] not in repr(Login(**kept))


def test_a_login_is_renewed_before_it_expires(server: SharedServer, home: Path) -> None:
    server.provider.expires_s = 1
    run("login")
    (before,) = json.loads((home / "credentials.json").read_text()).values()
    server.provider.expires_s = 600
    assert told("whoami")["user"] == "ann"  # type: ignore[index]
    (after,) = json.loads((home / "credentials.json").read_text()).values()
    assert after["access_token"] != before["access_token"]
    assert after["refresh_token"] != before["refresh_token"], "the provider gives a new one each time"
    assert after["expires_s"] > time.time() + 500


def test_who_logs_out_is_nobody_again(server: SharedServer) -> None:
    run("login")
    assert run("logout").exit_code == 0
    assert Credentials().find(server.address) is None
    result = run("whoami")
    assert isinstance(result.exception, RemoteError)
    assert [found.code for found in result.exception.diagnostics] == ["login-required"]


def test_a_token_goes_before_a_login(server: SharedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    run("login")
    made = server.call(server.plane.access.create_token, Caller(), "robot", "", 0)
    monkeypatch.setenv("FLYTELIKE_TOKEN", made.token)
    assert told("whoami")["via"] == "token"  # type: ignore[index]


def test_tokens_are_made_listed_and_revoked(monkeypatch: pytest.MonkeyPatch) -> None:
    run("login")
    made = told("token", "create", "--name", "laptop", "--expires", "1h")
    found = {one["id"]: one for one in told("token", "list")}  # type: ignore[attr-defined, index]
    assert found[made["id"]]["name"] == "laptop"  # type: ignore[index]
    assert made["token"] not in run("token", "list").output  # type: ignore[index]
    assert run("token", "revoke", made["id"]).exit_code == 0  # type: ignore[index]
    monkeypatch.setenv("FLYTELIKE_TOKEN", made["token"])  # type: ignore[index]
    assert "token-not-accepted" in str(run("whoami").exception.diagnostics)  # type: ignore[union-attr]


def test_roles_are_given_and_taken(server: SharedServer) -> None:
    server.provider.person.groups = ("operators",)
    run("login")
    assert "is now viewer of default" in run("grant", "add", "group:guests", "viewer", "-p", "default").output
    assert "was already viewer" in run("grant", "add", "group:guests", "viewer", "-p", "default").output
    listed = told("grant", "list")
    assert [(one["subject"], one["role"], one["project"]) for one in listed] == [  # type: ignore[attr-defined]
        ("group:guests", "viewer", "default")
    ]
    assert run("grant", "remove", "group:guests", "viewer", "-p", "default").exit_code == 0
    assert told("grant", "list") == []
    assert "unknown-grant" in str(run("grant", "remove", "user:x", "viewer", "--platform").exception)


@pytest.mark.parametrize(
    "words",
    [
        ("ann", "viewer", "-p", "x"),
        ("user:ann", "viewer"),
        ("user:ann", "viewer", "-p", "x", "--platform"),
        ("user:ann", "viewer", "--team", "t", "-p", "x"),
        ("user:ann", "king", "--platform"),
        ("user:", "viewer", "--platform"),
    ],
    ids=" ".join,
)
def test_a_grant_says_whom_what_and_where(words: tuple[str, ...]) -> None:
    assert run("grant", "add", *words).exit_code == 2


def test_who_administers_a_project_gives_roles_there_and_nowhere_else(server: SharedServer) -> None:
    server.call(server.plane.access.add_grant, Caller(), user_grant("ann", Role.ADMIN, Place("flytesnacks")))
    run("login")
    assert run("grant", "add", "user:bob", "launcher", "-p", "flytesnacks", "-d", "staging").exit_code == 0
    for elsewhere in (("-p", "default"), ("--platform",), ("--team", "default")):
        assert "permission-denied" in str(run("grant", "add", "user:bob", "viewer", *elsewhere).exception.diagnostics)  # type: ignore[union-attr]
    assert {one["project"] for one in told("grant", "list")} == {"flytesnacks"}  # type: ignore[attr-defined]
    server.call(server.plane.access.remove_grant, user_grant("ann", Role.ADMIN, Place("flytesnacks")))


def test_the_first_one_gets_in_by_the_database(server: SharedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    url = server.plane.settings.database_url
    made = told("token", "create", "--bootstrap", "--user", "root", "--database", url)
    server.plane.book.changed()
    monkeypatch.setenv("FLYTELIKE_TOKEN", made["token"])  # type: ignore[index]
    (grant,) = told("whoami")["grants"]  # type: ignore[index]
    assert (grant["role"], grant["project"]) == ("admin", "")
    server.call(server.plane.access.remove_grant, grant_of(GrantRow("user", "root", "admin", "", "", "")))
    assert grant_of(GrantRow("user", "root", "admin", "", "", "")).place == PLATFORM


def test_answers_to_other_questions_are_not_taken(server: SharedServer) -> None:
    """Somebody else's page cannot make this machine log in as them: the answer must know the question's state."""
    port = free_port()
    offer = LoginOffer("http://127.0.0.1/x", "http://127.0.0.1/y", "", "c", f"http://localhost:{port}/callback", (), "")

    def forge(_: str) -> None:
        browse(f"http://localhost:{port}/callback?code=stolen&state=guessed")

    with pytest.raises(DiagnosticError, match="nobody has logged in"):
        in_browser(offer, forge, patience_s=0.5)


@pytest.mark.parametrize("redirect", ["https://elsewhere.example.com/callback", "http://localhost/callback"])
def test_the_answer_comes_to_this_machine(redirect: str) -> None:
    with pytest.raises(DiagnosticError, match="no port of this machine"):
        in_browser(LoginOffer("a", "b", "", "c", redirect, (), ""), browse)
