"""`flytelike recover`: execute again, and run only what has not succeeded or has changed."""

from pathlib import Path

import click

from flytelike.cli import execution_name
from flytelike.cli import target as targets
from flytelike.cli.context import json_option, place_options, platform_options
from flytelike.cli.deriving import Manner, derived, planned
from flytelike.cli.execute import Given, drawn_name, environment
from flytelike.cli.packing import Packing, packing_options
from flytelike.cli.source import Source, source_of
from flytelike.model.ids import ExecutionId, Identifier
from flytelike.model.literals import Literal
from flytelike.remote import Client, executions
from flytelike.remote.derivation import Different, Wish


@click.command(
    "recover",
    short_help="Go on where an execution stopped.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="EXECUTION | TARGET [--INPUT VALUE]...")
@click.option("--from", "earlier", default="", metavar="EXECUTION", help="Take over from it into TARGET.")
@packing_options("With EXECUTION: another version of what it ran; with a file: its name.")
@click.option("--inputs", type=click.Path(dir_okay=False, path_type=Path), help="YAML or JSON file of other inputs.")
@click.option("--env", multiple=True, metavar="KEY=VALUE", help="Environment variable of all tasks.")
@click.option("--name", default="", help="Name of the new execution.  [default: made by the platform]")
@click.option("--dry-run", is_flag=True, help="Print what would run, and start nothing.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait for the end and print the outputs.")
@json_option
@place_options
@platform_options
def command(  # noqa: PLR0913 - one parameter an option
    *,
    words: tuple[str, ...],
    earlier: str,
    packing: Packing,
    inputs: Path | None,
    env: tuple[str, ...],
    name: str,
    dry_run: bool,
    wait: bool,
    as_json: bool,
    project: str,
    domain: str,
    server: str,
    data: Path,
) -> int:
    """Execute EXECUTION again and take over what succeeded in it: only the rest runs.

    With `--from EXECUTION`, a TARGET as of `flytelike execute` is executed instead: a file that was mended
    since, or another version. What changed in it, or is given something else, runs; so does all below.
    Inputs that are not given are those of EXECUTION. Before it starts, a table tells what will run, and why.
    """
    if not words:
        raise click.UsageError("which execution?  flytelike recover EXECUTION")
    taken = execution_name.parse(earlier or words[0], project, domain)
    new_name = name or drawn_name()
    source: Source | None = None
    flags = words[1:]
    if earlier:
        target, flags = targets.parse(words)
        source = source_of(target, taken.project, taken.domain, packing)
    other = source is not None or bool(packing.version or flags or inputs)

    async def wished(client: Client) -> Wish:
        wanted: Identifier | None = None
        values: dict[str, Literal] = {}
        if other:
            found = source or await same_target(client, taken, packing.version)
            await found.prepare(client)
            wanted = found.identifier
            values = await Given(found, flags, inputs, distant=bool(server)).replacing(client)
        return Wish(taken, new_name, wanted, different=Different(values, envs=environment(env)))

    manner = Manner(server, data, wait=wait, as_json=as_json, named=bool(name))
    return planned(wished, manner) if dry_run else derived(wished, manner)


async def same_target(client: Client, execution: ExecutionId, version: str) -> Source:
    """Return what an execution was launched from, of another version if one is named."""
    record = await executions.get(client, execution)
    launched = record.spec.launch_plan
    target = targets.RegisteredTarget(launched.name, version or launched.version)
    return source_of(target, launched.project, launched.domain, Packing())
