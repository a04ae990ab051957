"""`flytelike execute`: execute a workflow, task or launch plan."""

import asyncio
import secrets
import string
from dataclasses import dataclass, field, replace
from pathlib import Path

import click
import uvloop

from flytelike.cli import target as targets
from flytelike.cli.context import connected, json_option, place_options, platform_options
from flytelike.cli.deriving import Manner, Wished, derived
from flytelike.cli.execution_name import parse as parse_name
from flytelike.cli.exit_code import ExitCode
from flytelike.cli.input_flags import literals
from flytelike.cli.packing import Packing, packing_options
from flytelike.cli.priority import PRIORITY
from flytelike.cli.source import Source, source_of
from flytelike.cli.starting import started
from flytelike.model.caching import CacheUse
from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.ids import ExecutionId
from flytelike.model.literals import Literal
from flytelike.remote import Client, RemoteError, executions
from flytelike.remote.derivation import Chosen, Different, Runs, Wish
from flytelike.remote.local_files import LocalFiles
from flytelike.storage.errors import StorageError

LETTERS = string.ascii_lowercase + string.digits
HELP_FLAGS = {"-h", "--help"}


@click.command(
    "execute",
    short_help="Execute a workflow, task or launch plan.",
    context_settings={"ignore_unknown_options": True},
    add_help_option=False,
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="TARGET [--INPUT VALUE]...")
@click.option("--inputs", type=click.Path(dir_okay=False, path_type=Path), help="YAML or JSON file of inputs.")
@click.option("--execution-name", default="", help="Name of the execution.  [default: made by the platform]")
@packing_options("Version to register a file's entities as.  [default: made of the content]")
@click.option("--max-parallelism", type=click.IntRange(0), default=0, help="Nodes run at once; 0: no limit.")
@click.option("--priority", type=PRIORITY, help="high, medium, low, or -1000 to 1000.  [default: the launch plan's]")
@click.option("--env", multiple=True, metavar="KEY=VALUE", help="Environment variable of all tasks.")
@click.option("--only", multiple=True, metavar="NODE", help="Run these nodes alone (ids or names, may be repeated).")
@click.option("--from", "since", multiple=True, metavar="NODE", help="Run these nodes and all below them.")
@click.option("--until", multiple=True, metavar="NODE", help="Run these nodes and all above them.")
@click.option("--of", "earlier", default="", metavar="EXECUTION", help="Whence chosen nodes take what they are given.")
@click.option("--overwrite-cache", is_flag=True, help="Compute cached results anew, and keep the new ones.")
@click.option("--no-cache", is_flag=True, help="Neither use cached results nor keep new ones.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait for the end and print the outputs.")
@json_option
@place_options
@platform_options
@click.pass_context
def command(  # noqa: PLR0913 - one parameter an option
    context: click.Context,
    *,
    words: tuple[str, ...],
    inputs: Path | None,
    execution_name: str,
    packing: Packing,
    max_parallelism: int,
    priority: int | None,
    env: tuple[str, ...],
    only: tuple[str, ...],
    since: tuple[str, ...],
    until: tuple[str, ...],
    earlier: str,
    overwrite_cache: bool,
    no_cache: bool,
    wait: bool,
    as_json: bool,
    project: str,
    domain: str,
    server: str,
    data: Path,
) -> int:
    """Execute TARGET: FILE.py WORKFLOW, FILE.py:TASK, or a registered NAME or NAME@VERSION.

    Inputs are typed flags (`--rows 100 --no-verbose`), or come from a file with `--inputs`; an input
    named like one of the options here goes behind `--`. `flytelike execute TARGET --help` shows a
    target's inputs with their types, defaults and descriptions.

    With `--only`, `--from` or `--until` only some nodes run. What they are given by others, and the inputs that
    are not given here, come from an earlier execution: `--of` names it, else it is the latest that has them.

    A file's entities are registered first. Without a running platform the embedded one is
    brought up for as long as the command runs.
    """
    helping = any(word in HELP_FLAGS for word in words)
    words = tuple(word for word in words if word not in HELP_FLAGS)
    if helping and not words:
        click.echo(context.get_help())
        return ExitCode.SUCCESS
    target, flags = targets.parse(words)
    source = source_of(target, project, domain, packing)
    if helping:
        return asyncio.run(describe(source, " ".join(words), server, data))
    given = Given(source, flags, inputs, distant=bool(server))
    chosen = Chosen(only, since, until)
    manner = Manner(server, data, wait=wait, as_json=as_json, named=bool(execution_name))
    if chosen or earlier:
        if no_cache:
            raise click.UsageError("--no-cache does not go with --only, --from, --until or --of")
        of = part_of(chosen, earlier, project, domain)
        different = Different(
            envs=environment(env),
            max_parallelism=max_parallelism or None,
            overwrite_cache=overwrite_cache or None,
            priority=priority,
        )
        return derived(given.part(replace(of, name=execution_name or drawn_name(), different=different)), manner)
    options = executions.ExecutionOptions(
        # Named here, so that starting again after a lost answer cannot start it twice.
        name=execution_name or drawn_name(),
        max_parallelism=max_parallelism,
        envs=environment(env),
        cache=cache_use(overwrite=overwrite_cache, off=no_cache),
        priority=priority,
    )
    if not source.registered:
        given.read()  # faults of inputs are told before anything is started
    return executed(given, project, domain, options, manner)


