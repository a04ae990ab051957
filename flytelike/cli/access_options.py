"""Options that say who may call a server, shared by the verbs that run one."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from flytelike.cli.quantities import Age
from flytelike.controlplane.access.options import REDIRECT_URI, AccessOptions, OidcOptions

F = TypeVar("F", bound=Callable[..., object])


def option(name: str, text: str, **more: Any) -> Callable[[Callable[..., object]], Callable[..., object]]:  # noqa: ANN401 - click's
    """Return an option that can be given as an environment variable, too."""
    variable = f"FLYTELIKE_{name.removeprefix('--').replace('-', '_').upper()}"
    return click.option(name, envvar=variable, show_envvar=True, help=text, **more)


def access_options(command: F) -> F:
    """Add the options that say who may call."""
    for add in (
        option("--audit-retention", "How long the audit log reaches back; 0s: for ever.", type=Age(), default="400d"),
        option("--oidc-redirect-uri", "Where browsers bring the answer.", default=REDIRECT_URI, show_default=True),
        option("--oidc-scopes", "What they ask for.", default="openid offline_access", show_default=True),
        option("--oidc-client-id", "The public client as which command lines log in.", default=""),
        option("--oidc-groups-claim", "The claim with the user's groups.", default="groups", show_default=True),
        option("--oidc-user-claim", "The claim with the user's name.", default="sub", show_default=True),
        option("--oidc-audience", "Whom its tokens must be meant for.", default=""),
        option("--oidc-issuer", "The identity provider whose access tokens are accepted: https://...", default=""),
        option("--admin", "Who administers the platform: user:NAME or group:NAME; may be repeated.", multiple=True),
        option("--require-login", "Callers must say who they are: by a token, if nothing else.", is_flag=True),
    ):
        command = add(command)  # type: ignore[assignment]
    return command


def access_of(given: dict[str, Any]) -> AccessOptions:
    """Return who may call; raises click.UsageError."""
    oidc = None
    if given["oidc_issuer"]:
        if not given["oidc_audience"]:
            raise click.UsageError("--oidc-issuer needs --oidc-audience: tokens for others must not be accepted")
        oidc = OidcOptions(
            given["oidc_issuer"],
            given["oidc_audience"],
            user_claim=given["oidc_user_claim"],
            groups_claim=given["oidc_groups_claim"],
            client_id=given["oidc_client_id"],
            scopes=tuple(given["oidc_scopes"].split()),
            redirect_uri=given["oidc_redirect_uri"],
        )
    audit_ns = given["audit_retention"] * 1_000_000_000
    return AccessOptions(given["require_login"], oidc, tuple(given["admin"]), audit_ns)
