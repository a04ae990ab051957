"""Amounts and places in words."""

from propeller.core.fairness.waiting import Waiting

_BINARY = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")


def shown_amount(resource: str, amount: int) -> str:
    """Return an amount as people write it: `1.5 CPU`, `2 GiB memory`, `3 attempts`."""
    match resource:
        case "cpu":
            return f"{amount / 1000:g} CPU"
        case "memory" | "stored-bytes":
            return f"{_shown_bytes(amount)} {'memory' if resource == 'memory' else 'stored'}"
        case "gpu":
            return f"{amount} GPU"
        case _ if resource.startswith("gpu/"):
            return f"{amount} GPU of type {resource.removeprefix('gpu/')}"
        case _:
            return f"{amount} {resource.replace('-', ' ')}"


def shown_place(path: tuple[str, ...]) -> str:
    """Return whose quota one is: the platform's, a team's, a project's or a domain's of it."""
    match path:
        case ():
            return "the platform"
        case (team,):
            return f"team {team}" if team else "the projects of no team"
        case (_, project):
            return f"project {project}"
        case _:
            return f"{path[1]}/{path[2]}"


def shown_waiting(waiting: Waiting) -> str:
    """Return in one phrase what something waits for: each limit in its way with what is used, or its turn."""
    place = f"number {waiting.place} of {waiting.length} in line"
    if not waiting.shortages:
        return f"its turn ({place})"
    short = "; ".join(
        f"{shown_amount(it.resource, it.asked)}: {shown_place(it.path)} uses "
        f"{shown_amount(it.resource, it.used)} of {shown_amount(it.resource, it.limit)}"
        for it in waiting.shortages
    )
    return f"{short} ({place})"


def _shown_bytes(amount: int) -> str:
    power = min(max(amount.bit_length() - 1, 0) // 10, len(_BINARY) - 1)
    return f"{amount / 1024**power:.4g} {_BINARY[power]}"
