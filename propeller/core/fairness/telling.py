"""Places and shortages in words."""

from collections.abc import Iterable, Sequence

from flytelike.model.queued import Shortfall
from flytelike.model.quota import QuotaPlace, shown_amount, shown_number
from propeller.core.fairness.waiting import Shortage


def shown_place(path: tuple[str, ...]) -> str:
    """Return whose quota one is: the platform's, a team's, a project's or a domain's of it."""
    match path:
        case ():
            return "the platform"
        case (team,):
            return f"team {team}"
        case (_, project):
            return f"project {project}"
        case _:
            return f"{path[1]}/{path[2]}"


def place_of(path: Sequence[str]) -> QuotaPlace:
    """Return whose quota one is by its path: team, project, domain."""
    match path:
        case (team,):
            return QuotaPlace(team=team)
        case (_, project, *rest):
            return QuotaPlace(project=project, domain=rest[0] if rest else "")
        case _:
            return QuotaPlace()


def shortfalls(shortages: Iterable[Shortage]) -> tuple[Shortfall, ...]:
    """Return shortages as those are told of them who know no paths."""
    return tuple(Shortfall(place_of(it.path), it.resource, it.asked, it.used, it.limit, it.held) for it in shortages)


def shown_shortages(shortages: Iterable[Shortage]) -> str:
    """Return in a phrase what somebody waits for: one limit of each place, or its turn where none is in the way."""
    of_places = {it.path: it for it in reversed(list(shortages))}
    told = [
        f"{shown_amount(it.resource, it.asked)}: {shown_place(it.path)} uses "
        f"{shown_number(it.resource, it.used)} of {shown_number(it.resource, it.limit)}"
        for it in reversed(of_places.values())
    ]
    return "; ".join(told) or "its turn"
