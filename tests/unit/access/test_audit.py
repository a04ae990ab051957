"""Each change is noted: who, what, from where, when, in which request, and how it ended."""

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from grpc import aio

from flytelike.controlplane.access import audit, door
from flytelike.controlplane.access.audit import AuditLog, Deed, Origin
from flytelike.controlplane.access.identity import Identity, Via
from flytelike.controlplane.access.roles import Place, Role
from flytelike.controlplane.access.table import RULES
from flytelike.controlplane.access.targets import target_of
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import Status, refusal
from flytelike.controlplane.repository.audit import AuditFilter
from flytelike_idl.admin import execution_pb2
from flytelike_idl.core import identifier_pb2
from flytelike_idl.service import access_pb2, access_pb2_grpc, tenancy_pb2, tenancy_pb2_grpc
from tests.unit.access.world import OTHER, Guarded, guarded, user_grant
from tests.unit.controlplane.builders import (
    DOMAIN,
    PROJECT,
    SECOND_NS,
    create_execution,
    get_execution,
    module,
    settings_for,
    started,
)

pytestmark = pytest.mark.anyio

ALL = AuditFilter()
ANN = Identity("ann", via=Via.TOKEN, credential="abc")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Guarded]:
    grants = {
        "ann": user_grant("ann", Role.LAUNCHER, Place(PROJECT)),
        "boss": user_grant("boss", Role.ADMIN, Place(PROJECT)),
        "mallory": user_grant("mallory", Role.ADMIN, Place(OTHER)),
    }
    async with guarded(settings_for(tmp_path), grants) as world:
        yield world


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def plane(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ControlPlane]:
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    async with started(settings_for(tmp_path, url)) as plane:
        yield plane


