"""Which terms a quota can have. Pure."""

from collections import defaultdict
from collections.abc import Mapping
from math import isfinite

from flytelike.controlplane.errors import Faults
from flytelike.model.quota import (
    AMOUNT_MAX,
    DEFAULT_TEAM,
    RESOURCES,
    SHARED,
    QuotaPlace,
    QuotaTerms,
    is_resource,
    shown_amount,
    shown_number,
)
from flytelike.model.tenancy import Tenancy

WEIGHT_MAX = 1_000_000.0
NAMES_MAX = 50


def check_terms(place: QuotaPlace, terms: QuotaTerms, faults: Faults) -> None:
    """Note what a quota cannot say."""
    if not (isfinite(terms.weight) and 0 < terms.weight <= WEIGHT_MAX):
        _add(faults, place, f"its weight is {terms.weight:g}", f"choose a number above 0, up to {WEIGHT_MAX:,.0f}")
    if len(terms.limits) > NAMES_MAX or len(terms.guaranteed) > NAMES_MAX:
        _add(faults, place, f"it names more than {NAMES_MAX} resources", "say those that matter")
        return
    for name in sorted({*terms.limits, *terms.guaranteed}):
        if not is_resource(name):
            _add(
                faults, place, f"there is no resource {name[:80]!r}", f"known are {', '.join(RESOURCES)} and gpu/<type>"
            )
            continue
        least, most = terms.guaranteed.get(name), terms.limits.get(name)
        if max(least or 0, most or 0) > AMOUNT_MAX:
            _add(faults, place, f"{name} is more than there can be")
        if least is not None and name.partition("/")[0] not in SHARED:
            _add(faults, place, f"{name} cannot be guaranteed", f"guarantee {', '.join(SHARED)} or gpu/<type>")
        if least is not None and most is not None and least > most:
            told = f"it guarantees {shown_amount(name, least)} and allows {shown_number(name, most)}"
            _add(faults, place, told, "raise the limit, or lower the guarantee")


def check_guarantees(tenancy: Tenancy, faults: Faults) -> None:
    """Note places whose parts are guaranteed more together than the whole may use."""
    promised: dict[QuotaPlace, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    teams = {name: project.team for name, project in tenancy.projects.items()}
    for place, terms in tenancy.quotas.items():
        above = above_of(place, teams)
        for name, amount in terms.guaranteed.items():
            if above is not None:
                promised[above][name] += amount
    for place, amounts in sorted(promised.items()):
        limits = tenancy.quotas[place].limits if place in tenancy.quotas else {}
        for name, amount in sorted(amounts.items()):
            if name in limits and amount > limits[name]:
                most = shown_number(name, limits[name])
                told = f"its parts are guaranteed {shown_amount(name, amount)} together, and it may use {most}"
                _add(faults, place, told, "lower the guarantees, or raise the limit")


def above_of(place: QuotaPlace, teams: Mapping[str, str]) -> QuotaPlace | None:
    """Return the place that a place is part of; None for the platform. `teams` tells whose each project is."""
    if place.domain:
        return QuotaPlace(project=place.project)
    if place.project:
        return QuotaPlace(team=teams.get(place.project, DEFAULT_TEAM))
    return QuotaPlace() if place.team else None


def _add(faults: Faults, place: QuotaPlace, told: str, *remedies: str) -> None:
    faults.add("invalid-quota", f"the quota of {place}: {told}", *remedies)
