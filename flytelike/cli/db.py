"""`flytelike db`: the tables of a cluster's control plane."""

import json
from collections.abc import Callable
from functools import partial

import click

from flytelike.cli.context import json_option
from flytelike.cli.exit_code import ExitCode
from flytelike.cli.quantities import Age
from flytelike.controlplane.awaiting import until_answers
from flytelike.controlplane.database import Database, database_url
from flytelike.controlplane.migrations import upgrade as migrations
from flytelike.controlplane.repository.gaps import accept_gap as give_up
from flytelike.model.ids import ExecutionId


@click.group("db", short_help="Upgrade, check or mend the database of a cluster's control plane.")
def command() -> None:
    """Bring the tables of a cluster's control plane up to date, or look whether they are.

    The embedded platform (`flytelike up`) does it by itself.
    """


database_option = click.option(
    "--database", envvar="FLYTELIKE_DATABASE", show_envvar=True, required=True, help="The database: postgresql://..."
)


@command.command()
@database_option
@click.option(
    "--wait",
    envvar="FLYTELIKE_DATABASE_WAIT",
    show_envvar=True,
    type=Age(),
    default="0s",
    help="How long to wait for a database that does not answer, such as 2m.",
)
@json_option
def upgrade(*, database: str, wait: int, as_json: bool) -> int:
    """Bring the tables up to date; harmless if they are, and if several do it at once.

    Servers of the former version go on working on them, unless the release notes say otherwise.
    """
    done(database, partial(brought_up, wait_s=wait), "is up to date", as_json=as_json)
    return ExitCode.SUCCESS


@command.command()
@database_option
@json_option
def check(*, database: str, as_json: bool) -> int:
    """Exit with 0 if this version can work on the tables; else say what to do."""
    done(database, migrations.check, "can be worked on", as_json=as_json)
    return ExitCode.SUCCESS


@command.command()
@click.argument("execution", metavar="PROJECT/DOMAIN/NAME")
@click.argument("entry", type=click.IntRange(min=2))
@database_option
@json_option
def accept_gap(*, execution: str, entry: int, database: str, as_json: bool) -> int:
    """Give up lost history: let that of an execution go on with ENTRY, the one that `history-gap` says came.

    For a database that was restored as of a moment before the operators'. What the lost entries told is never known
    here: nodes stay as they were told before, unless later entries speak of them.
    """
    words = execution.split("/")
    if len(words) != 3:
        raise click.UsageError("name the execution as PROJECT/DOMAIN/NAME")
    opened = Database(database_url(database))
    try:
        migrations.check(opened)
        lost = opened.write_now(partial(give_up, execution=ExecutionId(*words), entry=entry))
    finally:
        opened.close()
    told = f"the history of {execution} goes on with entry {entry}; {lost} before it are given up"
    click.echo(json.dumps({"lost": lost}) if as_json else told)
    return ExitCode.SUCCESS


def brought_up(database: Database, wait_s: int) -> None:
    """Bring the tables of a database up to date once it answers, which it has to within `wait_s`."""
    until_answers(database, wait_s, lambda error: click.echo(f"waiting: {error.diagnostics[0].headline}", err=True))
    migrations.upgrade(database)


def done(url: str, work: Callable[[Database], None], told: str, *, as_json: bool) -> None:
    """Do something with a database, and tell of it."""
    database = Database(database_url(url))
    try:
        work(database)
    finally:
        database.close()
    head = migrations.HEAD
    click.echo(json.dumps({"revision": head}) if as_json else f"the database {told}: revision {head}")
