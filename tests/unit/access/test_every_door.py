"""Nobody reads or changes what lies outside of their grants: every RPC of every service, and every HTTP route."""

import asyncio
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor import MethodDescriptor
from grpc import aio

from flytelike.controlplane.access.roles import Action, Place, Rights, Role, rights_of
from flytelike.controlplane.access.table import RULES
from flytelike.controlplane.access.table import Door as Entry
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.rpc.dispatch import names_of
from flytelike.controlplane.server import servicers_of
from flytelike.storage import Store
from flytelike_idl.service import propeller_pb2
from tests.unit.access.aiming import Aim, aimed, crossed
from tests.unit.access.world import OTHER, Guarded, guarded, user_grant
from tests.unit.controlplane.builders import DOMAIN, PROJECT, FakeLauncher, settings_for

pytestmark = pytest.mark.anyio

VICTIM, OWN = Aim(PROJECT), Aim(OTHER, user="mallory")
FOREIGN = PROJECT.encode()
HARMLESS = {"GetDomains", "GetVersion", "GetOAuth2Metadata", "GetPublicClientConfig", "UserInfo", "GetAccess"}
"""What says the same to everybody, or only of who asks."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Guarded]:
    grants = {
        "mallory": user_grant("mallory", Role.ADMIN, Place(OTHER)),
        "victim": user_grant("victim", Role.ADMIN, Place(PROJECT)),
        "nobody": None,
    }
    async with guarded(settings_for(tmp_path), grants) as world:
        yield world


def methods(plane: ControlPlane) -> Iterator[MethodDescriptor]:
    for service, _ in servicers_of(plane):
        yield from service.methods


def paths(method: MethodDescriptor) -> list[str]:
    return [f"/{name}/{method.name}" for name in names_of(method.containing_service)]


def key(method: MethodDescriptor) -> str:
    return f"{method.containing_service.name}/{method.name}"


def test_every_rpc_has_a_rule_and_every_rule_an_rpc(tmp_path: Path) -> None:
    plane = ControlPlane(settings_for(tmp_path), Store(), FakeLauncher())
    assert {key(method) for method in methods(plane)} == RULES.keys()
    plane.database.close()


def test_only_how_to_log_in_is_told_to_everybody() -> None:
    assert {name for name, rule in RULES.items() if rule.door is Entry.OPEN} == {
        "AuthMetadataService/GetOAuth2Metadata",
        "AuthMetadataService/GetPublicClientConfig",
    }


async def test_who_says_nothing_of_themselves_gets_nowhere(world: Guarded) -> None:
    for method in methods(world.running.plane):
        expected = "OK" if RULES[key(method)].door is Entry.OPEN else "UNAUTHENTICATED"
        for path in paths(method):
            found = await world.status(path, aimed(method, VICTIM).SerializeToString(), stream=method.server_streaming)
            assert found == expected, path


@pytest.mark.parametrize("user", ["mallory", "nobody"])
async def test_another_tenant_reads_and_changes_nothing(world: Guarded, user: str) -> None:
    before = await world.rows()
    for method in methods(world.running.plane):
        for path in paths(method):
            await stays_out(world, method, path, aimed(method, VICTIM).SerializeToString(), user)
    assert await world.rows() == before


async def test_another_tenant_gets_at_nothing_from_a_place_of_their_own(world: Guarded) -> None:
    """Requests that name the tenant's own project everywhere but in one place."""
    before, tried = await world.rows(), 0
    for method in methods(world.running.plane):
        path = paths(method)[1]
        for request in crossed(method, OWN, VICTIM):
            tried += 1
            answers = await answered(world, method, path, request.SerializeToString(), "mallory")
            assert all(FOREIGN not in answer for answer in answers), (path, request)
    assert tried > 100
    after = await world.rows()
    for table, rows in before.items():
        # What the tenant did at home may be there now; what was there is as it was.
        assert set(rows) - set(after[table]) == set(), table
        assert not any(PROJECT in row and "mallory" in row for row in after[table] if row not in rows)


