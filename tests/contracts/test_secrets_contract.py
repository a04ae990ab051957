"""What every source of secrets promises: the text of those it knows, None for others, and no secret in a message."""

from pathlib import Path

import pytest

from flytelike.embedded.secret_folder import SecretFolder
from flytelike.embedded.secrets import SecretsOfPlatform
from flytelike.model.graph import SecretRequest
from propeller.ports_secrets import Secrets, SecretsUnavailable

pytestmark = pytest.mark.anyio
PORTS = {"Secrets": ("SecretsOfPlatform",), "SecretProvider": ("Vault",)}
PASSWORD, TEXT = SecretRequest("db", "password"), "hunter2-s3cret"


class Vault:
    """A provider as an installed package brings one; sealed, it fails with the secret in its message."""

    def __init__(self, *, sealed: bool = False) -> None:
        self.sealed = sealed

    def find(self, project: str, domain: str, request: SecretRequest) -> str | None:
        del project, domain
        if self.sealed:
            raise OSError(f"sealed; it would be {TEXT}")
        return TEXT if request == PASSWORD else None


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["environment", "folder", "provider"])
def secrets(request: pytest.FixtureRequest, tmp_path: Path) -> Secrets:
    """A source that knows one secret, by one of the ways there are."""
    folder, env = SecretFolder(tmp_path / "secrets"), dict[str, str]()
    if request.param == "environment":
        env["_FSEC_DB_PASSWORD"] = TEXT
    elif request.param == "folder":
        folder.set(PASSWORD, TEXT)
    return SecretsOfPlatform(folder, env, [lambda _: Vault()] if request.param == "provider" else [])


async def test_a_secret_that_is_known_is_found(secrets: Secrets) -> None:
    assert await secrets.find("p", "d", PASSWORD) == TEXT


@pytest.mark.parametrize("asked", [SecretRequest("db", "user"), SecretRequest("other", "password")])
async def test_others_are_none(secrets: Secrets, asked: SecretRequest) -> None:
    assert await secrets.find("p", "d", asked) is None


async def test_what_cannot_be_told_is_no_answer_and_shows_nothing(tmp_path: Path) -> None:
    folder = SecretFolder(tmp_path / "secrets")
    open_to_all = SecretsOfPlatform(folder, {}, [])
    sealed = SecretsOfPlatform(SecretFolder(tmp_path / "none"), {}, [lambda _: Vault(sealed=True)])
    folder.set(PASSWORD, TEXT)
    (tmp_path / "secrets" / "db" / "password").chmod(0o644)
    for source in (open_to_all, sealed):
        with pytest.raises(SecretsUnavailable) as told:
            await source.find("p", "d", PASSWORD)
        assert TEXT not in str(told.value)
