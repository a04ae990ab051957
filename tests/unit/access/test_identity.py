"""Who somebody is: tokens of ours, and access tokens of an identity provider."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import jwt
import pytest

from flytelike.controlplane.access.caller import Caller
from flytelike.controlplane.access.door import Door
from flytelike.controlplane.access.identity import Identity, Via
from flytelike.controlplane.access.keys import Provider as Keys
from flytelike.controlplane.access.oidc import groups_of
from flytelike.controlplane.access.options import OidcOptions
from flytelike.controlplane.access.roles import NOTHING, Grant, Place, Role, Subject, SubjectKind
from flytelike.controlplane.access.tokens import digest_of
from flytelike.controlplane.access.use_cases import bootstrap
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import Refusal
from flytelike.controlplane.repository.access import token_by_id
from flytelike.controlplane.secret_files import SecretFile
from tests.services.oidc import AUDIENCE, Provider, running_provider
from tests.unit.controlplane.builders import SECOND_NS, settings_for, started

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[ControlPlane]:
    async with started(settings_for(tmp_path)) as plane:
        yield plane


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def any_plane(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ControlPlane]:
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    async with started(settings_for(tmp_path, url)) as plane:
        yield plane


@pytest.fixture(scope="module")
def shared_provider() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def provider(shared_provider: Provider) -> Provider:
    shared_provider.extra, shared_provider.expires_s = {}, 600
    return shared_provider


def door_of(plane: ControlPlane, provider: Provider | None = None, **more: object) -> Door:
    oidc = None if provider is None else OidcOptions(provider.issuer, AUDIENCE, **more)  # type: ignore[arg-type]
    return Door(plane.book, plane.audit, oidc=oidc)


async def refused(door: Door, token: str) -> str:
    with pytest.raises(Refusal) as told:
        await door.identify(token)
    (found,) = told.value.diagnostics
    assert token not in str(told.value) or not token
    return found.code


# --- tokens -----------------------------------------------------------------------------------


async def test_a_token_says_whose_it_is_until_it_is_revoked(any_plane: ControlPlane) -> None:
    made = await any_plane.access.create_token(Caller(), "ann", "laptop", None)
    door = door_of(any_plane)
    assert await door.identify(made.token) == Identity("ann", via=Via.TOKEN, name="laptop", credential=made.row.id)
    await any_plane.access.revoke_token(Caller(), made.row.id)
    assert await refused(door, made.token) == "token-not-accepted"


async def test_of_a_token_only_its_digest_is_kept(any_plane: ControlPlane) -> None:
    made = await any_plane.access.create_token(Caller(), "ann", "", None)
    row = await any_plane.database.read(lambda connection: token_by_id(connection, made.row.id))
    assert row is not None
    assert row.digest == digest_of(made.token)
    secret = made.token.rpartition("_")[2]
    assert secret not in repr(row)
    assert len(made.token) > 50


async def test_a_token_expires(any_plane: ControlPlane) -> None:
    made = await any_plane.access.create_token(Caller(), "ann", "", 3 * SECOND_NS)
    door = door_of(any_plane)
    # The test's clock moves on by a second each time it is read.
    for _ in range(10):
        try:
            await door.identify(made.token)
        except Refusal:
            break
    assert await refused(door, made.token) == "token-not-accepted"


@pytest.mark.parametrize("token", ["", "flt_", "flt_abc_def", "a.b.c", "x" * 20_000, "\udcff", "Bearer"])
async def test_what_is_no_token_is_turned_away(any_plane: ControlPlane, token: str) -> None:
    assert await refused(door_of(any_plane), token) == ("token-not-accepted" if token else "login-required")


async def test_a_revocation_elsewhere_counts_here(any_plane: ControlPlane, tmp_path: Path) -> None:
    made = await any_plane.access.create_token(Caller(), "ann", "", 0)
    url = any_plane.settings.database_url
    async with started(settings_for(tmp_path, url)) as other:
        door = door_of(other)
        await door.identify(made.token)
        await any_plane.access.revoke_token(Caller(), made.row.id)
        other.book.changed()  # as when FRESH_S have passed
        assert await refused(door, made.token) == "token-not-accepted"


async def test_it_is_noted_when_a_token_was_used(any_plane: ControlPlane) -> None:
    made = await any_plane.access.create_token(Caller(), "ann", "", 0)
    await door_of(any_plane).identify(made.token)
    await any_plane.book.close()
    (row,) = await any_plane.access.tokens(Caller(), "ann", "", 10)
    assert row.used_at > row.created_at


async def test_people_make_tokens_for_themselves_but_not_with_one(any_plane: ControlPlane) -> None:
    ann = Caller(Identity("ann", via=Via.OIDC), NOTHING)
    made = await any_plane.access.create_token(ann, "", "", None)
    assert made.row.user == "ann"
    with pytest.raises(Refusal, match="permission-denied"):
        await any_plane.access.create_token(ann, "bob", "", None)
    with pytest.raises(Refusal, match="permission-denied"):
        await any_plane.access.create_token(Caller(Identity("ann", via=Via.TOKEN), NOTHING), "", "", None)


async def test_who_has_the_database_gets_in(any_plane: ControlPlane) -> None:
    made = await any_plane.database.write(lambda connection: bootstrap(connection, "ann", "", 0, 1))
    door = door_of(any_plane)
    identity = await door.identify(made.token)
    assert (await any_plane.book.rights(identity)).platform


async def test_a_line_of_the_servers_file_may_do_everything(any_plane: ControlPlane, tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("0123456789abcdef\n")
    door = Door(any_plane.book, any_plane.audit, root_tokens=SecretFile(tmp_path / "tokens"))
    assert (await door.identify("0123456789abcdef")).root
    assert await refused(door, "0123456789abcdee") == "token-not-accepted"


# --- OpenID Connect ---------------------------------------------------------------------------


async def test_a_providers_token_says_who_it_is_and_their_groups(plane: ControlPlane, provider: Provider) -> None:
    identity = await door_of(plane, provider).identify(provider.token(name="Ann", email="ann@example.com"))
    wanted = Identity("ann", frozenset({"scientists"}), Via.OIDC, name="Ann", email="ann@example.com")
    assert identity == wanted
    group = Subject(SubjectKind.GROUP, "scientists")
    await plane.access.add_grant(Caller(), Grant(group, Role.VIEWER, Place("default")))
    assert (await plane.book.rights(identity)).projects == {"default": 1}


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example.com"},
        {"aud": "another"},
        {"aud": None},
        {"exp": -60},
        {"exp": None},
        {"nbf": 3600},
        {"iat": 3600},
        {"sub": None},
        {"sub": ""},
    ],
    ids=str,
)
async def test_a_token_for_others_or_another_time_is_refused(
    plane: ControlPlane, provider: Provider, claims: dict[str, object]
) -> None:
    now = int(time.time())
    told = {name: now + value if isinstance(value, int) else value for name, value in claims.items()}
    assert await refused(door_of(plane, provider), provider.token(**told)) == "token-not-accepted"


async def test_clocks_may_be_apart_by_the_leeway(plane: ControlPlane, provider: Provider) -> None:
    late = provider.token(exp=int(time.time()) - 10)
    await door_of(plane, provider, leeway_s=60).identify(late)
    assert await refused(door_of(plane, provider, leeway_s=1), late) == "token-not-accepted"


async def test_a_signature_of_somebody_else_is_refused(plane: ControlPlane, provider: Provider) -> None:
    header, payload, signature = provider.token().split(".")
    door = door_of(plane, provider)
    claims = jwt.decode(f"{header}.{payload}.{signature}", options={"verify_signature": False})
    public = str((await Keys(OidcOptions(provider.issuer, AUDIENCE)).key("")) or "")
    forged = [
        f"{header}.{payload}.{signature[:-8]}AAAAAAAA",
        jwt.encode(claims, None, algorithm="none"),
        jwt.encode(claims, public.ljust(64), algorithm="HS256", headers={"kid": provider.key.kid}),
        jwt.encode(claims, "x" * 64, algorithm="HS256", headers={"kid": "unknown"}),
    ]
    for token in forged:
        assert await refused(door, token) == "token-not-accepted"


async def test_a_new_key_is_fetched_and_the_old_one_forgotten(plane: ControlPlane, provider: Provider) -> None:
    now = [0.0]
    options = OidcOptions(provider.issuer, AUDIENCE)
    door = Door(plane.book, plane.audit, oidc=options, provider=Keys(options, monotonic=lambda: now[0]))
    former = provider.token()
    await door.identify(former)
    provider.rotate(curve=True)
    assert await refused(door, provider.token()) == "token-not-accepted", "the provider was asked a moment ago"
    now[0] += 11
    await door.identify(provider.token())
    assert await refused(door, former[:-4] + "AAAA") == "token-not-accepted"


async def test_the_provider_is_asked_once_for_many_tokens(plane: ControlPlane, provider: Provider) -> None:
    door = door_of(plane, provider)
    provider.asked.clear()
    await asyncio.gather(*[door.identify(provider.token(jti=str(number))) for number in range(20)])
    assert provider.asked == ["/.well-known/openid-configuration", "/keys"]


async def test_a_provider_that_is_away_is_a_trouble_that_passes(plane: ControlPlane, provider: Provider) -> None:
    options = OidcOptions("http://127.0.0.1:1", AUDIENCE)
    door = Door(plane.book, plane.audit, oidc=options)
    assert await refused(door, provider.token()) == "identity-provider-unavailable"


async def test_keys_are_used_on_while_the_provider_is_away(provider: Provider) -> None:
    now, away = [0.0], [False]

    async def fetch(url: str) -> dict[str, object]:
        if away[0]:
            raise OSError("away")
        return {"issuer": "i", "jwks_uri": "k", "keys": [{"kid": "one", "kty": "RSA"}, {"kid": "two", "kty": "oct"}]}

    keys = Keys(OidcOptions("i", AUDIENCE), fetch, lambda: now[0])
    assert await keys.key("one")
    assert await keys.key("two") is None, "a secret of both sides signs nothing for others"
    away[0], now[0] = True, 100_000.0
    assert await keys.key("one")


@pytest.mark.parametrize(
    ("claims", "path", "groups"),
    [
        ({"groups": ["a", "b", 3, ""]}, "groups", {"a", "b"}),
        ({"groups": "a"}, "groups", {"a"}),
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", {"a"}),
        ({"https://x.org/groups": ["a"]}, "https://x.org/groups", {"a"}),
        ({}, "groups", set()),
        ({"groups": {"a": 1}}, "groups", set()),
    ],
)
def test_groups_are_where_the_setting_says(claims: dict[str, object], path: str, groups: set[str]) -> None:
    assert groups_of(claims, path) == groups


async def test_an_address_that_is_not_verified_names_nobody(plane: ControlPlane, provider: Provider) -> None:
    door = door_of(plane, provider, user_claim="email")
    assert (await door.identify(provider.token(email="a@b.org", email_verified=True))).user == "a@b.org"
    assert await refused(door, provider.token(email="a@b.org", email_verified=False)) == "token-not-accepted"


async def test_no_provider_no_provider_tokens(plane: ControlPlane, provider: Provider) -> None:
    assert await refused(door_of(plane), provider.token()) == "token-not-accepted"
    assert replace(plane.settings).guarded is False
