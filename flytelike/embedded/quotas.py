"""The control plane's quotas as propeller counts by them, and what propeller uses as the control plane tells of it."""

from collections.abc import Iterable, Mapping

from typing_extensions import override

from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.tenancy.rules import Rules
from flytelike.model.ids import ExecutionId
from flytelike.model.queued import Queued, QuotaReport
from flytelike.model.quota import SHARED, Amounts, PlaceUse, QuotaPlace
from propeller.allocation import LocalAllocator
from propeller.allocation.waits import used_by_place
from propeller.core.fairness import Quota
from propeller.ports_allocation import QuotaReports, QuotaSource, Tenants


def quotas_of(rules: Rules, machine: Amounts) -> dict[tuple[str, ...], Quota]:
    """Return quotas by path (team, project, domain). The platform may use no more than the machine has."""
    found = {
        path_of(place, rules): Quota(terms.weight, _shared(terms.guaranteed), _shared(terms.limits))
        for place, terms in rules.quotas.items()
    }
    whole = found.get((), Quota())
    limit = {**whole.limit, **{name: min(amount, whole.limit.get(name, amount)) for name, amount in machine.items()}}
    least = {name: min(amount, limit.get(name, amount)) for name, amount in whole.guaranteed.items()}
    return {**found, (): Quota(whole.weight, least, limit)}


def tenants_of(rules: Rules) -> Tenants:
    """Return which team a project belongs to."""
    return Tenants(dict(rules.teams))


def path_of(place: QuotaPlace, rules: Rules) -> tuple[str, ...]:
    """Return the path of a place: team, project, domain."""
    if not place.project:
        return (place.team,) if place.team else ()
    path = (rules.team_of(place.project), place.project)
    return (*path, place.domain) if place.domain else path


def _shared(amounts: Amounts) -> dict[str, int]:
    return {name: amount for name, amount in amounts.items() if name.partition("/")[0] in SHARED}


class UsesOfAllocator:
    """What attempts of this process use."""

    def __init__(self, allocator: LocalAllocator) -> None:
        """Ask `allocator`."""
        self._allocator = allocator

    def uses(self) -> Mapping[QuotaPlace, PlaceUse]:
        """Return what is used now, by place."""
        return used_by_place(self._allocator.uses())

    def waits(self, most: int) -> Iterable[tuple[ExecutionId, Queued]]:
        """Return the first `most` of each line that attempts wait in."""
        return self._allocator.waits(most)


class QuotasOfPlane(QuotaSource):
    """The quotas of a control plane in this process."""

    def __init__(self, plane: ControlPlane) -> None:
        """Ask `plane`, which is started."""
        self._tenancy = plane.tenancy

    @override
    def quotas(self) -> Mapping[tuple[str, ...], Quota]:
        return quotas_of(self._tenancy.rules, {})

    @override
    def tenants(self) -> Tenants:
        return tenants_of(self._tenancy.rules)

    @override
    async def known(self) -> None:
        """They are: the control plane has read them when it started."""


class ReportsOfPlane(QuotaReports):
    """What is granted, said to a control plane in this process."""

    def __init__(self, plane: ControlPlane) -> None:
        """Tell `plane`, which is started."""
        self._plane = plane

    @override
    async def take(self, report: QuotaReport) -> None:
        await self._plane.usage.reported.take(report)
        self._plane.usage.touched()