def executed(given: "Given", project: str, domain: str, options: executions.ExecutionOptions, manner: Manner) -> int:
    """Start the whole source, and wait for its end if that is wanted; return the exit code."""

    async def start(client: Client) -> ExecutionId:
        await given.source.prepare(client)
        values = await given.sent(client, project, domain)
        try:
            return await executions.create(client, project, domain, given.source.identifier, values, options)
        except RemoteError as error:
            if manner.named or error.status != "ALREADY_EXISTS":
                raise
            return ExecutionId(project, domain, options.name)

    return uvloop.run(started(start, manner.server, manner.data, wait=manner.wait, as_json=manner.as_json))


def part_of(chosen: Chosen, earlier: str, project: str, domain: str) -> Wish:
    """Return the wish for chosen nodes, with what others gave in `earlier`; else the latest."""
    if not chosen:
        raise click.UsageError("--of goes with --only, --from or --until")
    taken = parse_name(earlier, project, domain) if earlier else ExecutionId(project, domain, "")
    return Wish(taken, runs=Runs.CHOSEN, chosen=chosen)


@dataclass(slots=True)
class Given:
    """The inputs as they were given on the command line and in a file."""

    source: Source
    flags: tuple[str, ...]
    file: Path | None
    distant: bool
    """Whether the platform may be on another machine, so that local files must travel."""
    local: LocalFiles = field(default_factory=LocalFiles)

    def read(self) -> dict[str, Literal]:
        """Return the literals; raises DiagnosticError with all faults."""
        return literals(self.source.parameters, self.flags, self.file, self.local.locate)

    async def sent(self, client: Client, project: str, domain: str) -> dict[str, Literal]:
        """Return the literals as the platform can read them, defaults among them."""
        return {**self.source.defaults(), **await self.only_given(client, project, domain)}

    async def replacing(self, client: Client) -> dict[str, Literal]:
        """Return the literals that take the place of earlier ones: none of them has to be given."""
        source = self.source
        source.parameters = {name: replace(found, required=False) for name, found in source.parameters.items()}
        return await self.only_given(client, source.identifier.project, source.identifier.domain)

    def part(self, wish: Wish) -> Wished:
        """Return what completes a wish for a part of the target once there is a client."""

        async def wished(client: Client) -> Wish:
            await self.source.prepare(client)
            inputs = await self.replacing(client)
            different = replace(wish.different, inputs=inputs)
            return replace(wish, target=self.source.identifier, different=different)

        return wished

    async def only_given(self, client: Client, project: str, domain: str) -> dict[str, Literal]:
        """Return the literals that were given, as the platform can read them."""
        values = self.read()
        if self.distant:
            try:
                moved = await self.local.upload(client, project, domain)
            except (OSError, ValueError, StorageError) as error:
                raise DiagnosticError([Diagnostic("unreadable-input-file", str(error))]) from None
            values = self.read() if moved else values
        return values


async def describe(source: Source, words: str, server: str, data: Path) -> int:
    """Print the target's inputs with their types, defaults and descriptions; return the exit code."""
    if source.registered:
        async with connected(server, data, start=True) as client:
            await source.prepare(client)
    click.echo(source.help_text(words))
    return ExitCode.SUCCESS


def cache_use(*, overwrite: bool, off: bool) -> CacheUse:
    """Return what the flags say about cached results."""
    if overwrite and off:
        raise click.UsageError("--overwrite-cache keeps new results and --no-cache keeps none: give one of them")
    return CacheUse.OFF if off else CacheUse.OVERWRITE if overwrite else CacheUse.USE


def drawn_name() -> str:
    """Return a name that no other execution has."""
    return "a" + "".join(secrets.choice(LETTERS) for _ in range(19))


def environment(pairs: tuple[str, ...]) -> dict[str, str]:
    """Return the variables of `--env KEY=VALUE` options."""
    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise click.UsageError(f"--env wants KEY=VALUE, got `{pair}`")
        found[key] = value
    return found
