"""Rounds on the shared tables: each is one transaction, and they come one after the other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy import Connection, bindparam, delete, event, insert, select, update
from sqlalchemy.dialects import sqlite

from flytelike.model.queued import QuotaReport
from propeller.allocation.deciding import Decider, shortage_from
from propeller.allocation.schema import asks, holders, metadata, state
from propeller.core.fairness import Quota, Shortage, Waiting
from propeller.ports_allocation import Ask

Quotas = Mapping[tuple[str, ...], Quota]

DECIDER_MS = 5_000
"""How long nobody else decides after the last round of who does; no longer than it keeps what it was granted."""


class HolderReplaced(Exception):
    """Somebody else goes by the same name now: nothing is this one's any more."""


@dataclass(frozen=True, slots=True)
class NewAsk:
    """Something to ask for, with the places it counts for."""

    ask: Ask
    path: tuple[str, ...]


@dataclass(slots=True)
class Answer:
    """What a round says to a holder.

    `again` is what could not be asked yet, since something of the same name is on its way out. `lost` tells that
    nothing was heard of the holder for too long: all it had is gone, and nothing was stored.
    """

    granted: list[str] = field(default_factory=list)
    again: set[str] = field(default_factory=set)
    refused: dict[str, tuple[Shortage, ...]] = field(default_factory=dict)
    lost: bool = False
    change: int = 0


