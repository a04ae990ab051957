"""The keys with which an identity provider signs: fetched, kept for a while, fetched again when a new one is seen."""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from flytelike.controlplane.access.options import OidcOptions
from flytelike.controlplane.errors import Refusal, Status, refusal

Fetch = Callable[[str], Awaitable[Mapping[str, Any]]]
Document = Mapping[str, Any]

KEEP_S = 3600.0
"""How long keys are used before they are asked for again."""
AGAIN_S = 10.0
"""How soon an unknown key, or a failure, lets the provider be asked again."""
ANSWER_S = 10.0
ANSWER_BYTES_MAX = 1024 * 1024
LOOPBACK = {"localhost", "127.0.0.1", "::1"}

_LOG = logging.getLogger(__name__)


class Provider:
    """What an identity provider tells of itself."""

    def __init__(
        self, options: OidcOptions, fetch: Fetch | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Ask nothing yet; `fetch` gets JSON from an address."""
        self._options = options
        self._fetch = fetch or fetched
        self._monotonic = monotonic
        self._configuration: Document | None = None
        self._keys: Mapping[str, Document] = {}
        self._known_at = -KEEP_S
        self._asked_at = -KEEP_S
        self._turn = asyncio.Lock()

    async def configuration(self) -> Document:
        """Return the provider's OpenID configuration (OpenID Connect Discovery 1.0).

        Raises:
            Refusal: UNAVAILABLE `identity-provider-unavailable`.
        """
        if self._configuration is None:
            issuer = self._options.issuer
            found = await self._ask(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != issuer:
                raise unavailable(f"{issuer} calls itself {str(found.get('issuer'))[:200]!r}")
            self._configuration = found
        return self._configuration

    async def key(self, name: str) -> Document | None:
        """Return the JSON Web Key of a name (`kid`); None if the provider has none of it.

        Raises:
            Refusal: UNAVAILABLE `identity-provider-unavailable`, where no keys are known at all.
        """
        found = self._find(name)
        if found is not None and self._monotonic() - self._known_at < KEEP_S:
            return found
        async with self._turn:
            found, now = self._find(name), self._monotonic()
            stale = now - self._known_at >= KEEP_S
            if (found is None or stale) and now - self._asked_at >= AGAIN_S:
                self._asked_at = now
                await self._renew()
        found = self._find(name)
        if found is None and not self._keys:
            raise unavailable(f"the keys of {self._options.issuer} are not known")
        return found

    def _find(self, name: str) -> Document | None:
        if not name and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(name)

    async def _renew(self) -> None:
        try:
            url = self._options.jwks_url or str((await self.configuration())["jwks_uri"])
            keys = (await self._ask(url)).get("keys", [])
            usable = [key for key in keys if key.get("kty") != "oct" and key.get("use", "sig") == "sig"]
            self._keys = {str(key.get("kid", "")): key for key in usable}
            self._known_at = self._monotonic()
        except (Refusal, KeyError, AttributeError, TypeError) as error:
            if not self._keys:
                raise unavailable(f"the keys of {self._options.issuer} cannot be fetched: {error}") from error
            _LOG.warning("the identity provider's keys cannot be fetched, those known are used: %s", error)

    async def _ask(self, url: str) -> Document:
        try:
            return await self._fetch(url)
        except (OSError, ValueError) as error:
            raise unavailable(f"{url} does not answer: {error}") from error


async def fetched(url: str) -> Document:
    """Return the JSON object at an address; raises OSError or ValueError."""
    return await asyncio.to_thread(_get, url)


def _get(url: str) -> Document:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError("an identity provider is asked by https")
    request = Request(url, headers={"accept": "application/json"})  # noqa: S310 - the scheme was checked above
    with urlopen(request, timeout=ANSWER_S) as answer:  # noqa: S310 - as above
        data = answer.read(ANSWER_BYTES_MAX + 1)
    if len(data) > ANSWER_BYTES_MAX:
        raise ValueError("the answer is too large")
    found = json.loads(data)
    if not isinstance(found, dict):
        raise ValueError("the answer is no JSON object")  # noqa: TRY004 - of what came, not of a type of ours
    return found


def unavailable(text: str) -> Refusal:
    """Return the refusal while nobody can say whose a token is."""
    return refusal(Status.UNAVAILABLE, "identity-provider-unavailable", text, "try again; look at the provider")
