"""Where an embedded platform finds secrets, and how it keeps them."""

import asyncio
from pathlib import Path

import pytest

from flytelike.embedded.secret_folder import SECRET_BYTES_MAX, SecretFolder
from flytelike.embedded.secrets import SecretsOfPlatform
from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.graph import SecretRequest
from propeller.ports_secrets import SecretsUnavailable

PASSWORD = SecretRequest("db", "password")


class Vault:
    """A package's provider."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, project: str, domain: str, request: SecretRequest) -> str | None:
        if request.key == "broken":
            raise RuntimeError("token hunter2 was refused")
        return f"{project}/{domain} of {self.folder.name}" if request.key == "vaulted" else None


@pytest.fixture
def folder(tmp_path: Path) -> SecretFolder:
    return SecretFolder(tmp_path / "data" / "secrets")


def found(folder: SecretFolder, request: SecretRequest, env: dict[str, str] | None = None) -> str | None:
    secrets = SecretsOfPlatform(folder, env or {}, [Vault])
    return asyncio.run(secrets.find("p", "development", request))


def test_nobody_knows_it(folder: SecretFolder) -> None:
    assert found(folder, PASSWORD) is None


def test_what_is_set_is_found_whatever_its_case(folder: SecretFolder) -> None:
    folder.set(SecretRequest("DB", "Password"), "one")
    folder.set(PASSWORD, "two")
    assert found(folder, SecretRequest("Db", "PASSWORD")) == "two"
    assert list(folder.names()) == ["db/password"]


def test_the_environment_comes_before_the_folder_and_the_folder_before_packages(folder: SecretFolder) -> None:
    vaulted = SecretRequest("db", "vaulted")
    assert found(folder, vaulted) == "p/development of data"
    folder.set(vaulted, "kept")
    assert found(folder, vaulted) == "kept"
    assert found(folder, vaulted, {"_FSEC_DB_VAULTED": "given"}) == "given"
    env = {"FLYTE_SECRETS_ENV_PREFIX": "MY_", "MY_DB_VAULTED": "mine"}
    assert found(folder, vaulted, env) == "mine"


def test_a_provider_that_fails_is_told_without_its_words(folder: SecretFolder) -> None:
    with pytest.raises(SecretsUnavailable, match="Vault failed with RuntimeError") as raised:
        found(folder, SecretRequest("db", "broken"))
    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused(folder: SecretFolder, mode: int) -> None:
    folder.set(PASSWORD, "one")
    (folder.root / "db" / "password").chmod(mode)
    with pytest.raises(DiagnosticError, match="others may read it") as raised:
        folder.find(PASSWORD)
    assert [told.code for told in raised.value.diagnostics] == ["insecure-secret"]
    with pytest.raises(SecretsUnavailable, match="others may read it"):
        found(folder, PASSWORD)


def test_a_link_is_not_followed(folder: SecretFolder, tmp_path: Path) -> None:
    folder.set(PASSWORD, "one")
    (folder.root / "db" / "link").symlink_to(tmp_path)
    with pytest.raises(DiagnosticError, match="cannot be opened"):
        folder.find(SecretRequest("db", "link"))


@pytest.mark.parametrize("group", ["..", "a/b", "", ".hidden", "-rf", "a\0b"])
def test_names_that_lead_elsewhere_are_refused(folder: SecretFolder, group: str) -> None:
    request = SecretRequest(group, "" if not group else "key")
    assert folder.find(request) is None
    with pytest.raises(DiagnosticError) as raised:
        folder.set(request, "value")
    assert [told.code for told in raised.value.diagnostics] == ["invalid-secret"]


@pytest.mark.parametrize("value", ["", "a\0b", "x" * (SECRET_BYTES_MAX + 1)])
def test_values_that_cannot_be_kept_are_refused_without_telling_them(folder: SecretFolder, value: str) -> None:
    with pytest.raises(DiagnosticError, match="1 to 1,048,576 bytes"):
        folder.set(PASSWORD, value)
    assert not list(folder.names())


def test_deleting_leaves_no_empty_folder(folder: SecretFolder) -> None:
    folder.set(PASSWORD, "one")
    assert folder.delete(PASSWORD)
    assert not folder.delete(PASSWORD)
    assert list(folder.root.iterdir()) == []