class Ledger:
    """The tables of one database, for one holder. Blocks; used by one thread at a time.

    Args:
        url: `sqlite:///<path>` or `postgresql://...`.
        holder: Who asks, by the same name after a restart.
        quotas: The limits as they are now.
        ttl_ms: How long after its last round a holder keeps what it was granted.
    """

    def __init__(self, url: str, holder: str, quotas: Callable[[], Quotas], ttl_ms: int) -> None:
        self._engine = _engine_for(url)
        self._holder = holder
        self._quotas = quotas
        self._ttl_ms = ttl_ms
        self._token = 0
        self._seen = -1
        self._decider: Decider | None = None
        self._decided_ms = 0
        self._on_postgres = self._engine.dialect.name == "postgresql"
        self._now = sa.text(_NOW[self._engine.dialect.name])
        self._insert = _new_ask(on_postgres=self._on_postgres)

    def open(self) -> Mapping[str, bool]:
        """Make the tables if there are none, and register.

        Return what was asked before a restart, and whether it is granted.
        """
        with self._engine.begin() as connection:
            if self._on_postgres:
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(7461921)"))
            metadata.create_all(connection)
            if connection.execute(select(state.c.id)).first() is None:
                connection.execute(insert(state).values(id=1, change=0, decider="", until_ms=0))
        with self._engine.begin() as connection:
            self._lock(connection)
            self._register(connection)
            rows = connection.execute(
                select(asks.c.id, asks.c.granted_ms).where(asks.c.holder == self._holder, asks.c.ended.is_(False))
            )
            return {row.id: row.granted_ms is not None for row in rows}

    def changed(self) -> bool:
        """Tell whether a round has something to do: there was one since, or grants of others have expired.

        Locks nothing.
        """
        with self._engine.connect() as connection:
            row = connection.execute(select(state)).one()
            if row.change > self._seen:
                return True
            now_ms = self._now_ms(connection)
            late = select(holders.c.name).where(holders.c.until_ms < now_ms).limit(1)
            return self._may_decide(row.decider, row.until_ms, now_ms) and connection.execute(late).first() is not None

    def round(self, asked: Sequence[NewAsk], ended: Sequence[str]) -> Answer:
        """Store what is asked and what has ended, decide if it is this holder's turn, and return what was granted.

        Raises:
            HolderReplaced: Somebody else goes by this holder's name.
        """
        try:
            with self._engine.begin() as connection:
                answer = self._round(connection, asked, ended)
        except BaseException:
            self._decider = None  # What it took in may not have been stored.
            raise
        self._seen = answer.change
        return answer

    def resign(self) -> bool:
        """Let others decide at once: nothing is waited for here.

        Return False, and go on, if there was a round of others that this one has not taken in: it decides for them.
        """
        mine = state.c.decider == self._holder, state.c.until_ms != 0
        with self._engine.begin() as connection:
            connection.execute(update(state).where(*mine, state.c.change <= self._seen).values(until_ms=0))
            return connection.execute(select(state.c.id).where(*mine)).first() is None

    def why(self, ask_id: str) -> Waiting | None:
        """Return what something waits for."""
        if self._decider is not None:
            return self._decider.why(ask_id)
        reader = Decider(self._quotas())
        with self._engine.connect() as connection:
            reader.read(connection)
        return reader.why(ask_id)

    def report(self) -> QuotaReport | None:
        """Return what is granted and who waits, as of the last round; None if somebody else decided in it."""
        if self._decider is None or not self._decided_ms:
            return None
        return self._decider.report(self._decided_ms)

    def leave(self) -> None:
        """Give back everything and be forgotten."""
        with self._engine.begin() as connection:
            change = self._lock(connection).change + 1
            mine = holders.c.name == self._holder, holders.c.token == self._token
            if connection.execute(delete(holders).where(*mine)).rowcount:
                connection.execute(update(asks).where(asks.c.holder == self._holder).values(ended=True, change=change))
                connection.execute(update(state).values(change=change))
            connection.execute(update(state).where(state.c.decider == self._holder).values(until_ms=0))

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    # --- one transaction ---------------------------------------------------------------------

    def _round(self, connection: Connection, asked: Sequence[NewAsk], ended: Sequence[str]) -> Answer:
        row = self._lock(connection)
        now_ms, change = self._now_ms(connection), row.change + 1
        answer = Answer(change=change)
        answer.lost = not self._renew(connection, now_ms)
        if answer.lost:
            return answer
        if ended:
            statement = update(asks).where(asks.c.id == bindparam("of"), asks.c.holder == self._holder)
            connection.execute(statement.values(ended=True, change=change), [{"of": name} for name in ended])
        if asked:
            names = [one.ask.id for one in asked]
            going = select(asks.c.id).where(asks.c.id.in_(names), asks.c.ended.is_(True))
            answer.again = {name for (name,) in connection.execute(going)}
            connection.execute(self._insert, [self._document(one, now_ms, change) for one in asked])
        self._decided_ms = 0
        if self._may_decide(row.decider, row.until_ms, now_ms):
            self._decide(connection, row.decider, change, now_ms)
        mine = asks.c.holder == self._holder, asks.c.change > self._seen, asks.c.ended.is_(False)
        for found in connection.execute(select(asks.c.id, asks.c.granted_ms, asks.c.refused).where(*mine)):
            if found.granted_ms is not None:
                answer.granted.append(found.id)
            elif found.refused is not None:
                answer.refused[found.id] = tuple(map(shortage_from, found.refused))
        connection.execute(update(state).values(change=change))
        return answer

    def _may_decide(self, decider: str, until_ms: int, now_ms: int) -> bool:
        return decider == self._holder or until_ms <= now_ms

    def _decide(self, connection: Connection, before: str, change: int, now_ms: int) -> None:
        quotas = self._quotas()
        if self._decider is None or before != self._holder or self._decider.quotas != quotas:
            self._decider = Decider(quotas)
        until_ms = now_ms + min(DECIDER_MS, self._ttl_ms)
        connection.execute(update(state).values(decider=self._holder, until_ms=until_ms))
        late = [name for (name,) in connection.execute(select(holders.c.name).where(holders.c.until_ms < now_ms))]
        if late:
            connection.execute(delete(holders).where(holders.c.name.in_(late)))
            connection.execute(update(asks).where(asks.c.holder.in_(late)).values(ended=True, change=change))
        self._decider.decide(connection, change, now_ms)
        self._decided_ms = now_ms

    def _lock(self, connection: Connection) -> sa.Row[tuple[int, int, str, int]]:
        return connection.execute(select(state).with_for_update()).one()

    def _now_ms(self, connection: Connection) -> int:
        return int(connection.execute(self._now).scalar_one())

    def _register(self, connection: Connection) -> None:
        found = connection.execute(select(holders.c.token).where(holders.c.name == self._holder)).scalar()
        now_ms = self._now_ms(connection)
        # Tokens only rise, over forgotten holders too: milliseconds do.
        self._token = max(now_ms, (found or 0) + 1)
        connection.execute(delete(holders).where(holders.c.name == self._holder))
        lease = {"name": self._holder, "token": self._token, "until_ms": now_ms + self._ttl_ms}
        connection.execute(insert(holders).values(lease))
        self._seen = -1

    def _renew(self, connection: Connection, now_ms: int) -> bool:
        """Stay a holder. Return False, newly registered, if it was taken for gone."""
        token = connection.execute(select(holders.c.token).where(holders.c.name == self._holder)).scalar()
        if token is None:
            self._register(connection)
            return False
        if token != self._token:
            raise HolderReplaced(self._holder)
        connection.execute(update(holders).where(holders.c.name == self._holder).values(until_ms=now_ms + self._ttl_ms))
        return True

    def _document(self, one: NewAsk, now_ms: int, change: int) -> dict[str, object]:
        return {
            "id": one.ask.id,
            "holder": self._holder,
            "path": list(one.path),
            "amounts": dict(one.ask.amounts),
            "priority": one.ask.priority,
            "since_ms": now_ms,
            "ended": False,
            "change": change,
        }


_NOW = {
    "sqlite": "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
    "postgresql": "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
}


def _new_ask(*, on_postgres: bool) -> sa.Insert:
    """Return the statement that adds an ask unless it is there."""
    if on_postgres:
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - heavy, and not needed for SQLite

        return postgresql.insert(asks).on_conflict_do_nothing()
    return sqlite.insert(asks).on_conflict_do_nothing()


def _engine_for(url: str) -> sa.Engine:
    if url.startswith(("postgresql://", "postgresql+psycopg://", "postgres://")):
        return sa.create_engine("postgresql+psycopg://" + url.split("://", 1)[1], pool_pre_ping=True)
    engine = sa.create_engine(url, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def connected(connection: object, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]  # transactions begin as `begun` says
        connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[attr-defined]

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
