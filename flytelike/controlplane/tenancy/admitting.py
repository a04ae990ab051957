"""Which executions may run beside those that do, by the limits on running executions. Pure."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from flytelike.controlplane.tenancy.rules import Rules
from flytelike.model.queued import Shortfall
from flytelike.model.quota import EXECUTIONS, QuotaPlace, QuotaTerms

Running: TypeAlias = Mapping[tuple[str, str], int]
"""Project and domain -> how many executions run that no other one started."""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """An execution that is held back: its number, and whose it is."""

    id: int
    project: str
    domain: str


def is_limited(rules: Rules) -> bool:
    """Tell whether there is any limit on running executions."""
    return any(EXECUTIONS in terms.limits for terms in rules.quotas.values())


def shortfalls(rules: Rules, running: Running, project: str, domain: str) -> tuple[Shortfall, ...]:
    """Return the limits that do not let one more run in a project's domain now."""
    used = _used(rules, running)
    found = []
    for place in rules.places(project, domain):
        limit = _limit(rules, place)
        if limit is not None and used[place] + 1 > limit:
            found.append(Shortfall(place, EXECUTIONS, 1, used[place], limit, _held(rules, running, place)))
    return tuple(found)


def admitted(rules: Rules, running: Running, held: Iterable[HeldBack]) -> list[int]:
    """Return the numbers of those that may run now, in the order in which they are let go.

    Those of one project and domain keep their order. Among places, who has least running for its weight is next, at
    each level of team, project and domain.
    """
    lines: dict[tuple[str, str], deque[int]] = {}
    for one in held:
        lines.setdefault((one.project, one.domain), deque()).append(one.id)
    used = _used(rules, running)
    found = []
    while lines:
        key = min(lines, key=lambda line: (_load(rules, used, *line), line))
        places = rules.places(*key)
        if any((limit := _limit(rules, place)) is not None and used[place] >= limit for place in places):
            del lines[key]  # Nothing is given back here, so this line goes no further.
            continue
        found.append(lines[key].popleft())
        used.update(places)
        if not lines[key]:
            del lines[key]
    return found


def _used(rules: Rules, running: Running) -> Counter[QuotaPlace]:
    used: Counter[QuotaPlace] = Counter()
    for (project, domain), number in running.items():
        for place in rules.places(project, domain):
            used[place] += number
    return used


def _limit(rules: Rules, place: QuotaPlace) -> int | None:
    terms = rules.quotas.get(place)
    return None if terms is None else terms.limits.get(EXECUTIONS)


def _load(rules: Rules, used: Mapping[QuotaPlace, int], project: str, domain: str) -> Sequence[float]:
    """Return how much a line's team, project and domain have running, each over its weight."""
    return [
        used.get(place, 0) / rules.quotas.get(place, QuotaTerms()).weight for place in rules.places(project, domain)[1:]
    ]


def _held(rules: Rules, running: Running, place: QuotaPlace) -> tuple[tuple[str, int], ...]:
    """Return who uses a place's limit, by what lies right below it, the largest first."""
    depth = 1 if place == QuotaPlace() else 2 if place.team else 3
    found: Counter[str] = Counter()
    for (project, domain), number in running.items():
        places = rules.places(project, domain)
        if place in places and depth < len(places):
            below = places[depth]
            found[below.domain or below.project or below.team] += number
    return tuple(sorted(found.items(), key=lambda it: (-it[1], it[0]))[:5])
