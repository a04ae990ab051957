"""Amounts, places and shortages in words."""

from collections.abc import Iterable

from propeller.core.fairness.waiting import Shortage

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_BYTES = frozenset({"memory", "stored_bytes"})
_UNITS = {"cpu": "CPU", "memory": "of memory", "stored_bytes": "of stored data", "gpu": "GPU"}


def shown_amount(resource: str, amount: int) -> str:
    """Return an amount as people write it: `1.5 CPU`, `2 GiB of memory`, `3 attempts`."""
    if resource.startswith("gpu/"):
        unit = f"GPU of type {resource.removeprefix('gpu/')}"
    else:
        unit = _UNITS.get(resource, resource.replace("_", " ").removesuffix("s") + "s" * (amount != 1))
    return f"{shown_number(resource, amount)} {unit}"


def shown_number(resource: str, amount: int) -> str:
    """Return an amount without what it is an amount of."""
    if resource == "cpu":
        return f"{amount / 1000:g}"
    if resource not in _BYTES:
        return str(amount)
    power = min(max(amount.bit_length() - 1, 0) // 10, len(_BINARY) - 1)
    return f"{amount / 1024**power:.4g} {_BINARY[power]}"


def shown_place(path: tuple[str, ...]) -> str:
    """Return whose quota one is: the platform's, a team's, a project's or a domain's of it."""
    match path:
        case ():
            return "the platform"
        case (team,):
            return f"team {team}" if team else "all projects without a team"
        case (_, project):
            return f"project {project}"
        case _:
            return f"{path[1]}/{path[2]}"


def shown_shortages(shortages: Iterable[Shortage]) -> str:
    """Return in a phrase what somebody waits for: one limit of each place, or its turn where none is in the way."""
    of_places = {it.path: it for it in reversed(list(shortages))}
    told = [
        f"{shown_amount(it.resource, it.asked)}: {shown_place(it.path)} uses "
        f"{shown_number(it.resource, it.used)} of {shown_number(it.resource, it.limit)}"
        for it in reversed(of_places.values())
    ]
    return "; ".join(told) or "its turn"
