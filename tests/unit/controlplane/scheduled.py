"""Launch plans with schedules, and a clock that stands still until a test moves it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from flytelike.codec.literals import literal_map_from_proto
from flytelike.codec.parse import parse
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.rpc.schedules import schedule_message
from flytelike.controlplane.schedule_rules import run_name
from flytelike.model.graph import LaunchPlanTemplate, TaskTemplate, WorkflowTemplate
from flytelike.model.literals import Instant, Literal, Primitive
from flytelike.model.schedule import CronRule, Schedule
from flytelike.model.types import DATETIME, INTEGER
from flytelike_idl.core import literals_pb2
from flytelike_idl.service import schedules_pb2 as pb
from tests.unit.controlplane.builders import (
    DOMAIN,
    PROJECT,
    FakeLauncher,
    a_plan,
    a_task,
    a_workflow,
    execution_id,
    interface,
    plan_id,
    register_request,
    settings_for,
    started,
)

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
NOON_NS = int(datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()) * SECOND_NS
MINUTELY = Schedule(CronRule("* * * * *"), "x")


@dataclass
class HandClock:
    """A clock that a test moves."""

    at_ns: int = NOON_NS + 30 * SECOND_NS

    def now_ns(self) -> int:
        return self.at_ns

    def minutes(self, number: float) -> None:
        self.at_ns += int(number * MINUTE_NS)


def scheduled(name: str = "flow", version: str = "v1", schedule: Schedule | None = MINUTELY) -> LaunchPlanTemplate:
    return replace(a_plan(name, version), schedule=schedule)


def timed() -> list[TaskTemplate | WorkflowTemplate | LaunchPlanTemplate]:
    """Return a task and a workflow whose input `x` is a time."""
    return [
        replace(a_task(version=version), interface=interface({"x": DATETIME}, {"o0": INTEGER}))
        if kind == "task"
        else a_workflow(version=version, of=DATETIME)
        for version in ("v1", "v2")
        for kind in ("task", "workflow")
    ]


@asynccontextmanager
async def scheduling(
    folder: Path, url: str, clock: HandClock, launcher: FakeLauncher | None = None
) -> AsyncIterator[ControlPlane]:
    """Yield a control plane; its scheduler turns when a test says so."""
    async with started(settings_for(folder, url), launcher=launcher, clock=clock) as plane:
        yield plane


async def register(plane: ControlPlane, *plans: LaunchPlanTemplate) -> None:
    registration = await plane.registry.register(register_request(*timed(), *plans))
    assert not registration.diagnostics, registration.diagnostics


async def activate(plane: ControlPlane, name: str = "flow", version: str = "v1", *, active: bool = True) -> None:
    await plane.finding.set_launch_plan_state(plan_id(name, version), "ann", active=active)


async def turn(plane: ControlPlane) -> None:
    await plane.scheduling.scheduler.turn()


async def told(plane: ControlPlane, name: str = "flow") -> pb.ScheduledPlan:
    found = await plane.scheduling.schedules.one((PROJECT, DOMAIN, name), 3, 100)
    return schedule_message(found, plane.clock.now_ns())


def tick(minutes: int, name: str = "flow", again: int = 0) -> str:
    """Return the name of the execution for a time so many minutes after noon."""
    return run_name((PROJECT, DOMAIN, name), NOON_NS + minutes * MINUTE_NS, again)


def launched(launcher: FakeLauncher) -> list[str]:
    return [request.id.name for request in launcher.launched]


async def time_given(plane: ControlPlane, name: str) -> Literal:
    row = await plane.executions.row(execution_id(name))
    stored = await plane.store.get_async(row.inputs_uri)
    return literal_map_from_proto(parse(literals_pb2.LiteralMap, stored))["x"]


def moment(minutes: int) -> Literal:
    return Literal(Primitive(Instant(NOON_NS + minutes * MINUTE_NS)))
