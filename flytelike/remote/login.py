"""Logging in at the identity provider that a server names (OAuth 2.0, RFC 6749).

In a browser by the authorisation code with PKCE (RFC 7636), whose answer comes to a port of this machine (RFC 8252); or
on another device (RFC 8628).
"""

import base64
import hashlib
import http.server
import json
import secrets
import time
import urllib.error
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, urlopen

from typing_extensions import override

from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.remote.credentials import Login

ANSWER_S = 30.0
ANSWER_BYTES_MAX = 1024 * 1024
PATIENCE_S = 300.0
"""How long a browser may take."""
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
EXPIRES_S = 300.0
"""How long an access token is taken to hold, if the provider does not say."""

Tell = Callable[[str], None]
Open = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class LoginOffer:
    """How one logs in at a server's provider."""

    authorization_endpoint: str
    token_endpoint: str
    device_endpoint: str
    client_id: str
    redirect_uri: str
    scopes: Sequence[str]
    audience: str

    @property
    def asked(self) -> Mapping[str, str]:
        """What every way asks for."""
        asked = {"client_id": self.client_id, "scope": " ".join(self.scopes)}
        return asked | ({"audience": self.audience} if self.audience else {})


def in_browser(offer: LoginOffer, show: Open, patience_s: float = PATIENCE_S) -> Login:
    """Log in with a browser; `show` is given the address to open. Raises DiagnosticError `login-failed`."""
    back = urlsplit(offer.redirect_uri)
    if back.scheme != "http" or back.hostname not in LOOPBACK or not back.port:
        raise failed(f"the answer would go to {offer.redirect_uri}, which is no port of this machine")
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        **offer.asked,
        "response_type": "code",
        "redirect_uri": offer.redirect_uri,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    try:
        listener = _Listener(("127.0.0.1", back.port), back.path or "/", state)
    except OSError as error:
        raise failed(f"port {back.port}, to which the answer comes, cannot be used: {error}") from error
    with listener:
        separator = "&" if urlsplit(offer.authorization_endpoint).query else "?"
        show(f"{offer.authorization_endpoint}{separator}{urlencode(query)}")
        code = listener.code(patience_s)
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
    form |= {"redirect_uri": offer.redirect_uri, "client_id": offer.client_id}
    return _login(_post(offer.token_endpoint, form), offer.token_endpoint, offer.client_id)


def on_device(offer: LoginOffer, tell: Tell) -> Login:
    """Log in with a browser elsewhere; `tell` is given what to do there. Raises DiagnosticError `login-failed`."""
    if not offer.device_endpoint:
        raise failed("the identity provider does not let other devices log in; leave `--device` out")
    told = _post(offer.device_endpoint, offer.asked)
    address = str(told.get("verification_uri_complete") or told.get("verification_uri"))
    tell(f"open {address} and enter the code {told.get('user_code')}")
    form = {"grant_type": DEVICE_GRANT, "device_code": str(told.get("device_code")), "client_id": offer.client_id}
    interval, until = float(told.get("interval", 5)), time.monotonic() + float(told.get("expires_in", PATIENCE_S))
    while time.monotonic() < until:
        answer = _post(offer.token_endpoint, form, pending=True)
        if "access_token" in answer:
            return _login(answer, offer.token_endpoint, offer.client_id)
        interval += 5 if answer.get("error") == "slow_down" else 0
        time.sleep(interval)  # as long as the provider says (RFC 8628 3.5)
    raise failed("the code has expired before anybody entered it")


def renewed(login: Login) -> Login:
    """Return a login with a new access token; raises DiagnosticError `login-failed`."""
    form = {"grant_type": "refresh_token", "refresh_token": login.refresh_token, "client_id": login.client_id}
    answer = _post(login.token_endpoint, form)
    # Providers that do not rotate refresh tokens send none.
    return _login({"refresh_token": login.refresh_token, **answer}, login.token_endpoint, login.client_id)


def _login(answer: Mapping[str, Any], token_endpoint: str, client_id: str) -> Login:
    token = answer.get("access_token")
    if not isinstance(token, str) or not token:
        raise failed("the identity provider gave no access token")
    expires_s = time.time() + float(answer.get("expires_in") or EXPIRES_S)
    return Login(token, expires_s, str(answer.get("refresh_token") or ""), token_endpoint, client_id)


def _post(url: str, form: Mapping[str, str], *, pending: bool = False) -> Mapping[str, Any]:
    """Return a provider's answer; with `pending`, also that one has to wait. Raises DiagnosticError `login-failed`."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise failed(f"{url} is no address by https")
    request = Request(url, urlencode(form).encode(), {"accept": "application/json"})  # noqa: S310 - checked above
    try:
        with urlopen(request, timeout=ANSWER_S) as response:  # noqa: S310 - as above
            answer = json.loads(response.read(ANSWER_BYTES_MAX))
    except urllib.error.HTTPError as error:
        with error:
            answer = _refusal(error.read(ANSWER_BYTES_MAX))
        if pending and answer.get("error") in {"authorization_pending", "slow_down"}:
            return answer
        raise failed(f"{parts.hostname} says no: {answer.get('error', error.code)}") from None
    except (OSError, ValueError) as error:
        raise failed(f"{parts.hostname} does not answer: {error}") from error
    return answer if isinstance(answer, dict) else {}


def _refusal(data: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(data)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


class _Listener(http.server.HTTPServer):
    """Waits on a port of this machine for a browser to bring the answer."""

    def __init__(self, address: tuple[str, int], path: str, state: str) -> None:
        self.path = path
        self.state = state
        self.answer: Mapping[str, list[str]] = {}
        super().__init__(address, _Callback)

    def code(self, patience_s: float) -> str:
        """Return the code; raises DiagnosticError."""
        until = time.monotonic() + patience_s
        while not self.answer and (left := until - time.monotonic()) > 0:
            self.timeout = left
            self.handle_request()
        if "code" in self.answer:
            return self.answer["code"][0]
        raise failed(self.answer.get("error", ["nobody has logged in"])[0])


class _Callback(http.server.BaseHTTPRequestHandler):
    """Answers the browser."""

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the address has the code in it."""

    def do_GET(self) -> None:
        """Take the answer, if it is the one to our question."""
        assert isinstance(self.server, _Listener)
        parts = urlsplit(self.path)
        found = parse_qs(parts.query)
        genuine = parts.path == self.server.path and secrets.compare_digest(
            found.get("state", [""])[0].encode(), self.server.state.encode()
        )
        if genuine:
            self.server.answer = found
        body = b"You are logged in. This page can be closed." if genuine and "code" in found else b"This is no login."
        self.send_response(200 if genuine else 400)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def failed(why: str) -> DiagnosticError:
    """Return the error of a login that did not come about."""
    return DiagnosticError([Diagnostic("login-failed", f"the login failed: {why}"[:500])])
