"""`flytelike up`: run the platform on this machine until stopped."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import psutil
import uvloop

from flytelike.cli.access_options import access_of, access_options
from flytelike.cli.context import default_data, json_option
from flytelike.cli.exit_code import ExitCode
from flytelike.cli.exposure import exposure_options, tls_of
from flytelike.cli.quantities import Age, Size
from flytelike.embedded.folder import DataFolder, Endpoint
from flytelike.embedded.platform import Platform, PlatformOptions
from flytelike.model.diagnostic import Diagnostic, DiagnosticError

PORT = click.IntRange(0, 65535)


@click.command("up", short_help="Run the platform on this machine until stopped.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=default_data,
    show_default="$FLYTELIKE_HOME, or ~/.flytelike",
    help="Data folder; made when it is not there.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8089, show_default=True, help="gRPC port; 0: a free one."
)
@click.option(
    "--http-port", type=click.IntRange(0, 65535), default=8088, show_default=True, help="HTTP port; 0: a free one."
)
@click.option("--slots", type=click.IntRange(1), default=None, help="Tasks run at once.  [default: the CPUs]")
@click.option(
    "--gpus",
    metavar="NAMES",
    default=None,
    help="GPUs for tasks that ask for one, such as 0,1; `none` counts none.  [default: those of the machine]",
)
@click.option(
    "--eager-slots",
    type=click.IntRange(1),
    default=None,
    help="Eager functions run at once beside them.  [default: by memory, up to 128]",
)
@click.option(
    "--image",
    "images",
    multiple=True,
    metavar="IMAGE=FOLDER",
    help="Virtual environment for tasks of an image; may be repeated. See also images.yaml in the data folder.",
)
@click.option(
    "--cache-ttl", type=Age(), default="0s", help="How long cached results are kept, such as 30d; 0s: for ever."
)
@click.option("--cache-size", type=Size(), default=0, help="Data of a project's cached results at most, such as 50G.")
@access_options
@exposure_options
@json_option
def command(  # noqa: PLR0913 - one parameter an option
    *,
    data: Path,
    host: str,
    port: int,
    http_port: int,
    slots: int | None,
    eager_slots: int | None,
    gpus: str | None,
    images: tuple[str, ...],
    cache_ttl: int,
    cache_size: int,
    as_json: bool,
    **given: Any,  # noqa: ANN401 - click's
) -> int:
    """Run control plane, engine and workers in one process until Ctrl-C.

    Executions that were unfinished when the last platform on the data folder ended go on.
    Whoever reaches the address may do everything, unless callers must say who they are (--require-login,
    --oidc-issuer). Beyond loopback that is needed, and TLS.
    """
    started = psutil.Process().create_time()
    folder, access = DataFolder.at(data), access_of(given)
    options = PlatformOptions(
        host=host,
        grpc_port=port,
        http_port=http_port,
        slots=slots,
        eager_slots=eager_slots,
        gpus=None if gpus is None else gpu_names(gpus),
        images=images,
        cache_ttl_ns=cache_ttl * 1_000_000_000,
        cache_bytes_max=cache_size,
        access=access,
        tls=tls_of(given, host, access),
        public_url=given["public_url"],
        schedules=True,
    )

    def ready(endpoint: Endpoint) -> None:
        tell_ready(endpoint, folder, time.time() - started, as_json=as_json)

    uvloop.run(serve(folder, options, ready))
    return ExitCode.SUCCESS


def gpu_names(text: str) -> tuple[str, ...]:
    """Return the names of GPUs that are given as `0,1`; none for `none`."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if len(set(names)) < len(names):
        raise click.UsageError(f"--gpus {text}: a GPU is named twice")
    return () if names == ("none",) else names


async def serve(folder: DataFolder, options: PlatformOptions, ready: Callable[[Endpoint], None]) -> None:
    """Run the platform until SIGINT or SIGTERM; a second one ends it at once."""
    folder.prepare()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    with folder.locked() as owned:
        if not owned:
            raise DiagnosticError([busy(folder)])
        async with Platform(folder, options) as platform:
            ready(replace(platform.endpoint, grpc=platform.address))
            await stop.wait()
            click.echo("stopping; unfinished executions go on at the next start", err=True)
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


def tell_ready(endpoint: Endpoint, folder: DataFolder, seconds: float, *, as_json: bool) -> None:
    """Print the line scripts wait for, and for people what to do next."""
    if as_json:
        document = {"grpc": endpoint.grpc, "http": endpoint.http, "pid": endpoint.pid, "data": str(folder.root)}
        click.echo(json.dumps(document))
    else:
        click.echo(
            f"flytelike is ready in {seconds:.2f} s: grpc {endpoint.grpc}, http {endpoint.http}, data {folder.root}"
        )
        click.echo(f"  the console:                {endpoint.http}/console/", err=True)
        click.echo("  next, in another terminal:  flytelike execute FILE.py WORKFLOW", err=True)
    sys.stdout.flush()


def busy(folder: DataFolder) -> Diagnostic:
    """Return the diagnostic for a folder on which a platform runs already."""
    endpoint = folder.endpoint()
    where = f" (process {endpoint.pid}, grpc {endpoint.grpc})" if endpoint else ""
    return Diagnostic(
        "data-folder-busy",
        f"another platform is running on {folder.root}{where}",
        help=("use that one, stop it, or choose another folder with `--data FOLDER`",),
    )