def signed(world: Guarded, user: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {world.tokens[user]}"),)


async def noted(log: AuditLog, who: Identity, deed: Deed, origin: Origin, outcome: str) -> None:
    await log.add(log.row(who, deed, origin, outcome))


def team(world: Guarded, name: str) -> Awaitable[tenancy_pb2.ApplyTenancyResponse]:
    wish = tenancy_pb2.TenancyWish(team=tenancy_pb2.TeamWish(name=name))
    request = tenancy_pb2.ApplyTenancyRequest(wishes=[wish])
    stub = tenancy_pb2_grpc.TenancyServiceStub(world.running.channel)
    return stub.ApplyTenancy(request, metadata=signed(world, "root"))


def register(world: Guarded, _: str) -> Awaitable[object]:
    return world.running.registration.Register(module(version="v2"), metadata=signed(world, "root"))


def grant(world: Guarded, name: str) -> Awaitable[object]:
    subject = access_pb2.AccessSubject(user=name)
    request = access_pb2.CreateGrantRequest(grant=access_pb2.AccessGrant(subject=subject, role="viewer"))
    return access_pb2_grpc.AccessServiceStub(world.running.channel).CreateGrant(request, metadata=signed(world, "root"))


CHANGES = [team, grant, register]


@pytest.mark.parametrize("change", CHANGES)
async def test_nothing_is_changed_without_its_entry(
    world: Guarded, monkeypatch: pytest.MonkeyPatch, change: Callable[[Guarded, str], Awaitable[object]]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise refusal(Status.UNAVAILABLE, "disk-full", "the disk is full")

    before = await world.rows()
    monkeypatch.setattr(door, "add_entry", full)
    monkeypatch.setattr(audit, "add_entry", full)
    with pytest.raises(aio.AioRpcError):
        await change(world, "ops")
    assert await world.rows() == before


@pytest.mark.parametrize("change", CHANGES)
async def test_an_entry_is_there_as_soon_as_its_change(
    world: Guarded, monkeypatch: pytest.MonkeyPatch, change: Callable[[Guarded, str], Awaitable[object]]
) -> None:
    """Nothing is written once the change is durable: a server may be killed then."""

    async def killed(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(world.running.plane.audit, "tell", killed)
    monkeypatch.setattr(world.running.plane.audit, "add", killed)
    before = await world.rows()
    with pytest.raises(aio.AioRpcError):
        await change(world, "ops")
    assert await world.rows() != before
    (entry,) = await world.running.plane.audit.entries(ALL, 0, 10)
    assert entry.outcome == "OK"


async def test_what_changed_nothing_leaves_one_entry_that_says_so(world: Guarded) -> None:
    await team(world, "ops")
    with pytest.raises(aio.AioRpcError):
        await team(world, "No Name")
    entries = await world.running.plane.audit.entries(ALL, 0, 10)
    assert [one.outcome for one in entries] == ["INVALID_ARGUMENT", "OK"]


async def test_a_change_is_noted_with_everything(world: Guarded) -> None:
    metadata = (*signed(world, "ann"), ("x-request-id", "req-1"))
    await world.running.admin.CreateExecution(create_execution("second"), metadata=metadata)
    (entry,) = await world.running.plane.audit.entries(ALL, 0, 10)
    assert (entry.actor, entry.via, entry.outcome) == ("ann", "token", "OK")
    assert entry.method == "AdminService/CreateExecution"
    assert (entry.project, entry.domain, entry.request_id) == (PROJECT, DOMAIN, "req-1")
    assert entry.target.startswith(f"{PROJECT}/{DOMAIN}/second")
    assert entry.peer.startswith("ipv4:127.0.0.1:")
    assert entry.credential == world.tokens["ann"].split("_")[1]
    assert entry.at > 0


async def test_who_made_an_execution_stands_in_it(world: Guarded) -> None:
    await world.running.admin.CreateExecution(create_execution("second"), metadata=signed(world, "ann"))
    found = await world.running.admin.GetExecution(get_execution("second"), metadata=signed(world, "ann"))
    assert found.spec.metadata.principal == "ann"


async def test_what_was_tried_in_vain_is_noted_too(world: Guarded) -> None:
    path = "/flyteidl.service.AdminService/CreateExecution"
    request, taken = (create_execution(name).SerializeToString() for name in ("second", "run"))
    assert await world.status(path, request, "mallory") == "PERMISSION_DENIED"
    assert await world.status(path, b"", "ann") == "PERMISSION_DENIED"
    assert await world.status(path, taken, "ann") == "ALREADY_EXISTS"
    entries = await world.running.plane.audit.entries(ALL, 0, 10)
    assert [(one.actor, one.outcome) for one in entries] == [
        ("ann", "ALREADY_EXISTS"),
        ("ann", "PERMISSION_DENIED"),
        ("mallory", "PERMISSION_DENIED"),
    ]
    assert entries[-1].detail == "permission-denied"


async def test_looking_is_not_noted(world: Guarded) -> None:
    await world.running.admin.GetExecution(get_execution(), metadata=signed(world, "ann"))
    assert await world.running.plane.audit.entries(ALL, 0, 10) == []


def test_what_changes_something_has_a_rule_that_is_noted() -> None:
    changing = ("Create", "Update", "Delete", "Register", "Set", "Terminate", "Relaunch", "Recover", "Revoke", "Evict")
    loose = {"DataProxyService/CreateDownloadLocation", "DataProxyService/CreateDownloadLink"}
    for name, rule in RULES.items():
        if name.partition("/")[2].startswith(changing) and name not in loose:
            assert (rule.audited, rule.action > 1) == (True, True), name


async def test_who_administers_a_project_reads_its_part_of_the_log(world: Guarded) -> None:
    await world.running.admin.CreateExecution(create_execution("second"), metadata=signed(world, "ann"))
    stub = access_pb2_grpc.AccessServiceStub(world.running.channel)
    own = access_pb2.ListAuditEntriesRequest(project=PROJECT)
    found = await stub.ListAuditEntries(own, metadata=signed(world, "boss"))
    assert [one.actor for one in found.entries] == ["ann"]
    path = "/flytelike.service.AccessService/ListAuditEntries"
    for user in ("ann", "mallory"):
        assert await world.status(path, own.SerializeToString(), user) == "PERMISSION_DENIED"
    assert await world.status(path, b"", "boss") == "PERMISSION_DENIED"
    assert await world.status(path, b"", "root") == "OK"


async def test_each_entry_is_a_line_of_the_programs_log(plane: ControlPlane, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "flytelike.audit"):
        await noted(plane.audit, ANN, Deed("S/M", "p", "d", "t"), Origin("peer", "id"), "OK")
    (line,) = [json.loads(record.getMessage()) for record in caplog.records if record.name == "flytelike.audit"]
    assert line["actor"] == "ann"
    assert line["method"] == "S/M"


async def test_entries_are_found_by_what_they_say(plane: ControlPlane) -> None:
    for number in range(6):
        who = replace(ANN, user=f"user{number % 2}")
        outcome = "OK" if number < 3 else "NOT_FOUND"
        await noted(
            plane.audit, who, Deed(f"S/M{number}", f"p{number % 3}", "d", "t"), Origin("", f"r{number}"), outcome
        )
    entries = await plane.audit.entries(ALL, 0, 10)
    assert [one.request_id for one in entries] == ["r5", "r4", "r3", "r2", "r1", "r0"]

    async def found(**wanted: object) -> list[str]:
        rows = await plane.audit.entries(AuditFilter(**wanted), 0, 10)  # type: ignore[arg-type]
        return [one.request_id for one in rows]

    assert await found(actor="user0") == ["r4", "r2", "r0"]
    assert await found(project="p1", outcome="OK") == ["r1"]
    assert await found(method="M3") == ["r3"]
    assert await found(method="_3") == [], "what stands there means itself"
    assert await found(since_ns=entries[2].at, until_ns=entries[0].at) == ["r4", "r3"]
    assert await found(request_id="r2") == ["r2"]


async def test_pages_neither_overlap_nor_leave_out(plane: ControlPlane) -> None:
    for number in range(7):
        await noted(plane.audit, ANN, Deed("S/M"), Origin("", str(number)), "OK")
    seen, before = [], 0
    while page := await plane.audit.entries(ALL, before, 3):
        seen += [one.request_id for one in page]
        before = page[-1].id
        await noted(plane.audit, ANN, Deed("S/M"), Origin("", "later"), "OK")
    assert seen == ["6", "5", "4", "3", "2", "1", "0"]


async def test_what_is_old_goes(plane: ControlPlane) -> None:
    log = AuditLog(plane.database, plane.clock, keep_ns=5 * SECOND_NS)
    await noted(log, ANN, Deed("S/M"), Origin("", "first"), "OK")
    for _ in range(10):
        plane.clock.now_ns()  # each look takes a second
    await noted(
        AuditLog(plane.database, plane.clock, keep_ns=5 * SECOND_NS), ANN, Deed("S/M"), Origin("", "last"), "OK"
    )
    assert [one.request_id for one in await plane.audit.entries(ALL, 0, 10)] == ["last"]


def test_a_target_is_names_and_never_values() -> None:
    request = create_execution("run", {})
    request.inputs.literals["password"].scalar.primitive.string_value = "hunter2"
    request.spec.envs.values.add(key="TOKEN", value="hunter2")
    request.spec.labels.values["a"] = "hunter2"
    assert "hunter2" not in target_of(request)
    many = execution_pb2.ExecutionRelaunchRequest(
        id=identifier_pb2.WorkflowExecutionIdentifier(project="p", domain="d", name="x" * 10_000)
    )
    assert target_of(many).startswith("p/d/xxx")


def test_wishes_are_told_by_whom_they_are_about() -> None:
    wishes = [
        tenancy_pb2.TenancyWish(team=tenancy_pb2.TeamWish(name="ml")),
        tenancy_pb2.TenancyWish(project=tenancy_pb2.ProjectWish(id="vision", team="ml")),
        tenancy_pb2.TenancyWish(
            quota=tenancy_pb2.QuotaWish(
                quota=tenancy_pb2.Quota(place=tenancy_pb2.QuotaPlace(project="speech", domain="staging"))
            )
        ),
    ]
    assert target_of(tenancy_pb2.ApplyTenancyRequest(wishes=wishes)) == "ml vision speech/staging"
