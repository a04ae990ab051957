"""Options that many verbs share, and the way from them to a connected client."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from flytelike.remote import Client

F = TypeVar("F", bound=Callable[..., object])

DEFAULT_PROJECT = "flytesnacks"
DEFAULT_DOMAIN = "development"


@dataclass(frozen=True, slots=True)
class Where:
    """Which platform, and which project and domain on it."""

    server: str
    data: Path
    project: str
    domain: str


def default_data() -> Path:
    """Return the data folder: `$FLYTELIKE_HOME`, or `~/.flytelike`."""
    return Path(os.environ.get("FLYTELIKE_HOME") or Path.home() / ".flytelike")


data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=default_data,
    show_default="$FLYTELIKE_HOME, or ~/.flytelike",
    help="Data folder of the embedded platform.",
)


def platform_options(command: F) -> F:
    """Add the options that say which platform to talk to."""
    command = data_option(command)
    return click.option(
        "--server",
        default=lambda: os.environ.get("FLYTELIKE_SERVER", ""),
        metavar="HOST:PORT",
        help="A running platform.  [default: $FLYTELIKE_SERVER, else the one of the data folder]",
    )(command)


def place_options(command: F) -> F:
    """Add the options that say which project and domain."""
    command = click.option(
        "-d",
        "--domain",
        default=lambda: os.environ.get("FLYTELIKE_DOMAIN", DEFAULT_DOMAIN),
        show_default=f"$FLYTELIKE_DOMAIN, or {DEFAULT_DOMAIN}",
        help="Domain.",
    )(command)
    return click.option(
        "-p",
        "--project",
        default=lambda: os.environ.get("FLYTELIKE_PROJECT", DEFAULT_PROJECT),
        show_default=f"$FLYTELIKE_PROJECT, or {DEFAULT_PROJECT}",
        help="Project.",
    )(command)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")


@asynccontextmanager
async def connected(server: str, data: Path, *, start: bool) -> AsyncIterator["Client"]:
    """Yield a client of the named server, or of the data folder's platform.

    With `start`, an embedded platform is brought up for as long as the client is used
    when none is running on the folder.
    """
    from flytelike.embedded.session import session  # noqa: PLC0415 - grpc and SQLAlchemy are heavy

    async with session(server, data, start=start, tell=lambda text: click.echo(text, err=True)) as client:
        yield client
