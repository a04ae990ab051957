"""OpenID Connect: access tokens of an identity provider become identities.

Signature, issuer, audience and times are checked by PyJWT (RFC 7519, RFC 9068); ADR 32 says why.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flytelike.controlplane.access.identity import Identity, Via
from flytelike.controlplane.access.keys import Provider
from flytelike.controlplane.access.options import OidcOptions
from flytelike.controlplane.errors import Refusal, Status, refusal

if TYPE_CHECKING:
    import jwt

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Only such as are signed with a private key."""
GROUPS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Verified:
    """Whose a token is, and until when (seconds since 1970) it says so."""

    identity: Identity
    expires_s: int


async def verified(token: str, options: OidcOptions, provider: Provider) -> Verified:
    """Return whose an access token is.

    Raises:
        Refusal: UNAUTHENTICATED `token-not-accepted`: it is not the provider's, not for us, or not now; UNAVAILABLE
            `identity-provider-unavailable`.
    """
    import jwt  # noqa: PLC0415 - only servers with a provider need it

    try:
        header = jwt.get_unverified_header(token)
        key = await provider.key(str(header.get("kid", "")))
        if key is None:
            raise rejected("it is signed with a key that the provider does not have")
        claims = jwt.decode(
            token,
            jwt.PyJWK(dict(key), algorithm=_algorithm(header, key)),
            algorithms=list(ALGORITHMS),
            audience=options.audience,
            issuer=options.issuer,
            leeway=options.leeway_s,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
    except jwt.PyJWTError as error:
        raise rejected(_reason(error)) from None
    return Verified(identity_of(claims, options), int(claims["exp"]))


def identity_of(claims: Mapping[str, Any], options: OidcOptions) -> Identity:
    """Return whom claims speak of; raises Refusal UNAUTHENTICATED where they name nobody."""
    user = claims.get(options.user_claim)
    if not isinstance(user, str) or not user:
        raise rejected(f"it has no claim {options.user_claim!r} that names somebody")
    if options.user_claim == "email" and claims.get("email_verified") is False:
        raise rejected("its email address is not verified")
    return Identity(
        user,
        groups_of(claims, options.groups_claim),
        Via.OIDC,
        name=_text(claims, "name"),
        email=_text(claims, "email"),
    )


def groups_of(claims: Mapping[str, Any], path: str) -> frozenset[str]:
    """Return the groups that a claim lists; a path with dots leads into objects."""
    found: Any = claims.get(path)
    if found is None:
        found = claims
        for step in path.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
    groups = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return frozenset(group for group in groups[:GROUPS_MAX] if isinstance(group, str) and group)


def _algorithm(header: Mapping[str, Any], key: Mapping[str, Any]) -> str:
    wanted = str(header.get("alg", ""))
    if wanted not in ALGORITHMS or key.get("alg", wanted) != wanted:
        raise rejected(f"it is signed by {wanted[:20]!r}")
    return wanted


def _reason(error: "jwt.PyJWTError") -> str:
    """Return what PyJWT says is wrong; it says nothing of what is in the token."""
    return f"{type(error).__name__.removesuffix('Error')}: {error}"[:200]


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value[:255] if isinstance(value, str) else ""


def rejected(why: str) -> Refusal:
    """Return the refusal of a token."""
    return refusal(
        Status.UNAUTHENTICATED,
        "token-not-accepted",
        f"the token is not accepted: {why}",
        "log in with `flytelike login`",
    )
