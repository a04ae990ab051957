"""The command `propeller`."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import uvloop
from typing_extensions import override

from flytelike.model.diagnostic import DiagnosticError
from propeller.app.cluster_resource_file import cluster_resources_from_file
from propeller.app.control_plane import ControlPlaneSettings
from propeller.app.logs import log_to_stderr
from propeller.app.operator import Operator, OperatorOptions
from propeller.app.pod_file import pods_from_file
from propeller.app.settings_file import from_file
from propeller.app.shard import STATES_TTL_S
from propeller.kube.client import CALLS_PER_SECOND, ClientSettings
from propeller.kube.errors import KubernetesError
from propeller.ports import StoreError

FILE = click.Path(path_type=Path)

SETTINGS = frozenset({"invalid-settings-file", "invalid-pod-settings", "invalid-option"})
"""Codes of settings that cannot be."""


class Commands(click.Group):
    """The commands; what cannot be is told with its code, and by the exit code."""

    @override
    def invoke(self, ctx: click.Context) -> object:
        """Run what was asked for: 2 for settings that cannot be, 3 for what the machine does not do."""
        try:
            return super().invoke(ctx)
        except DiagnosticError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(2 if all(found.code in SETTINGS for found in error.diagnostics) else 3)
        except (StoreError, KubernetesError) as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(3)


@click.group(cls=Commands)
def main() -> None:
    """Run Flytelike's engine."""
    log_to_stderr()


def option(name: str, text: str, **more: Any) -> Callable[[Callable[..., object]], Callable[..., object]]:  # noqa: ANN401 - click's
    """Return an option that can be given as an environment variable, too."""
    variable = f"PROPELLER_{name.removeprefix('--').replace('-', '_').upper()}"
    return click.option(name, envvar=variable, show_envvar=True, help=text, **more)


@main.command()
@option(
    "--config", "A YAML file with the other settings.", type=FILE, is_eager=True, expose_value=False, callback=from_file
)
@option("--database", "Its store: sqlite:///PATH or postgresql://", required=True)
@option("--store", "Uri below which executions keep their data.", required=True)
@option("--control-plane", "HOST:PORT of the control plane it works for; none without.", default="")
@option("--control-plane-token-file", "Its first line tells the control plane who calls.", type=FILE)
@option("--control-plane-ca-file", "The authority of the control plane's certificate; plain text without.", type=FILE)
@option("--tls-cert-file", "The certificate to show to the control plane.", type=FILE)
@option("--tls-private-key-file", "Its key.", type=FILE)
@option("--monitoring-bind-address", "For probes and metrics; no port without.", default="")
@option("--work", "A folder for logs and code.", type=FILE, default=Path(".propeller"))
@option("--namespace", "Execute the objects of one namespace instead of all.", default="")
@click.option("--kubeconfig", default="", help="How to reach the cluster; in a pod its own credentials without.")
@click.option("--context", default="", help="The context in the kubeconfig.")
@option(
    "--calls-per-second",
    "How many calls of the API server are made on the average, watches apart.",
    type=click.FloatRange(min=1),
    default=CALLS_PER_SECOND,
    show_default=True,
)
@option("--slots", "How many tasks of a shard run at once.", type=click.IntRange(min=1), default=None)
@option("--pods", "Run tasks as pods, made as this YAML file says.", type=FILE)
@option("--cluster-resources", "Keep in the namespaces of projects what this YAML file says.", type=FILE)
@option("--holder", "Who it is; the same name goes on at once after a restart.", default=socket.gethostname)
@option("--shards", "How many shards all replicas share.", type=click.IntRange(1, 1024), default=1)
@option("--lease", "Seconds until a silent replica is replaced.", type=click.IntRange(3, 3600), default=15)
@option("--ttl", "Delete objects so many seconds after their end.", type=click.FloatRange(min=0), default=None)
@option(
    "--states-ttl",
    "Keep the engine's states of what has ended so many seconds.",
    type=click.FloatRange(min=1),
    default=STATES_TTL_S,
    show_default=True,
)
@option("--lease-namespace", "Where the Leases of replicas and shards lie.", default="")
def operator(**given: Any) -> None:  # noqa: ANN401 - click's
    """Execute the FlyteWorkflow objects of a cluster."""
    given["work"].mkdir(parents=True, exist_ok=True)
    uvloop.run(_run(options_of(given)))


def options_of(given: dict[str, Any]) -> OperatorOptions:
    """Return the options for what was given. Raises DiagnosticError."""
    made = None if given["pods"] is None else pods_from_file(given["pods"], f"{given['store'].rstrip('/')}/logs")
    resources = given["cluster_resources"]
    plane = None
    if given["control_plane"]:
        plane = ControlPlaneSettings(
            address=given["control_plane"],
            token_file=given["control_plane_token_file"],
            ca_file=given["control_plane_ca_file"],
            cert_file=given["tls_cert_file"],
            key_file=given["tls_private_key_file"],
        )
    return OperatorOptions(
        database=given["database"],
        store_base=given["store"].rstrip("/"),
        work=given["work"].resolve(),
        holder=given["holder"],
        namespace=given["namespace"],
        slots=given["slots"],
        shards=given["shards"],
        lease_s=given["lease"],
        lease_namespace=given["lease_namespace"],
        ttl_s=given["ttl"],
        states_ttl_s=given["states_ttl"],
        client=ClientSettings(
            kubeconfig=given["kubeconfig"] or os.environ.get("KUBECONFIG", ""),
            context=given["context"],
            calls_per_second=given["calls_per_second"],
            burst=2 * int(given["calls_per_second"]),
        ),
        pods=made,
        cluster_resources=None if resources is None else cluster_resources_from_file(resources),
        control_plane=plane,
        monitoring=given["monitoring_bind_address"],
    )


async def _run(options: OperatorOptions) -> None:
    """Run an operator until it is told to stop."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with Operator(options) as running:
        told = loop.create_task(stopped.wait())
        ended = loop.create_task(running.run())
        await asyncio.wait([told, ended], return_when=asyncio.FIRST_COMPLETED)
        running.health.stopping()
        told.cancel()
        if ended.done():
            await ended
        else:
            ended.cancel()
