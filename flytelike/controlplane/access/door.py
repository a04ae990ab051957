"""The door through which every call comes: who is it, may they do it, and what was done.

`identify` and `authorise` are all there is to it: gRPC's calls come through them (rpc/dispatch.py), and whatever else
answers the same RPCs, such as JSON over HTTP, comes through them too.
"""

import asyncio
import hmac
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from hashlib import sha256

from google.protobuf.message import Message

from flytelike.controlplane.access.attempts import Attempts
from flytelike.controlplane.access.audit import AuditLog, Deed, Origin
from flytelike.controlplane.access.book import AccessBook
from flytelike.controlplane.access.caller import Caller, called_by
from flytelike.controlplane.access.identity import Identity, Via
from flytelike.controlplane.access.keys import Provider
from flytelike.controlplane.access.oidc import Verified, verified
from flytelike.controlplane.access.options import HEADER, OidcOptions
from flytelike.controlplane.access.roles import NEEDED, PLATFORM, Action, Place, Rights
from flytelike.controlplane.access.table import RULES, Rule
from flytelike.controlplane.access.table import Door as Entry
from flytelike.controlplane.access.targets import target_of
from flytelike.controlplane.access.tokens import MARK
from flytelike.controlplane.attendant import Attendant, attended
from flytelike.controlplane.errors import Refusal, Status, refusal
from flytelike.controlplane.repository.audit import AuditRow, add_entry
from flytelike.controlplane.secret_files import SecretFile
from flytelike.model.diagnostic import DiagnosticError

KEYS = (HEADER, "authorization")
"""Where a token is looked for, the first one first: a proxy may have taken the second."""
SCHEME = "bearer"
TOKEN_MAX = 16 * 1024
REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}\Z")
TRUSTED_S = 300.0
"""How long a provider's token is believed without looking at its signature again."""
TRUSTED_MAX = 10_000

Metadata = Iterable[tuple[str, str | bytes]]


class Door:
    """Lets calls in."""

    def __init__(
        self,
        book: AccessBook,
        audit: AuditLog,
        *,
        root_tokens: SecretFile | None = None,
        oidc: OidcOptions | None = None,
        provider: Provider | None = None,
        attempts: Attempts | None = None,
        rules: Mapping[str, Rule] = RULES,
    ) -> None:
        """Know tokens and grants of `book`, the lines of a file, and the tokens of a provider and of attempts."""
        self._book = book
        self._audit = audit
        self._root = root_tokens
        self._oidc = oidc
        self._provider = provider or (Provider(oidc) if oidc else None)
        self._attempts = attempts
        self._rules = rules
        self._trusted: dict[bytes, tuple[Verified, float]] = {}
        self._noting: set[asyncio.Task[None]] = set()

    def opens(self, method: str) -> bool:
        """Tell whether anybody may call an RPC, such as `AuthMetadataService/GetOAuth2Metadata`."""
        rule = self._rules.get(method)
        return rule is not None and rule.door is Entry.OPEN

    async def identify(self, token: str) -> Identity:
        """Return whose a token is.

        Raises:
            Refusal: UNAUTHENTICATED `login-required` without one, `token-not-accepted` for one that is not accepted;
                UNAVAILABLE when database or provider do not answer.
        """
        if not token:
            raise refusal(
                Status.UNAUTHENTICATED,
                "login-required",
                "this server must know who calls",
                "log in with `flytelike login`, or set FLYTELIKE_TOKEN",
            )
        if len(token) > TOKEN_MAX:
            raise _unknown()
        if token.startswith(MARK):
            owner = await self._book.owner(token)
            if owner is not None:
                return owner
        elif self._attempts is not None and self._attempts.claims(token):
            found = await self._attempts.identify(token)
            if found is not None:
                return found
        elif self._oidc is not None and token.count(".") == 2:
            return await self._of_provider(token, self._oidc)
        if self._root is not None:
            # All are compared, so that the time tells nothing.
            same = [hmac.compare_digest(token.encode(), known.encode()) for known in self._root.lines]
            if any(same):
                return Identity("root", via=Via.FILE, root=True)
        raise _unknown()

    async def authorise(self, identity: Identity, method: str, request: Message) -> Caller:
        """Return the caller if somebody may make a call; `method` is `Service/Rpc`, `request` what it takes.

        Raises:
            Refusal: PERMISSION_DENIED `permission-denied`; INVALID_ARGUMENT for requests whose place cannot be read;
                UNAVAILABLE when the database does not answer.
        """
        rule = self._rules.get(method)
        if rule is None:
            raise _denied(identity, Action.ADMINISTER, PLATFORM)
        if identity.attempt is not None:
            assert self._attempts is not None, "it was identified by them"
            return await self._attempts.authorise(identity, rule, request)
        rights = await self._book.rights(identity)
        if rule.door is Entry.ROLES:
            check(identity, rights, rule, request)
        return Caller(identity, rights)

    @asynccontextmanager
    async def passage(self, identity: Identity, method: str, request: Message, origin: Origin) -> AsyncIterator[None]:
        """Authorise a call and let `caller()` be who makes it; what changes something is noted, as is the attempt.

        The entry is written in the transaction of the change; where nothing was changed, or afterwards something went
        wrong, in one of its own.

        Raises:
            Refusal: As `authorise`.
        """
        noted = self._is_noted(method)
        try:
            who = await self.authorise(identity, method, request)
            entry = self._entry(identity, method, request, origin, None) if noted else None
            beside = None if entry is None else Attendant(partial(add_entry, row=entry))
            with called_by(who), attended(beside):
                yield
        except Exception as error:
            if noted:
                await self._note(identity, method, request, origin, error)
            raise
        except BaseException as error:
            # Whoever called is gone; what they asked for may be done all the same.
            if noted:
                task = asyncio.create_task(self._note(identity, method, request, origin, error), name="audit-cancelled")
                self._noting.add(task)
                task.add_done_callback(self._noting.discard)
            raise
        if entry is not None and beside is not None:
            await (self._audit.tell(entry) if beside.done else self._audit.add(entry))

    async def close(self) -> None:
        """Finish what is being noted."""
        if self._noting:
            await asyncio.wait(self._noting)

    async def _note(
        self, identity: Identity, method: str, request: Message, origin: Origin, error: BaseException | None
    ) -> None:
        await self._audit.add(self._entry(identity, method, request, origin, error))

    def _entry(
        self, identity: Identity, method: str, request: Message, origin: Origin, error: BaseException | None
    ) -> AuditRow:
        outcome, detail = outcome_of(error)
        return self._audit.row(identity, deed_of(self._rules.get(method), method, request), origin, outcome, detail)

    def _is_noted(self, method: str) -> bool:
        rule = self._rules.get(method)
        return rule is None or (rule.audited and rule.action > Action.READ)

    async def _of_provider(self, token: str, options: OidcOptions) -> Identity:
        assert self._provider is not None
        key, now = sha256(token.encode("utf-8", "surrogatepass")).digest(), time.monotonic()
        known = self._trusted.get(key)
        if known is not None and now < known[1] and time.time() < known[0].expires_s + options.leeway_s:
            return known[0].identity
        found = await verified(token, options, self._provider)
        if len(self._trusted) >= TRUSTED_MAX:
            self._trusted.clear()
        self._trusted[key] = (found, now + TRUSTED_S)
        return found.identity


