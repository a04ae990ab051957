"""Creating and revoking tokens, granting roles and taking them away."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from flytelike.controlplane.access.book import AccessBook
from flytelike.controlplane.access.caller import Caller
from flytelike.controlplane.access.identity import Via
from flytelike.controlplane.access.naming import check_name, check_scope, grant_of, row_of
from flytelike.controlplane.access.roles import PLATFORM, Action, Grant, Role, Subject, SubjectKind
from flytelike.controlplane.access.tokens import NewToken, new_token
from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import Faults, Refusal, Status, not_found, refusal
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.repository.access import (
    GrantRow,
    TokenRow,
    add_grant,
    add_token,
    list_grants,
    list_tokens,
    remove_grant,
    revoke_token,
    token_by_id,
)

TOKEN_NS_MAX = 10 * 366 * 24 * 3600 * 1_000_000_000
DEFAULT_TOKEN_NS = 90 * 24 * 3600 * 1_000_000_000
"""How long a token holds if nothing is said."""


@dataclass(frozen=True, slots=True)
class KnownGrant:
    """A grant, who gave it, and when."""

    grant: Grant
    by: str
    at_ns: int


class Access:
    """The use cases of tokens and grants."""

    def __init__(self, database: Database, clock: Clock, book: AccessBook) -> None:
        """Keep them in `database`; `book` is told of changes."""
        self._database = database
        self._clock = clock
        self._book = book

    async def create_token(self, who: Caller, user: str, name: str, for_ns: int | None) -> NewToken:
        """Create a token of `user` (empty: the caller's own) that holds for `for_ns` (0: until it is revoked).

        Tokens for others are for those who administer the platform to give. With a token nobody makes further ones
        for themselves: who found it would otherwise keep what they found.

        Raises:
            Refusal: PERMISSION_DENIED, INVALID_ARGUMENT.
        """
        user = user or who.user
        if not who.rights.allows(Action.ADMINISTER, PLATFORM) and (user != who.user or who.identity.via is Via.TOKEN):
            raise _not_yours("create tokens for others, or with a token")
        faults = Faults()
        check_name("user", user, faults)
        if name:
            check_name("token", name, faults)
        for_ns = DEFAULT_TOKEN_NS if for_ns is None else for_ns
        if not 0 <= for_ns <= TOKEN_NS_MAX:
            faults.add("invalid-expiry", "a token holds for a while of up to ten years, or (0) until it is revoked")
        faults.check()
        now_ns = self._clock.now_ns()
        created = new_token(user, name, who.user, now_ns, now_ns + for_ns if for_ns else 0)
        await self._database.write(lambda connection: add_token(connection, created.row))
        self._book.changed()
        return created

    async def tokens(self, who: Caller, user: str, after: str, limit: int) -> Sequence[TokenRow]:
        """Return a page of tokens by their ids: of a user, or (with an empty name) all that the caller may see."""
        if not who.rights.allows(Action.ADMINISTER, PLATFORM):
            if user and user != who.user:
                raise _not_yours("see the tokens of others")
            user = who.user
        return await self._database.read(lambda connection: list_tokens(connection, user, after, limit))

    async def revoke_token(self, who: Caller, identifier: str) -> None:
        """Let a token hold no more.

        Raises:
            Refusal: NOT_FOUND, also for tokens of others, unless one administers the platform.
        """
        now_ns = self._clock.now_ns()
        everybodys = who.rights.allows(Action.ADMINISTER, PLATFORM)

        def revoke(connection: Connection) -> None:
            row = token_by_id(connection, identifier)
            if row is None or not (everybodys or row.user == who.user):
                raise not_found("token", repr(identifier[:40]), "`flytelike token list` shows those there are")
            revoke_token(connection, identifier, now_ns)

        await self._database.write(revoke)
        self._book.changed()

    async def add_grant(self, who: Caller, grant: Grant) -> bool:
        """Give a role; tell whether it is new. That the caller may give it, the door has seen to.

        Raises:
            Refusal: INVALID_ARGUMENT.
        """
        _check(grant)
        row = row_of(grant, who.user, self._clock.now_ns())
        added = await self._database.write(lambda connection: add_grant(connection, row))
        self._book.changed()
        return added

    async def remove_grant(self, grant: Grant) -> None:
        """Take a role away; raises Refusal NOT_FOUND."""
        _check(grant)
        row = row_of(grant)
        if not await self._database.write(lambda connection: remove_grant(connection, row)):
            raise not_found("grant", f"of {grant.role.value} in {grant.place} to {grant.subject}")
        self._book.changed()

    async def grants(self, who: Caller) -> Sequence[KnownGrant]:
        """Return the grants that the caller may see: their own, and those where they administer."""
        rows = await self._database.read(list_grants)
        groups = who.identity.groups
        return [known for row in rows if _visible(who, (known := _known(row)).grant, groups)]


def bootstrap(connection: Connection, user: str, name: str, for_ns: int, now_ns: int) -> NewToken:
    """Create a token of a user who administers the platform from now on: the way in for who has the database."""
    created = new_token(user, name, "bootstrap", now_ns, now_ns + for_ns if for_ns else 0)
    add_token(connection, created.row)
    grant = Grant(Subject(SubjectKind.USER, user), Role.ADMIN, PLATFORM)
    add_grant(connection, row_of(grant, "bootstrap", now_ns))
    return created


def _check(grant: Grant) -> None:
    faults = Faults()
    check_name(grant.subject.kind.value, grant.subject.name, faults)
    check_scope(grant.place, faults)
    faults.check()


def _known(row: GrantRow) -> KnownGrant:
    return KnownGrant(grant_of(row), row.created_by, row.created_at)


def _visible(who: Caller, grant: Grant, groups: frozenset[str]) -> bool:
    if who.rights.allows(Action.ADMINISTER, grant.place):
        return True
    subject = grant.subject
    return subject.name == who.user if subject.kind is SubjectKind.USER else subject.name in groups


def _not_yours(what: str) -> Refusal:
    return refusal(
        Status.PERMISSION_DENIED,
        "permission-denied",
        f"only who administers the platform may {what}",
        "ask one of them",
    )
