"""What work needs before it may begin: its part of resources that many share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.queued import QuotaReport
from flytelike.model.quota import DEFAULT_TEAM
from propeller.core.fairness import Amounts, Quota, Shortage, Waiting


@dataclass(frozen=True, slots=True)
class Ask:
    """What one thing needs, granted whole or not at all: an attempt, or a gang of processes that work together.

    `id` names it for ever: who asks again after a restart asks for the same. `priority` orders what is asked for
    one project and domain.
    """

    id: str
    project: str
    domain: str
    amounts: Amounts
    priority: int = 0


def name_of(execution: ExecutionId, path: NodePath, attempt: int) -> str:
    """Return what an attempt asks as, for ever."""
    return f"{execution.project}/{execution.domain}/{execution.name}/{path}/{attempt}"


def named(ask_id: str) -> tuple[ExecutionId, NodePath, int]:
    """Return the attempt that asks so: the other way around of `name_of`. Raises ValueError: it is none.

    What stands behind a `#` tells asks of one attempt apart: an array asks for its next elements again and again.
    """
    place, attempt = ask_id.partition("#")[0].rsplit("/", 1)
    project, domain, name, path = place.split("/", 3)
    return ExecutionId(project, domain, name), NodePath(path), int(attempt)


class AllocationListener(Protocol):
    """Told by an allocator. Called on the event loop; returns at once."""

    def granted(self, ask_id: str) -> None:
        """Tell that the work may begin. Perhaps called before `ask` has returned."""

    def refused(self, ask_id: str, shortages: tuple[Shortage, ...]) -> None:
        """Tell that it can never be granted: it is more than the limits named, of which nothing is used up."""

    def lost(self, ask_id: str) -> None:
        """Tell that what was granted is somebody else's now, since nothing was heard from here for too long."""


class Allocator(Protocol):
    """Grants what is asked in fair order, so that no limit is ever exceeded. Made and called on one event loop."""

    def ask(self, ask: Ask, listener: AllocationListener) -> None:
        """Let something wait for what it needs. What is known already is not asked twice."""

    def give_back(self, ask_id: str) -> None:
        """End a grant, or wait no longer. Unknown ones are ignored: ends may be told twice."""

    async def why(self, ask_id: str) -> Waiting | None:
        """Return what something waits for; None when it does not wait."""

    async def close(self) -> None:
        """Give everything back, and grant nothing more."""


class QuotaReports(Protocol):
    """Hears what is granted, and who waits: of everybody who shares it, not of one engine alone."""

    async def take(self, report: QuotaReport) -> None:
        """Keep a report in place of earlier ones. Raises what passes: the next report is as good."""


class QuotaSource(Protocol):
    """Tells the quotas as they are now. Called from any thread; answers at once."""

    def quotas(self) -> Mapping[tuple[str, ...], Quota]:
        """Return quotas by path (team, project, domain); `()` is the whole platform."""

    def tenants(self) -> "Tenants":
        """Return which team a project belongs to."""

    async def known(self) -> None:
        """Return once the quotas are known. Called on the event loop."""


@dataclass(frozen=True, slots=True)
class Tenants:
    """Which team a project belongs to; those that are not named belong to the default team."""

    teams: Mapping[str, str] = field(default_factory=dict)

    def path(self, project: str, domain: str) -> tuple[str, ...]:
        """Return the places that something counts for, outermost first: team, project, domain."""
        return (self.teams.get(project, DEFAULT_TEAM), project, domain)
