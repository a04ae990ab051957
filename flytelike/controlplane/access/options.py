"""What can be chosen about who may call."""

from dataclasses import dataclass

HEADER = "flyte-authorization"
"""Where clients are told to send their token; `authorization` is understood, too."""

REDIRECT_URI = "http://localhost:53593/callback"
"""Where stock clients listen for the answer of a browser."""

DAY_NS = 24 * 3600 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class OidcOptions:
    """An OpenID Connect provider whose access tokens are accepted.

    Attributes:
        issuer: Its address, as it stands in the tokens; below it lies its configuration.
        audience: Whom tokens must be meant for.
        user_claim: The claim that is the user's name: one that users cannot choose themselves.
        groups_claim: The claim that lists the user's groups; dots lead into objects (`realm_access.roles`).
        leeway_s: How far the clocks of provider and server may be apart.
        client_id: The public client as which command lines log in; without one they cannot.
        scopes: What they ask for.
        redirect_uri: Where a browser brings the answer of PKCE; stock clients listen there.
        jwks_url: Where the keys lie, if not where the provider's configuration says.
    """

    issuer: str
    audience: str
    user_claim: str = "sub"
    groups_claim: str = "groups"
    leeway_s: int = 30
    client_id: str = ""
    scopes: tuple[str, ...] = ("openid", "offline_access")
    redirect_uri: str = REDIRECT_URI
    jwks_url: str = ""


@dataclass(frozen=True, slots=True)
class AccessOptions:
    """Who may call.

    Attributes:
        required: Whether callers must say who they are; so it is in any case with a provider or a token file.
        oidc: The provider of identities.
        admins: Subjects, such as `user:ann` or `group:platform`, who administer the platform without a grant.
        audit_ns: How long the audit log reaches back; 0 keeps all of it.
    """

    required: bool = False
    oidc: OidcOptions | None = None
    admins: tuple[str, ...] = ()
    audit_ns: int = 400 * DAY_NS

    @property
    def guards(self) -> bool:
        """Whether callers must say who they are."""
        return self.required or self.oidc is not None
