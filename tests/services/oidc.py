"""A real OpenID Connect provider: authlib's, behind Flask, on a port of this machine.

It knows one public client (command lines), one confidential one (programs), and one user, who logs in by opening the
address: there is no form to fill in.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc8628 import (
    DeviceAuthorizationEndpoint,
    DeviceCodeGrant,
    DeviceCredentialMixin,
)
from flask import Flask, jsonify, request
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from werkzeug.serving import WSGIRequestHandler, make_server

PUBLIC, PROGRAM, SECRET = "command-line", "a-program", "of-a-program"
AUDIENCE = "flytelike"
USER = "ann"


@dataclass
class Client(ClientMixin):
    """A client that the provider knows."""

    client_id: str
    secret: str = ""
    redirect_uris: list[str] = field(default_factory=list)

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        return self.redirect_uris[0]

    def get_allowed_scope(self, scope: str) -> str:
        return scope or ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        return bool(self.secret) and client_secret == self.secret

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == ("client_secret_basic" if self.secret else "none")

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return (grant_type == "client_credentials") == bool(self.secret)


@dataclass
class Person:
    """Somebody who logs in."""

    name: str = USER
    groups: tuple[str, ...] = ("scientists",)

    def get_user_id(self) -> str:
        return self.name


@dataclass
class Code:
    """An authorisation code that was given out."""

    client_id: str
    redirect_uri: str
    scope: str
    code_challenge: str
    code_challenge_method: str
    auth_time: int
    nonce: str = ""

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


@dataclass
class Refresh:
    """A refresh token that was given out."""

    client_id: str
    scope: str

    def check_client(self, client: Client) -> bool:
        return client.client_id == self.client_id

    def get_scope(self) -> str:
        return self.scope


@dataclass
class Device(DeviceCredentialMixin):
    """A device that waits for somebody."""

    client_id: str
    scope: str
    code: str
    expires_at: float

    def get_client_id(self) -> str:
        return self.client_id

    def get_scope(self) -> str:
        return self.scope

    def get_user_code(self) -> str:
        return self.code

    def is_expired(self) -> bool:
        return time.time() > self.expires_at


class Provider:
    """A running provider; what it says of its user, and how it signs, can be changed while it runs."""

    def __init__(self) -> None:
        self.issuer = ""
        self.person = Person()
        self.clients = {PUBLIC: Client(PUBLIC), PROGRAM: Client(PROGRAM, SECRET)}
        self.expires_s = 600
        self.extra: dict[str, Any] = {}
        self.codes: dict[str, Code] = {}
        self.refreshes: dict[str, Refresh] = {}
        self.devices: dict[str, Device] = {}
        self.entered: set[str] = set()
        self.asked: list[str] = []
        self.rotate()

    def rotate(self, *, curve: bool = False) -> None:
        """Sign with a new key from now on; the former ones are not told any more."""
        name = f"key-{time.monotonic_ns()}"
        parameters = {"kid": name, "use": "sig", "alg": "ES256" if curve else "RS256"}
        self.key = ECKey.generate_key("P-256", parameters) if curve else RSAKey.generate_key(2048, parameters)
        self.algorithm = parameters["alg"]

    def token(self, **claims: Any) -> str:
        """Return an access token; `claims` say what is not as usual, None leaves one out."""
        now = int(time.time())
        told = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": self.person.name,
            "groups": list(self.person.groups),
            "iat": now,
            "exp": now + self.expires_s,
            **self.extra,
            **claims,
        }
        header = {"alg": self.algorithm, "kid": self.key.kid, "typ": "at+jwt"}
        kept = {name: value for name, value in told.items() if value is not None}
        return jwt.encode(header, kept, self.key, algorithms=[self.algorithm])


class _CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ["none"]

    def save_authorization_code(self, code: str, request: Any) -> None:
        told = request.payload.data
        self.server.provider.codes[code] = Code(
            request.client.client_id,
            request.payload.redirect_uri,
            request.payload.scope or "",
            told.get("code_challenge", ""),
            told.get("code_challenge_method", ""),
            int(time.time()),
        )

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        found = self.server.provider.codes.get(code)
        return found if found is not None and found.client_id == client.client_id else None

    def delete_authorization_code(self, authorization_code: Code) -> None:
        codes = self.server.provider.codes
        for code in [code for code, found in codes.items() if found is authorization_code]:
            del codes[code]

    def authenticate_user(self, _code: Code) -> Person:
        return self.server.provider.person


class _RefreshGrant(grants.RefreshTokenGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ["none"]
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Refresh | None:
        self.used = refresh_token
        return self.server.provider.refreshes.get(refresh_token)

    def authenticate_user(self, _refresh: Refresh) -> Person:
        return self.server.provider.person

    def revoke_old_credential(self, _refresh: Refresh) -> None:
        self.server.provider.refreshes.pop(self.used, None)


class _DeviceGrant(DeviceCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ["none"]

    def query_device_credential(self, device_code: str) -> Device | None:
        return self.server.provider.devices.get(device_code)

    def query_user_grant(self, user_code: str) -> tuple[Person, bool] | None:
        provider = self.server.provider
        return (provider.person, True) if user_code in provider.entered else None

    def should_slow_down(self, _credential: Device) -> bool:
        return False


class _DeviceEndpoint(DeviceAuthorizationEndpoint):  # type: ignore[misc]
    CLIENT_AUTH_METHODS = ["none"]
    INTERVAL = 0

    def get_verification_uri(self) -> str:
        return f"{self.server.provider.issuer}/device"

    def save_device_credential(self, client_id: str, scope: str, data: dict[str, Any]) -> None:
        device = Device(client_id, scope, data["user_code"], time.time() + data["expires_in"])
        self.server.provider.devices[data["device_code"]] = device


class _Server(AuthorizationServer):  # type: ignore[misc]
    def __init__(self, app: Flask, provider: Provider) -> None:
        self.provider = provider
        super().__init__(app, query_client=provider.clients.get, save_token=self.keep)
        self.register_token_generator("default", self.generate)
        self.register_grant(grants.ClientCredentialsGrant)
        self.register_grant(_CodeGrant, [CodeChallenge(required=True)])
        self.register_grant(_RefreshGrant)
        self.register_grant(_DeviceGrant)
        self.register_endpoint(_DeviceEndpoint)

    def generate(self, grant_type: str, client: Client, user: Person | None = None, scope: str = "", **_: Any) -> Any:
        subject = {} if user is not None else {"sub": client.client_id, "groups": []}
        provider = self.provider
        told = {"token_type": "Bearer", "access_token": provider.token(**subject), "expires_in": provider.expires_s}
        if user is not None:
            told["refresh_token"] = f"refresh-{time.monotonic_ns()}"
        return told | {"scope": scope or ""}

    def keep(self, token: dict[str, Any], asked: Any) -> None:
        if "refresh_token" in token:
            client = asked.client.client_id
            self.provider.refreshes[token["refresh_token"]] = Refresh(client, token.get("scope", ""))


def application(provider: Provider) -> Flask:
    """Return the provider as a web application."""
    app = Flask("provider")
    server = _Server(app, provider)

    @app.before_request
    def note() -> None:
        provider.asked.append(request.path)

    @app.get("/.well-known/openid-configuration")
    def configuration() -> Any:
        issuer = provider.issuer
        return jsonify(
            issuer=issuer,
            authorization_endpoint=f"{issuer}/authorize",
            token_endpoint=f"{issuer}/token",
            device_authorization_endpoint=f"{issuer}/device_authorization",
            jwks_uri=f"{issuer}/keys",
            response_types_supported=["code"],
            code_challenge_methods_supported=["S256"],
            grant_types_supported=["authorization_code", "client_credentials", "refresh_token"],
            token_endpoint_auth_methods_supported=["client_secret_basic", "none"],
            scopes_supported=["openid", "offline_access"],
        )

    @app.get("/keys")
    def keys() -> Any:
        return jsonify(KeySet([provider.key]).as_dict(private=False))

    @app.get("/authorize")
    def authorize() -> Any:
        grant = server.get_consent_grant(end_user=provider.person)
        return server.create_authorization_response(grant_user=provider.person, grant=grant)

    @app.post("/token")
    def token() -> Any:
        return server.create_token_response()

    @app.post("/device_authorization")
    def device() -> Any:
        return server.create_endpoint_response(_DeviceEndpoint.ENDPOINT_NAME)

    @app.get("/device")
    def enter() -> Any:
        provider.entered.add(request.args["user_code"])
        return "welcome"

    return app


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Say nothing: addresses have codes in them."""


@contextmanager
def running_provider() -> Iterator[Provider]:
    """Yield a provider that answers on loopback by plain HTTP, as is allowed there."""
    import os

    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    provider = Provider()
    server = make_server("127.0.0.1", 0, application(provider), threaded=True, request_handler=_Quiet)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
