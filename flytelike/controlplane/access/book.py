"""What is known of tokens and grants, kept in memory and looked after.

Nothing is asked of the database for most calls. Whether something changed is asked at most every `FRESH_S` seconds, and
only when somebody calls; so a token that was revoked, or a grant that was taken away, on another server counts here
that much later at most.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from flytelike.controlplane.access.identity import Identity, Via
from flytelike.controlplane.access.naming import grant_of, subject_of
from flytelike.controlplane.access.roles import (
    EVERYTHING,
    PLATFORM,
    Grant,
    Rights,
    Role,
    Subject,
    SubjectKind,
    rights_of,
)
from flytelike.controlplane.access.tokens import digest_of, holds
from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import Faults, Refusal
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.repository.access import TokenRow, find_token, list_grants, note_use, stamp

_LOG = logging.getLogger(__name__)

FRESH_S = 2.0
USED_NS = 60 * 1_000_000_000
"""How exactly it is noted when a token was used last."""
KNOWN_MAX = 10_000

TeamsOf = Callable[[Connection], Mapping[str, str]]
"""Tells the team of each project that has one of its own; it is asked each time something may have changed."""


def no_teams(_connection: Connection) -> Mapping[str, str]:
    """Say that all projects are of the default team."""
    return {}


@dataclass(slots=True)
class _Known:
    """What was read, and what follows from it."""

    grants: Mapping[Subject, Sequence[Grant]] = field(default_factory=dict)
    teams: Mapping[str, str] = field(default_factory=dict)
    stamp: tuple[int, ...] = ()
    rights: dict[Identity, Rights] = field(default_factory=dict)
    tokens: dict[str, TokenRow] = field(default_factory=dict)


class AccessBook:
    """Tokens and grants as they are now."""

    def __init__(
        self, database: Database, clock: Clock, admins: Sequence[str] = (), teams_of: TeamsOf = no_teams
    ) -> None:
        """Read nothing yet. Raises DiagnosticError `invalid-subject` for admins that are no subjects."""
        self._database = database
        self._clock = clock
        self._teams_of = teams_of
        faults = Faults()
        subjects = [subject_of(text, faults) for text in admins]
        faults.check()
        self._settled = [Grant(subject, Role.ADMIN, PLATFORM) for subject in subjects]
        self._known = _Known()
        self._looked_at = -FRESH_S
        self._turn = asyncio.Lock()
        self._used: dict[str, int] = {}
        self._noting: asyncio.Task[None] | None = None

    async def rights(self, identity: Identity) -> Rights:
        """Return what somebody may do; raises Refusal UNAVAILABLE when the database does not answer."""
        if identity.root:
            return EVERYTHING
        await self.fresh()
        known = self._known
        found = known.rights.get(identity)
        if found is None:
            found = rights_of(self._grants(known, identity), known.teams)
            if len(known.rights) >= KNOWN_MAX:
                known.rights.clear()
            known.rights[identity] = found
        return found

    async def grants_of(self, identity: Identity) -> Sequence[Grant]:
        """Return the grants that somebody has, by name or through a group."""
        await self.fresh()
        return self._grants(self._known, identity)

    async def owner(self, token: str) -> Identity | None:
        """Return whose a token is; None if it is unknown, has expired or was revoked."""
        await self.fresh()
        known, digest, now_ns = self._known, digest_of(token), self._clock.now_ns()
        row = known.tokens.get(digest)
        if row is None:
            row = await self._database.glance(lambda connection: find_token(connection, digest))
            if row is None or not holds(row, now_ns):
                return None
            if len(known.tokens) >= KNOWN_MAX:
                known.tokens.clear()
            known.tokens[digest] = row
        if not holds(row, now_ns):
            return None
        if self._used.get(row.id, row.used_at) + USED_NS <= now_ns:
            self._note(row.id, now_ns)
        return Identity(row.user, via=Via.TOKEN, name=row.name, credential=row.id)

    def changed(self) -> None:
        """Look again at the next call: something was changed here."""
        self._looked_at = -FRESH_S

    async def fresh(self) -> None:
        """See to it that what is known is not older than `FRESH_S`."""
        if time.monotonic() - self._looked_at < FRESH_S:
            return
        async with self._turn:
            looked_at = time.monotonic()
            if looked_at - self._looked_at >= FRESH_S:
                await self._look()
                self._looked_at = looked_at

    async def close(self) -> None:
        """Finish what is being noted."""
        if self._noting is not None:
            await asyncio.wait([self._noting])

    async def _look(self) -> None:
        before = self._known

        def look(connection: Connection) -> _Known:
            now, teams = stamp(connection), self._teams_of(connection)
            if now == before.stamp and teams == before.teams:
                return before
            grants: dict[Subject, list[Grant]] = defaultdict(list)
            for grant in [*self._settled, *map(grant_of, list_grants(connection))]:
                grants[grant.subject].append(grant)
            return _Known(grants, teams, now)

        self._known = await self._database.read(look)

    def _grants(self, known: _Known, identity: Identity) -> Sequence[Grant]:
        subjects = [Subject(SubjectKind.USER, identity.user)]
        subjects.extend(Subject(SubjectKind.GROUP, group) for group in sorted(identity.groups))
        return [grant for subject in subjects for grant in known.grants.get(subject, ())]

    def _note(self, token: str, now_ns: int) -> None:
        """Note soon that a token was used; several at once."""
        if len(self._used) >= KNOWN_MAX:
            self._used.clear()
        self._used[token] = now_ns
        if self._noting is None or self._noting.done():
            self._noting = asyncio.create_task(self._write(), name="access-uses")

    async def _write(self) -> None:
        written: dict[str, int] = {}
        while self._used.items() - written.items():
            written = dict(self._used)
            try:
                await self._database.write(lambda connection, used=written: note_use(connection, used))  # type: ignore[misc]
            except Refusal as error:
                _LOG.warning("it could not be noted when tokens were used: %s", error)
                return
