"""What holds for the executions of a workflow, and where each value comes from."""

import json

import click

from flytelike.remote import Client, tenancy


async def show(client: Client, workflow: str, place: tuple[str, str], *, as_json: bool) -> None:
    """Print each value with its source, and what it goes before."""
    values = await tenancy.config(client, *place, workflow)
    if as_json:
        documents = [
            {
                "name": one.name,
                "value": one.value,
                "source": one.source,
                "hidden": [{"value": other.value, "source": other.source} for other in one.hidden],
            }
            for one in values
        ]
        click.echo(json.dumps(documents, indent=2))
        return
    for one in values:
        click.echo(f"{one.name} = {one.value}  (from {one.source})")
        for other in one.hidden:
            click.echo(f"  instead of {other.value} (from {other.source})")
    if not values:
        click.echo(f"nobody has set anything for {workflow}", err=True)
