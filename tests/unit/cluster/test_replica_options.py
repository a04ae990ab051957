"""What of a replica's settings cannot be is told before anything is opened, all of it at once."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from flytelike.cli import serve
from flytelike.cli.access_options import access_of
from flytelike.cluster.options import ReplicaOptions, Secrets
from flytelike.controlplane.database import database_url
from flytelike.model.diagnostic import DiagnosticError
from propeller.app.main import main
from propeller.app.monitoring import address_of


def codes(options: ReplicaOptions) -> list[str]:
    with pytest.raises(DiagnosticError) as refused:
        options.check()
    return [found.code for found in refused.value.diagnostics]


def secret(folder: Path, text: str = "0123456789abcdef" * 4) -> Path:
    path = folder / "secret"
    path.write_text(text)
    return path


@pytest.mark.parametrize("host", ["0.0.0.0", "10.1.2.3", "[::]", "", "flytelike.example.com"])
def test_a_port_beyond_loopback_wants_a_secret(host: str) -> None:
    open_to_all = ReplicaOptions("sqlite://", "s3://b", f"{host}:1", f"{host}:2", f"{host}:3", f"{host}:4")
    assert codes(open_to_all) == ["unprotected-address"] * 3, "probes and metrics are for everybody"


@pytest.mark.parametrize(
    "words", [["--require-login"], ["--oidc-issuer", "https://login.example", "--oidc-audience", "x"]]
)
def test_callers_who_log_in_may_come_from_anywhere(words: list[str]) -> None:
    command = serve.command.make_context("serve", ["--database", "d", "--store", "s", *words])
    access = access_of(command.params)
    asked = ReplicaOptions("sqlite://", "s3://b", ":1", "127.0.0.1:2", "127.0.0.1:3", access=access)
    asked.check()
    assert asked.settings().guarded


def test_a_provider_without_an_audience_is_refused() -> None:
    given = ["--database", "d", "--store", "s", "--oidc-issuer", "https://login.example"]
    context = serve.command.make_context("serve", given)
    with pytest.raises(click.UsageError, match="--oidc-audience"):
        access_of(context.params)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_loopback_is_this_machine_alone(host: str) -> None:
    ReplicaOptions("sqlite://", "s3://b", f"{host}:1", f"{host}:2", f"{host}:3").check()


def test_with_secrets_any_address_will_do(tmp_path: Path) -> None:
    path = secret(tmp_path)
    secrets = Secrets(path, path, path)
    ReplicaOptions("sqlite://", "s3://b", ":1", ":2", ":3", secrets=secrets).check()


def test_faults_are_told_together(tmp_path: Path) -> None:
    wrong = ReplicaOptions("", "", "nowhere", "127.0.0.1:99999", secrets=Secrets(tls_cert_file=tmp_path / "tls.crt"))
    assert codes(wrong) == ["invalid-option", "invalid-option", "contradictory-options"]


@pytest.mark.parametrize("text", ["", "\n\n", "short\n", f"{'x' * 40}\nshort\n", "\xe4" * 20])
def test_a_secret_is_long_enough_to_be_one(tmp_path: Path, text: str) -> None:
    options = ReplicaOptions("", "", secrets=Secrets(token_file=secret(tmp_path, text)))
    assert codes(options) == ["unusable-secret-file"]


def test_certificate_and_key_belong_together(tmp_path: Path) -> None:
    path = secret(tmp_path)
    assert codes(ReplicaOptions("", "", secrets=Secrets(tls_cert_file=path, tls_private_key_file=path))) == [
        "unusable-certificate"
    ]


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:80", ("::1", 80)), (":80", ("0.0.0.0", 80)), ("h:0", ("h", 0))],
)
def test_addresses_are_read_as_others_write_them(text: str, address: tuple[str, int]) -> None:
    assert address_of(text) == address


@pytest.mark.parametrize("text", ["", "80", "host", "host:", "host:x", "host:65536", "host:-1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        address_of(text)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_our_driver_need_not_be_named(scheme: str) -> None:
    assert database_url(f"{scheme}://u:p@h/d") == "postgresql+psycopg://u:p@h/d"


# --- settings files ---------------------------------------------------------------------------


def test_an_option_goes_before_the_variable_and_the_variable_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, object] = {}
    monkeypatch.setattr(serve, "options_of", lambda found: given.update(found) or pytest.skip("enough"))
    (tmp_path / "serve.yaml").write_text("{database: file, store: file, public_url: file, drain: 3}")
    monkeypatch.setenv("FLYTELIKE_CONFIG", str(tmp_path / "serve.yaml"))
    monkeypatch.setenv("FLYTELIKE_STORE", "variable")
    monkeypatch.setenv("FLYTELIKE_DATABASE", "variable")
    with pytest.raises(pytest.skip.Exception):
        CliRunner().invoke(serve.command, ["--database", "option"], catch_exceptions=False)
    assert [given[name] for name in ("database", "store", "public_url", "drain")] == ["option", "variable", "file", 3.0]


def test_all_that_is_wrong_with_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "serve.yaml").write_text("{data_base: x, drain: soon, store: s3://b}")
    result = CliRunner().invoke(serve.command, ["--config", str(tmp_path / "serve.yaml")])
    assert isinstance(result.exception, DiagnosticError)
    first, second = result.exception.diagnostics
    assert "there is no setting `data_base` (did you mean `database`?)" in first.headline
    assert "drain: " in second.headline


def test_an_operator_tells_the_same_by_its_exit_code(tmp_path: Path) -> None:
    (tmp_path / "operator.yaml").write_text("{shards: many}")
    result = CliRunner().invoke(main, ["operator", "--config", str(tmp_path / "operator.yaml")])
    assert result.exit_code == 2
    assert "invalid-settings-file" in result.output


@pytest.mark.parametrize("text", ["[1, 2]", "{", "7: x"])
def test_a_file_is_a_map(tmp_path: Path, text: str) -> None:
    (tmp_path / "serve.yaml").write_text(text)
    result = CliRunner().invoke(serve.command, ["--config", str(tmp_path / "serve.yaml")])
    assert isinstance(result.exception, DiagnosticError)


def test_no_variable_is_one_that_kubernetes_makes_for_services() -> None:
    """A Service `flytelike` gives every pod FLYTELIKE_PORT=tcp://..., FLYTELIKE_SERVICE_HOST and such."""
    commands = (serve.command, main.commands["operator"])
    names = {str(param.envvar) for command in commands for param in command.params if param.envvar}
    assert not [name for name in names if name.endswith("_PORT") or "_SERVICE_" in name or "_PORT_" in name]
