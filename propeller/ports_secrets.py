"""Where an executor gets the secrets that a task asks for."""

from typing import Protocol

from typing_extensions import override

from flytelike.model.graph import SecretRequest


class Secrets(Protocol):
    """Finds secrets. Whoever asks gives them to the attempt that asked and to nobody else, and keeps them nowhere."""

    async def find(self, project: str, domain: str, request: SecretRequest) -> str | None:
        """Return a secret's text for a task of a project and domain; None when nobody knows it.

        Raises:
            SecretsUnavailable: It cannot be told now whether there is such a secret.
        """


class SecretsUnavailable(Exception):
    """Secrets cannot be read. The message says why, and holds none of them."""


class NoSecrets(Secrets):
    """Knows none."""

    @override
    async def find(self, project: str, domain: str, request: SecretRequest) -> None:
        """Return None."""
