"""Tokens and grants: kept and found."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

from sqlalchemy import Connection, bindparam, delete, func, insert, literal_column, select, update

from flytelike.controlplane.repository.prepared import Prepared, upsert
from flytelike.controlplane.schema import access_grants, access_tokens


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token; instants are nanoseconds since 1970, 0 for never."""

    id: str
    digest: str
    user: str
    name: str
    created_by: str
    created_at: int
    expires_at: int
    used_at: int = 0
    revoked_at: int = 0


@dataclass(frozen=True, slots=True)
class GrantRow:
    """A grant: the word for the kind of its subject and the names of role and place."""

    subject_kind: str
    subject: str
    role: str
    team: str
    project: str
    domain: str
    created_by: str = ""
    created_at: int = 0


_TOKEN = select(*[access_tokens.c[field.name] for field in fields(TokenRow)])
_GRANT = select(*[access_grants.c[field.name] for field in fields(GrantRow)])
_FIND = Prepared(lambda _: _TOKEN.where(access_tokens.c.digest == bindparam("digest")))
_STAMP = Prepared(
    lambda _: select(
        select(func.count()).select_from(access_grants).scalar_subquery(),
        select(func.max(access_grants.c.created_at)).scalar_subquery(),
        select(func.max(access_grants.c.id)).scalar_subquery(),
        select(func.count())
        .select_from(access_tokens)
        .where(access_tokens.c.revoked_at != literal_column("0"))
        .scalar_subquery(),
    )
)


def stamp(connection: Connection) -> tuple[int, ...]:
    """Return what is another value once a grant came or went, or a token was revoked; clocks have no part in that."""
    row = _STAMP.first(connection, {})
    assert row is not None
    return tuple(int(value or 0) for value in row)


def find_token(connection: Connection, digest: str) -> TokenRow | None:
    """Return the token whose digest it is, even if it holds no more."""
    row = _FIND.first(connection, {"digest": digest})
    return None if row is None else TokenRow(*row)


def add_token(connection: Connection, row: TokenRow) -> None:
    """Keep a new token."""
    connection.execute(insert(access_tokens), asdict(row))


def list_tokens(connection: Connection, user: str, after: str, limit: int) -> Sequence[TokenRow]:
    """Return a page of tokens by their ids, those of a user or (with an empty name) all."""
    statement = _TOKEN.where(access_tokens.c.id > after).order_by(access_tokens.c.id).limit(limit)
    if user:
        statement = statement.where(access_tokens.c.user == user)
    return [TokenRow(*row) for row in connection.execute(statement)]


def token_by_id(connection: Connection, identifier: str) -> TokenRow | None:
    """Return a token by the part that is shown."""
    row = connection.execute(_TOKEN.where(access_tokens.c.id == identifier)).first()
    return None if row is None else TokenRow(*row)


def revoke_token(connection: Connection, identifier: str, now_ns: int) -> None:
    """Let a token hold no more; one that was revoked stays as it is."""
    table = access_tokens.c
    where = (table.id == identifier, table.revoked_at == 0)
    connection.execute(update(access_tokens).where(*where).values(revoked_at=now_ns))


def note_use(connection: Connection, used: Mapping[str, int]) -> None:
    """Note when tokens were used last, by their ids."""
    for identifier, at_ns in used.items():
        connection.execute(update(access_tokens).where(access_tokens.c.id == identifier).values(used_at=at_ns))


def add_grant(connection: Connection, row: GrantRow) -> bool:
    """Keep a grant; tell whether it is new."""
    statement = upsert(connection.dialect, access_grants).values(**asdict(row)).on_conflict_do_nothing()
    return connection.execute(statement).rowcount > 0


def remove_grant(connection: Connection, row: GrantRow) -> bool:
    """Take a grant away; tell whether it was there."""
    keys = ("subject_kind", "subject", "role", "team", "project", "domain")
    where = [access_grants.c[key] == getattr(row, key) for key in keys]
    return connection.execute(delete(access_grants).where(*where)).rowcount > 0


def list_grants(connection: Connection) -> Sequence[GrantRow]:
    """Return all grants, by place, subject and role."""
    table = access_grants.c
    order = (table.team, table.project, table.domain, table.subject_kind, table.subject, table.role)
    return [GrantRow(*row) for row in connection.execute(_GRANT.order_by(*order))]
