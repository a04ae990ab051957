"""What a change of teams, projects and quotas comes to, for people and for scripts."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from flytelike.cli.context import connected
from flytelike.remote import tenancy
from flytelike_idl.service import tenancy_pb2 as pb

ACTIONS = {
    pb.TENANCY_ACTION_NONE: "unchanged",
    pb.TENANCY_ACTION_CREATE: "create",
    pb.TENANCY_ACTION_CHANGE: "change",
    pb.TENANCY_ACTION_REMOVE: "remove",
}
_SIGNS = {"create": "+", "change": "~", "remove": "-"}


async def carry_out(server: str, data: Path, wish: pb.TenancyWish) -> pb.TenancyChange:
    """Carry one wish out and return what changed."""
    async with connected(server, data, start=True) as client:
        return (await tenancy.apply(client, [wish])).changes[0]


def tell(change: pb.TenancyChange, *, as_json: bool) -> None:
    """Print what one wish changed: as JSON on stdout, or for people on stderr."""
    if as_json:
        import json  # noqa: PLC0415 - few ask for it

        click.echo(json.dumps(document_of(change), indent=2))
        return
    for line in lines_of([change]) or [f"{change.kind} {change.name} is so already"]:
        click.echo(line, err=True)


def document_of(change: pb.TenancyChange) -> dict[str, object]:
    """Return a change for JSON."""
    fields = {field.name: {"before": field.before, "after": field.after} for field in change.fields}
    return {"kind": change.kind, "name": change.name, "action": ACTIONS[change.action], "fields": fields}


def lines_of(changes: Sequence[pb.TenancyChange]) -> list[str]:
    """Return changes as lines for people; none for what stays as it is."""
    return [line for change in changes for line in _lines(change)]


def summary(changes: Sequence[pb.TenancyChange]) -> str:
    """Return how many things are made, changed and removed."""
    counted = [(word, sum(ACTIONS[change.action] == word for change in changes)) for word in ACTIONS.values()]
    return ", ".join(f"{number} to {word}" if word != "unchanged" else f"{number} {word}" for word, number in counted)


def _lines(change: pb.TenancyChange) -> Iterator[str]:
    action = ACTIONS[change.action]
    if action not in _SIGNS:
        return
    yield f"{_SIGNS[action]} {action} {change.kind} {change.name}"
    for field in change.fields:
        match action:
            case "create":
                yield f"    {field.name}: {field.after}"
            case "remove":
                yield f"    {field.name}: {field.before}"
            case _:
                yield f"    {field.name}: {field.before or 'none'} -> {field.after or 'none'}"