async def test_the_same_requests_get_through_where_they_may(world: Guarded) -> None:
    """Or else the tests above would show nothing."""
    for user in ("victim", "root"):
        for method in methods(world.running.plane):
            rule = RULES[key(method)]
            if method.name in {"RevokeToken", "CollectGarbage"} or (user == "victim" and on_platform(method)):
                continue
            request = aimed(method, VICTIM).SerializeToString()
            found = await world.status(paths(method)[0], request, user, stream=method.server_streaming)
            assert found not in {"PERMISSION_DENIED", "UNAUTHENTICATED", "INTERNAL", "UNKNOWN"}, (user, key(method))
            assert rule.needs


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("place", [Place(), Place(team="default"), Place(PROJECT), Place(PROJECT, DOMAIN)], ids=str)
def test_a_role_reaches_as_far_as_it_says(role: Role, place: Place, tmp_path: Path) -> None:
    rights = rights_of([user_grant("u", role, place)], {})
    plane = ControlPlane(settings_for(tmp_path), Store(), FakeLauncher())
    for method in methods(plane):
        rule = RULES[key(method)]
        if rule.door is not Entry.ROLES:
            continue
        needed = rule.needs(aimed(method, VICTIM))
        everywhere = place == Place()
        covers = everywhere or not (on_platform(method) or wider(needed, place))
        assert permitted(rights, needed) == (covers and role.reach >= rule.action), (key(method), needed)
    plane.database.close()


async def test_operators_rpcs_are_not_on_the_clients_port(world: Guarded) -> None:
    service = propeller_pb2.DESCRIPTOR.services_by_name["PropellerService"]
    for method in service.methods:
        for name in names_of(service):
            assert await world.status(f"/{name}/{method.name}", b"", "root") == "UNIMPLEMENTED"


# --- HTTP ---------------------------------------------------------------------------------------


async def test_every_route_needs_an_address_that_was_signed(world: Guarded) -> None:
    from flytelike.controlplane.transfers import Transfers

    running = world.running
    routes = Transfers(running.plane.uploads, running.plane.store, 1).routes()
    tried = {
        "/uploads/{project}/{domain}/{folder}/{filename:path}": ("PUT", f"/uploads/{PROJECT}/{DOMAIN}/x/a.txt"),
        "/downloads/{path:path}": ("GET", f"/downloads/uploads/{PROJECT}/{DOMAIN}/x/a.txt"),
        "/healthcheck": ("GET", "/healthcheck"),
    }
    assert {route.path for route in routes} == tried.keys()  # type: ignore[attr-defined]
    token = world.tokens["mallory"]
    for route, (verb, path) in tried.items():
        for query in ("", "?expires=99999999999&signature=00", "?md5=&expires=99999999999&signature="):
            url = running.addresses.http + path + query
            found = await asyncio.to_thread(http_status, verb, url, token)
            assert found == (200 if route == "/healthcheck" else 403), route


def http_status(verb: str, url: str, token: str) -> int:
    request = urllib.request.Request(url, method=verb, headers={"authorization": f"Bearer {token}"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, data=b"" if verb == "PUT" else None, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


# --- what they share ----------------------------------------------------------------------------


def on_platform(method: MethodDescriptor) -> bool:
    """Tell whether a call is about the whole platform, whatever it names."""
    return Place() in RULES[key(method)].needs(aimed(method, VICTIM))


def wider(needed: object, place: Place) -> bool:
    """Tell whether a call needs a whole project where a role holds in a domain."""
    return bool(place.domain) and any(not one.domain for one in needed)  # type: ignore[attr-defined]


def permitted(rights: Rights, needed: object) -> bool:
    return all(rights.allows(Action(action), place) for place, action in needed.items())  # type: ignore[attr-defined]


async def answered(world: Guarded, method: MethodDescriptor, path: str, data: bytes, user: str) -> list[bytes]:
    try:
        return await world.call(path, data, user, stream=method.server_streaming)
    except aio.AioRpcError as error:
        if error.code().name in {"INTERNAL", "UNKNOWN"}:
            raise
        return []


async def stays_out(world: Guarded, method: MethodDescriptor, path: str, data: bytes, user: str) -> None:
    rule = RULES[key(method)]
    if rule.door is Entry.ROLES:
        assert await world.status(path, data, user, stream=method.server_streaming) == "PERMISSION_DENIED", path
        return
    answers = await answered(world, method, path, data, user)
    assert method.name in HARMLESS or all(FOREIGN not in answer and b"victim" not in answer for answer in answers), path
