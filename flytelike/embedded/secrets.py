"""Where an embedded platform finds secrets: its own environment, the data folder, and what installed packages bring."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol, TypeAlias

from typing_extensions import override

from flytelike.embedded.secret_folder import SecretFolder
from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.graph import SecretRequest
from flytelike.model.secret_names import VARIABLE_PREFIX, variable_of
from propeller.ports_secrets import Secrets, SecretsUnavailable

GROUP = "flytelike.secrets"


class SecretProvider(Protocol):
    """What an entry point of the group `flytelike.secrets` makes when it is called with the data folder's path."""

    def find(self, project: str, domain: str, request: SecretRequest) -> str | None:
        """Return a secret's text, or None. May block; whatever it raises fails the attempt, which is tried again."""


ProviderFactory: TypeAlias = Callable[[Path], SecretProvider]


class SecretsOfPlatform(Secrets):
    """Asks the environment, then the folder, then each package's provider; the first that knows a secret counts.

    Args:
        folder: Where `flytelike secret set` keeps them.
        env: The platform's environment. Variables are named as in Flyte's pods: `_FSEC_<GROUP>_<KEY>`.
        factories: Make the providers, for tests; None for those of installed packages.
    """

    def __init__(
        self,
        folder: SecretFolder,
        env: Mapping[str, str] | None = None,
        factories: Sequence[ProviderFactory] | None = None,
    ) -> None:
        self._folder = folder
        self._env = os.environ if env is None else env
        self._factories = factories

    @override
    async def find(self, project: str, domain: str, request: SecretRequest) -> str | None:
        """Return a secret's text; raises SecretsUnavailable."""
        return await asyncio.to_thread(self._find, project, domain, request)

    def _find(self, project: str, domain: str, request: SecretRequest) -> str | None:
        prefix = self._env.get("FLYTE_SECRETS_ENV_PREFIX") or VARIABLE_PREFIX
        value = self._env.get(variable_of(request, prefix))
        if value is not None:
            return value
        try:
            value = self._folder.find(request)
        except DiagnosticError as error:
            raise SecretsUnavailable("; ".join(told.headline for told in error.diagnostics)) from None
        if value is not None:
            return value
        for provider in self._providers:
            try:
                value = provider.find(project, domain, request)
            except Exception as error:  # noqa: BLE001 - another package's code; its message may hold a secret
                name = type(provider).__name__
                raise SecretsUnavailable(f"{name} failed with {type(error).__name__}") from None
            if value is not None:
                return value
        return None

    @cached_property
    def _providers(self) -> tuple[SecretProvider, ...]:
        from importlib.metadata import entry_points  # noqa: PLC0415 - 13 ms that few need

        factories = self._factories
        try:
            if factories is None:
                factories = [point.load() for point in entry_points(group=GROUP)]
            return tuple(factory(self._folder.root.parent) for factory in factories)
        except Exception as error:  # noqa: BLE001 - as above
            raise SecretsUnavailable(f"a provider cannot be loaded: {type(error).__name__}") from None
