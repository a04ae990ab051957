"""`flytelike rerun`: execute again with the same launch plan and inputs, but for what is to be different."""

from pathlib import Path

import click

from flytelike.cli import execution_name
from flytelike.cli.context import json_option, place_options, platform_options
from flytelike.cli.deriving import Manner, derived
from flytelike.cli.execute import Given, drawn_name
from flytelike.cli.priority import PRIORITY
from flytelike.cli.recover import same_target
from flytelike.model.ids import ExecutionId
from flytelike.model.literals import Literal
from flytelike.remote import Client
from flytelike.remote.derivation import Different, Runs, Wish


@click.command("rerun", short_help="Execute again, with the same inputs or others.")
@click.argument("execution")
@click.option("--input", "inputs", multiple=True, metavar="NAME=VALUE", help="Another value of one input.")
@click.option("--label", multiple=True, metavar="KEY=VALUE", help="Label that is added or replaced.")
@click.option("--env", multiple=True, metavar="KEY=VALUE", help="Environment variable that is added or replaced.")
@click.option("--max-parallelism", type=click.IntRange(0), help="Nodes run at once; 0: no limit.")
@click.option("--priority", type=PRIORITY, help="high, medium, low, or a number from -1000 to 1000.")
@click.option("--overwrite-cache/--use-cache", default=None, help="Whether tasks run whose results are cached.")
@click.option("--name", default="", help="Name of the new execution.  [default: made by the platform]")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait for the end and print the outputs.")
@json_option
@place_options
@platform_options
def command(  # noqa: PLR0913 - one parameter an option
    *,
    execution: str,
    inputs: tuple[str, ...],
    label: tuple[str, ...],
    env: tuple[str, ...],
    max_parallelism: int | None,
    priority: int | None,
    overwrite_cache: bool | None,
    name: str,
    wait: bool,
    as_json: bool,
    project: str,
    domain: str,
    server: str,
    data: Path,
) -> int:
    """Execute EXECUTION (a name, or PROJECT/DOMAIN/NAME) again: all of it, in the same version, under a new name.

    What is not given stays as it was.
    """
    taken = execution_name.parse(execution, project, domain)
    new_name = name or drawn_name()
    flags = tuple(f"--{key}={value}" for key, value in pairs("--input", inputs).items())
    labels, envs = pairs("--label", label), pairs("--env", env)

    async def wished(client: Client) -> Wish:
        values: dict[str, Literal] = {}
        if flags:
            values = await other_inputs(client, taken, flags, distant=bool(server))
        different = Different(values, labels, envs, max_parallelism, overwrite_cache, priority)
        return Wish(taken, new_name, runs=Runs.ALL, different=different)

    manner = Manner(server, data, wait=wait, as_json=as_json, named=bool(name), tells_plan=False)
    return derived(wished, manner)


async def other_inputs(
    client: Client, execution: ExecutionId, flags: tuple[str, ...], *, distant: bool
) -> dict[str, Literal]:
    """Return the inputs that flags give, typed as the launch plan or task takes them."""
    source = await same_target(client, execution, "")
    await source.prepare(client)
    return await Given(source, flags, None, distant=distant).replacing(client)


def pairs(option: str, words: tuple[str, ...]) -> dict[str, str]:
    """Return the values of repeated `KEY=VALUE` options; a usage error tells other shapes."""
    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not (key and equals):
            raise click.UsageError(f"{option} wants KEY=VALUE, got `{word}`")
        found[key] = value
    return found
