"""The `flytelike` command: its verbs, loaded when used so that `--help` answers at once."""

import difflib
import importlib
import os
import sys
from collections.abc import Mapping
from typing import Final

import click
from typing_extensions import override

VERBS: Final[Mapping[str, tuple[str, str]]] = {
    "up": ("flytelike.cli.up", "Run the platform on this machine until stopped."),
    "serve": ("flytelike.cli.serve", "Run the control plane of a cluster until stopped."),
    "db": ("flytelike.cli.db", "Upgrade or check the database of a cluster's control plane."),
    "check": ("flytelike.cli.check", "Compile without a platform and tell what is wrong."),
    "register": ("flytelike.cli.register", "Compile tasks and workflows and store them as a version."),
    "diff": ("flytelike.cli.diff", "Tell what changed between two versions, and whether callers break."),
    "execute": ("flytelike.cli.execute", "Execute a workflow, task or launch plan."),
    "get": ("flytelike.cli.get", "Show projects, workflows, tasks, launch plans, executions or backfills."),
    "watch": ("flytelike.cli.watch", "Follow an execution until it ends."),
    "logs": ("flytelike.cli.logs", "Print what the tasks of an execution printed."),
    "signal": ("flytelike.cli.signal", "Show what an execution waits for, or answer it."),
    "deck": ("flytelike.cli.deck", "Fetch the report that a task wrote."),
    "abort": ("flytelike.cli.abort", "End a running execution."),
    "schedule": ("flytelike.cli.schedule", "Show schedules of launch plans; activate and deactivate them."),
    "backfill": ("flytelike.cli.backfill", "Execute a launch plan for past times of its schedule."),
    "recover": ("flytelike.cli.recover", "Go on where an execution stopped."),
    "rerun": ("flytelike.cli.rerun", "Execute again with the same inputs."),
    "gc": ("flytelike.cli.gc", "Delete what nobody needs any more."),
    "delete": ("flytelike.cli.delete", "Delete executions, whatever their age."),
    "secret": ("flytelike.cli.secret", "Keep the secrets that tasks ask for."),
    "cache": ("flytelike.cli.cache", "Show or evict cached results."),
    "project": ("flytelike.cli.project", "Create, show and change projects."),
    "team": ("flytelike.cli.team", "Create, show and change teams, who own projects."),
    "quota": ("flytelike.cli.quota", "Show what teams and projects may use and use now; set it."),
    "apply": ("flytelike.cli.apply", "Make teams, projects and quotas what a file says."),
    "login": ("flytelike.cli.login", "Log in at a server's identity provider."),
    "logout": ("flytelike.cli.logout", "Forget the login at a server."),
    "whoami": ("flytelike.cli.whoami", "Show who you are to the platform, and your roles."),
    "token": ("flytelike.cli.token", "Create, list and revoke tokens."),
    "grant": ("flytelike.cli.grant", "Give roles to users and groups, or take them away."),
    "audit": ("flytelike.cli.audit", "Show who changed what."),
    "explain": ("flytelike.cli.explain", "Tell what an error code means, or why a node was (not) cached."),
    "completion": ("flytelike.cli.completion", "Print the completion script of a shell."),
}

EPILOG = """\b
Exit codes:
  0  success
  1  the execution failed or was aborted
  2  bad input: arguments, code, inputs or versions
  3  no platform answers, or it cannot start
  4  a fault of Flytelike itself
  5  interrupted while waiting; the execution goes on

Start with:  flytelike execute FILE.py WORKFLOW --help
"""


class LazyGroup(click.Group):
    """A group that imports a verb's module when the verb is used."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(VERBS[cmd_name][0])
        command = module.command
        assert isinstance(command, click.Command)
        return command

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])

    @override
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            raise click.UsageError(unknown_verb(args[0]), ctx)
        return super().resolve_command(ctx, args)


def unknown_verb(name: str) -> str:
    """Return what to tell somebody who typed a verb that does not exist."""
    close = difflib.get_close_matches(name, VERBS, n=1)
    hint = f" Did you mean `{close[0]}`?" if close else ""
    return f"there is no command `{name}`.{hint}"


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="flytelike", message="flytelike %(version)s")
def cli() -> None:
    """Typed, versioned workflows: compile, register and execute them."""


def main() -> None:
    """Run the command line; the entry point of `flytelike`."""
    # grpc's C core reports forks and reconnects on stderr, where only our own words belong.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from flytelike.cli.failure import run_guarded  # noqa: PLC0415 - pulls in rendering

    sys.exit(run_guarded(cli))


if __name__ == "__main__":
    main()
