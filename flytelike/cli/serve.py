"""`flytelike serve`: a replica of the control plane of a cluster."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import uvloop

from flytelike.cli.access_options import access_of, access_options, option
from flytelike.cli.context import json_option
from flytelike.cli.exit_code import ExitCode
from flytelike.cli.quantities import Age, Size
from flytelike.cluster.options import ClientSettings, ReplicaOptions, Secrets, from_file, log_to_stderr
from flytelike.cluster.pod_tokens import AUDIENCE, PROJECT_DOMAIN, PodTokenSettings
from flytelike.cluster.replica import Replica

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("serve", short_help="Run the control plane of a cluster until stopped.")
@option(
    "--config", "A YAML file with the other settings.", type=FILE, is_eager=True, expose_value=False, callback=from_file
)
@option("--database", "The database: postgresql://...", required=True)
@option("--store", "Uri below which everything is kept: s3://BUCKET/PREFIX.", required=True)
@option("--grpc-bind-address", "For clients.", default="127.0.0.1:8089", show_default=True)
@option("--http-bind-address", "For uploads and downloads.", default="127.0.0.1:8088", show_default=True)
@option("--propeller-bind-address", "For operators.", default="127.0.0.1:8087", show_default=True)
@option("--monitoring-bind-address", "For probes and metrics.", default="127.0.0.1:8086", show_default=True)
@option("--public-url", "Address of the HTTP port as clients reach it.", default="")
@option("--token-file", "Tokens of clients who may do everything, a line each.", type=FILE)
@access_options
@option(
    "--pods-token-audience",
    "Accept tokens that Kubernetes makes for pods of eager tasks, meant for this; none if empty.",
    default=AUDIENCE,
    show_default=True,
)
@option("--pods-namespace", "Where pods live, as operators have it.", default=PROJECT_DOMAIN, show_default=True)
@option("--propeller-token-file", "Tokens of operators, a line each.", type=FILE)
@option("--signing-key-file", "Signs addresses of uploads and downloads; the same for all replicas.", type=FILE)
@option("--tls-cert-file", "Certificate of the ports.", type=FILE)
@option("--tls-private-key-file", "Its key.", type=FILE)
@option("--client-ca-file", "Operators must show a certificate of this authority.", type=FILE)
@option(
    "--drain", "Seconds to go on answering after SIGTERM.", type=click.FloatRange(0), default=20.0, show_default=True
)
@option("--grace", "Seconds that running calls get then.", type=click.FloatRange(0), default=20.0, show_default=True)
@click.option("--kubeconfig", envvar="KUBECONFIG", default="", help="How to reach the cluster; in a pod its own way.")
@click.option("--context", default="", help="The context in the kubeconfig.")
@option("--cache-ttl", "How long cached results are kept, such as 30d; 0s: for ever.", type=Age(), default="0s")
@option("--cache-size", "Data of a project's cached results at most, such as 50G.", type=Size(), default=0)
@option("--retention-file", "How long executions and cached results stay: a YAML file.", type=FILE)
@json_option
def command(*, as_json: bool, **given: Any) -> int:  # noqa: ANN401 - click's
    """Run one replica of the control plane until SIGTERM. Its tables must be up to date: see `flytelike db upgrade`.

    Executions become FlyteWorkflow objects, which `propeller operator` executes.
    """
    log_to_stderr()
    replica = Replica(options_of(given))
    uvloop.run(serve(replica, lambda: tell(replica, as_json=as_json)))
    return ExitCode.SUCCESS


def options_of(given: dict[str, Any]) -> ReplicaOptions:
    """Return the options for what was given."""
    secrets = {name: path for name, path in given.items() if name.endswith("_file") and name != "retention_file"}
    return ReplicaOptions(
        database=given["database"],
        store=given["store"],
        grpc=given["grpc_bind_address"],
        http=given["http_bind_address"],
        propeller=given["propeller_bind_address"],
        monitoring=given["monitoring_bind_address"],
        public_url=given["public_url"],
        secrets=Secrets(**secrets),
        drain_s=given["drain"],
        grace_s=given["grace"],
        cache_ttl_s=given["cache_ttl"],
        cache_bytes_max=given["cache_size"],
        access=access_of(given),
        retention=given["retention_file"],
        pod_tokens=PodTokenSettings(given["pods_token_audience"], given["pods_namespace"]),
        client=ClientSettings(kubeconfig=given["kubeconfig"], context=given["context"]),
    )


async def serve(replica: Replica, watched: Callable[[], None]) -> None:
    """Run a replica until SIGINT or SIGTERM; a second one ends it at once.

    `watched` is called once probes are answered.
    """
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, told.set)
    async with replica:
        watched()
        running, stop = asyncio.ensure_future(replica.run()), asyncio.ensure_future(told.wait())
        await asyncio.wait([running, stop], return_when=asyncio.FIRST_COMPLETED)
        for number in numbers:
            loop.remove_signal_handler(number)
        if running.done():
            stop.cancel()
            running.result()
        running.cancel()
        await replica.drained()


def tell(replica: Replica, *, as_json: bool) -> None:
    """Print where probes are answered: scripts ask there when it is ready."""
    document = {"monitoring": replica.monitoring, "pid": os.getpid()}
    click.echo(json.dumps(document) if as_json else f"probes are answered at {replica.monitoring}")
    sys.stdout.flush()