def check(identity: Identity, rights: Rights, rule: Rule, request: Message) -> None:
    """Raise Refusal PERMISSION_DENIED unless rights are enough for what a request needs."""
    for place, action in rule.needs(request).items():
        if not rights.allows(action, place):
            raise _denied(identity, action, place)


def token_in(metadata: Metadata) -> str:
    """Return the token that comes with a call; empty where there is none."""
    found: dict[str, str] = {}
    for key, value in metadata:
        if key in KEYS and isinstance(value, str):
            scheme, _, token = value.partition(" ")
            if scheme.lower() == SCHEME:
                found.setdefault(key, token.strip())
    return next((found[key] for key in KEYS if key in found), "")


def request_id_in(metadata: Metadata) -> str:
    """Return the id of a request: the client's (`x-request-id`) if it is one, else a new one."""
    for key, value in metadata:
        if key == "x-request-id" and isinstance(value, str) and REQUEST_ID.match(value):
            return value
    return secrets.token_hex(8)


def deed_of(rule: Rule | None, method: str, request: Message) -> Deed:
    """Return what a request does and where, as the audit log has it."""
    try:
        places = [] if rule is None else list(dict.fromkeys(rule.where(request)))
    except Refusal:
        places = []
    first = places[0] if len(places) == 1 else Place()
    return Deed(method, first.project, first.domain, target_of(request))


def outcome_of(error: BaseException | None) -> tuple[str, str]:
    """Return how a call ended: the name of its status, and the codes of what was wrong; no text of a client's."""
    match error:
        case None:
            return "OK", ""
        case Refusal():
            return error.status.name, " ".join(dict.fromkeys(found.code for found in error.diagnostics))
        case DiagnosticError():
            return Status.INVALID_ARGUMENT.name, " ".join(dict.fromkeys(found.code for found in error.diagnostics))
        case Exception():
            return "FAILED", type(error).__name__
        case _:
            return "CANCELLED", ""


def _unknown() -> Refusal:
    return refusal(
        Status.UNAUTHENTICATED,
        "token-not-accepted",
        "the token is not known here, has expired or was revoked",
        "log in with `flytelike login`, or ask for a new token",
    )


def _denied(identity: Identity, action: Action, place: Place) -> Refusal:
    role = NEEDED[action].value
    return refusal(
        Status.PERMISSION_DENIED,
        "permission-denied",
        f"{identity.user} is no {role} of {place}",
        f"who administers it may say: flytelike grant add user:{identity.user} {role} {_options(place)}",
    )


def _options(place: Place) -> str:
    """Return a place as `flytelike grant` takes it."""
    if place.team:
        return f"--team {place.team}"
    if place.domain:
        return f"-p {place.project} -d {place.domain}"
    return f"-p {place.project}" if place.project else "--platform"
