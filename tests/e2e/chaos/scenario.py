"""Some twenty executions at once, how each must end whatever happens, and the people who have a part in them."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from flytelike.model.ids import ExecutionId, Identifier, ResourceKind
from flytelike.model.literals import Literal, Primitive
from flytelike.model.phases import WorkflowPhase
from flytelike.remote import Client, RemoteError, executions, signals
from tests.e2e.chaos.site import Site

PROJECT, DOMAIN = "flytesnacks", "development"
VERSION = "1"
T = TypeVar("T")

DONE, FAILED, ABORTED = WorkflowPhase.SUCCEEDED, WorkflowPhase.FAILED, WorkflowPhase.ABORTED


@dataclass(frozen=True, slots=True)
class Case:
    """An execution: what it runs, and its end. `error` is the code it fails with; `ran` what must have begun."""

    name: str
    workflow: str
    number: int
    phase: WorkflowPhase
    output: object = None
    error: str = ""
    ran: tuple[str, ...] = ()

    @property
    def id(self) -> ExecutionId:
        """The execution."""
        return ExecutionId(PROJECT, DOMAIN, self.name)


def _well(workflow: str, number: int, output: object, name: str = "") -> Case:
    return Case(name or workflow.replace("_", "-"), workflow, number, DONE, output)


CASES = (
    _well("chain", 3, 69),
    _well("fan_out", 0, 28),
    _well("branches", 7, 73),
    _well("gates", 5, 16),
    Case("rejected", "rejected", 5, FAILED, error="ReceivedRejectSignal", ran=("clean_up",)),
    Case("failing", "failing", 3, FAILED, error="USER:ValueError", ran=("clean_up",)),
    Case("exhausted", "exhausted", 3, FAILED, error="RetriesExhausted|USER:FlyteRecoverableException"),
    _well("mapped", 0, [0, None, 1, None, 2, None, 3, None, 4, None]),
    _well("mapped_retries", 0, [0, 1, 2, 3, 4, 5]),
    _well("mapped_workflows", 0, [1, 3, 5, 7, 9]),
    _well("nested", 3, 26),
    _well("dynamics", 4, 24),
    _well("eagers", 3, 110),
    _well("cached", 11, 78, "cached-a"),
    _well("cached", 11, 78, "cached-b"),
    _well("cached", 11, 78, "cached-c"),
    _well("checkpoints", 3, "half"),
    _well("kinds.kinds", 3, "from a shell, 3", "kinds"),
    _well("files", 0, 327_680),
    _well("mapped_files", 0, 1_000_000),
    Case("late", "late", 3, FAILED, error="RetriesExhausted|TimeoutExpired"),
    Case("stopped", "stopped", 3, ABORTED),
    Case("mended", "mended", 3, FAILED, error="USER:ValueError"),
)
RECOVERED = _well("mended", 3, 70, "recovered")
ALL = (*CASES, RECOVERED)


def register(site: Site) -> None:
    """Register the workflows."""
    done = site.cli("register", "flows.py", "kinds.py", "--version", VERSION)
    assert done.code == 0, done.stderr


class People:
    """Everybody who asks something of the platform: they insist until they are answered."""

    def __init__(self, site: Site, client: Client, seed: int) -> None:
        """Each acts at moments of their own, drawn from the seed."""
        self._site = site
        self._client = client
        self._drawn = random.Random(seed ^ 0x5EED)

    async def act(self) -> None:
        """Start all executions, and do everybody's part; return once each is answered."""
        for case in CASES:
            await self._begin(case)
        await asyncio.gather(
            self._give("gates", "more", 10),
            self._give("gates", "allowed", value=True),
            self._give("rejected", "allowed", value=False),
            self._stop("stopped"),
            self._recover(),
        )

    async def insist(self, ask: Callable[[], Awaitable[T]], *, answers: frozenset[str] = frozenset()) -> T | None:
        """Ask until the platform answers; `answers` are refusals that are answers too."""
        while True:
            try:
                return await ask()
            except RemoteError as error:
                if error.status in answers:
                    return None
                if error.status not in AGAIN:
                    raise
            await asyncio.sleep(0.05)  # as a person would before the next try

    async def _begin(self, case: Case) -> None:
        plan = Identifier(
            ResourceKind.LAUNCH_PLAN,
            PROJECT,
            DOMAIN,
            case.workflow if "." in case.workflow else f"flows.{case.workflow}",
            VERSION,
        )
        options = executions.ExecutionOptions(name=case.name)
        given = {"number": Literal(Primitive(case.number))}
        await self.insist(
            lambda: executions.create(self._client, PROJECT, DOMAIN, plan, given, options), answers=EXISTS
        )

    async def _give(self, name: str, signal: str, value: int | bool) -> None:  # noqa: FBT001 - the signal's value
        await asyncio.sleep(self._drawn.uniform(0, 3))
        execution = ExecutionId(PROJECT, DOMAIN, name)
        given = Literal(Primitive(value))
        while True:
            waiting = await self.insist(lambda: signals.signals(self._client, execution)) or []
            if any(one.id.signal_id == signal for one in waiting):
                break
            await asyncio.sleep(0.1)  # until the gate is reached
        await self.insist(lambda: signals.give(self._client, execution, signal, given))

    async def _stop(self, name: str) -> None:
        await asyncio.sleep(self._drawn.uniform(0.5, 3))
        execution = ExecutionId(PROJECT, DOMAIN, name)
        await self.insist(lambda: executions.terminate(self._client, execution, "enough"), answers=ENDED)

    async def _recover(self) -> None:
        execution = next(case.id for case in CASES if case.name == "mended")
        while True:
            found = await self.insist(lambda: executions.get(self._client, execution))
            assert found is not None
            if WorkflowPhase(found.closure.phase).terminal:
                break
            await asyncio.sleep(0.1)  # until it has failed
        (self._site.root / "mended").touch()
        await self.insist(lambda: executions.recover(self._client, execution, RECOVERED.name), answers=EXISTS)


AGAIN = frozenset({"UNAVAILABLE", "RESOURCE_EXHAUSTED", "CANCELLED", "UNKNOWN"})
"""What is asked again: the platform is away, or cannot just now and says so."""
EXISTS = frozenset({"ALREADY_EXISTS"})
ENDED = frozenset({"FAILED_PRECONDITION"})
