"""Tokens: long random words by which programs and people say who they are.

A token is `flt_ID_SECRET`. The id is shown; of the whole only the SHA-256 is kept. A fast digest is enough: the secret
has 256 random bits, so that nobody finds it by trying, and each call pays for it.
"""

import hashlib
import secrets
import string
from dataclasses import dataclass

from flytelike.controlplane.repository.access import TokenRow

MARK = "flt_"
SECRET_BYTES = 32
ID_CHARACTERS = 10
_ALPHABET = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token as it is told once, and what is kept of it."""

    token: str
    row: TokenRow


def new_token(user: str, name: str, by: str, now_ns: int, expires_ns: int) -> NewToken:
    """Return a new token of a user; an `expires_ns` of 0 is never."""
    identifier = "".join(secrets.choice(_ALPHABET) for _ in range(ID_CHARACTERS))
    token = f"{MARK}{identifier}_{secrets.token_urlsafe(SECRET_BYTES)}"
    return NewToken(token, TokenRow(identifier, digest_of(token), user, name, by, now_ns, expires_ns))


def digest_of(token: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def holds(row: TokenRow, now_ns: int) -> bool:
    """Tell whether a token is accepted: not revoked, and not expired."""
    return not row.revoked_at and (not row.expires_at or now_ns < row.expires_at)
