"""A server that knows who calls, with things of one project in it and users of another."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from grpc import aio
from sqlalchemy import select

from flytelike.controlplane.access.caller import Caller
from flytelike.controlplane.access.options import AccessOptions
from flytelike.controlplane.access.ports import AttemptTokens
from flytelike.controlplane.access.roles import Grant, Place, Role, Subject, SubjectKind
from flytelike.controlplane.access.use_cases import bootstrap
from flytelike.controlplane.schema import metadata
from flytelike.controlplane.settings import Settings
from flytelike.controlplane.tenancy.wishes import Mode, ProjectWish, QuotaWish, TeamWish, Wanted
from flytelike.model.quota import QuotaPlace, QuotaTerms
from tests.unit.controlplane.builders import PROJECT, Running, create_execution, module, served, succeeded

STREAM_S = 2.0
"""How long a stream is listened to: some go on for as long as nothing happens."""

OTHER = "other"
"""A project in which others work; `PROJECT` is the one that is populated."""


OWNED = (
    TeamWish(f"team-{PROJECT}", "those who own it", None, None),
    ProjectWish(PROJECT, None, None, f"team-{PROJECT}", None),
    QuotaWish(QuotaPlace(team=f"team-{PROJECT}"), QuotaTerms({"attempts": 10}, {}, 1.0)),
    QuotaWish(QuotaPlace(project=PROJECT), QuotaTerms({"attempts": 5}, {}, 1.0)),
)


def user_grant(user: str, role: Role, place: Place) -> Grant:
    return Grant(Subject(SubjectKind.USER, user), role, place)


@dataclass
class Guarded:
    """A server with users."""

    running: Running
    tokens: Mapping[str, str]

    async def call(self, path: str, data: bytes, user: str = "", *, stream: bool = False) -> list[bytes]:
        """Make a call as a user; the first hundred answers of a stream."""
        metadata = (("authorization", f"Bearer {self.tokens[user]}"),) if user else ()
        channel = self.running.channel
        if not stream:
            return [await channel.unary_unary(path)(data, metadata=metadata, timeout=30)]
        found: list[bytes] = []
        call = channel.unary_stream(path)(data, metadata=metadata, timeout=STREAM_S)
        async for answer in call:
            found.append(answer)
            if len(found) == 100:
                call.cancel()
                break
        return found

    async def status(self, path: str, data: bytes, user: str = "", *, stream: bool = False) -> str:
        """Return the name of the status with which a call ends."""
        try:
            await self.call(path, data, user, stream=stream)
        except aio.AioRpcError as error:
            return error.code().name
        return "OK"

    async def rows(self) -> dict[str, list[tuple[object, ...]]]:
        """Return everything in the database but the audit log and when tokens were used."""
        left = {"audit_log", "access_tokens"}

        def read(connection: object) -> dict[str, list[tuple[object, ...]]]:
            return {
                name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)  # type: ignore[attr-defined]
                for name, table in metadata.tables.items()
                if name not in left
            }

        return await self.running.plane.database.read(read)


@asynccontextmanager
async def guarded(
    settings: Settings, grants: Mapping[str, Grant | None], attempt_tokens: AttemptTokens | None = None
) -> AsyncIterator[Guarded]:
    """Yield a populated server with users, each with a token and perhaps a role; `root` may do everything."""
    settings = replace(settings, access=AccessOptions(required=True), projects=(PROJECT, OTHER))
    async with served(settings, attempt_tokens=attempt_tokens) as running:
        plane = running.plane
        await plane.registry.register(module())
        await plane.tenancy.apply([Wanted(wish, Mode.ANY) for wish in OWNED], dry_run=False)
        await plane.executions.create(create_execution(), "victim")
        await plane.record(succeeded())
        tokens = {"root": (await plane.database.write(lambda c: bootstrap(c, "root", "", 0, 1))).token}
        for user, grant in grants.items():
            created = await plane.access.create_token(Caller(), user, "", 0)
            tokens[user] = created.token
            if grant is not None:
                await plane.access.add_grant(Caller(), grant)
        yield Guarded(running, tokens)
