"""The command `propeller`."""

import asyncio
import logging
import os
import signal
import socket
import sys
from pathlib import Path

import click

from flytelike.model.diagnostic import DiagnosticError
from propeller.app.cluster_resource_file import cluster_resources_from_file
from propeller.app.operator import Operator, OperatorOptions
from propeller.app.pod_file import pods_from_file
from propeller.kube.client import ClientSettings
from propeller.kube.errors import KubernetesError
from propeller.ports import StoreError


@click.group()
def main() -> None:
    """Run Flytelike's engine."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


@main.command()
@click.option(
    "--database", required=True, envvar="PROPELLER_DATABASE", help="Its store: sqlite:///PATH or postgresql://"
)
@click.option("--store", required=True, envvar="PROPELLER_STORE", help="Uri below which executions keep their data.")
@click.option("--work", type=click.Path(path_type=Path), default=Path(".propeller"), help="A folder for logs and code.")
@click.option("--namespace", default="", help="Execute the objects of one namespace instead of all.")
@click.option("--kubeconfig", default="", help="How to reach the cluster; in a pod its own credentials without.")
@click.option("--context", default="", help="The context in the kubeconfig.")
@click.option("--slots", type=click.IntRange(min=1), default=None, help="How many tasks of a shard run at once.")
@click.option("--pods", type=click.Path(path_type=Path), help="Run tasks as pods, made as this YAML file says.")
@click.option(
    "--cluster-resources",
    type=click.Path(path_type=Path),
    envvar="PROPELLER_CLUSTER_RESOURCES",
    help="Keep in the namespaces of projects what this YAML file says.",
)
@click.option("--holder", default=socket.gethostname, help="Who it is; the same name goes on at once after a restart.")
@click.option("--shards", type=click.IntRange(1, 1024), default=1, help="How many shards all replicas share.")
@click.option("--lease", type=click.IntRange(3, 3600), default=15, help="Seconds until a silent replica is replaced.")
@click.option(
    "--ttl", type=click.FloatRange(min=0), default=None, help="Delete objects so many seconds after their end."
)
@click.option("--lease-namespace", default="", help="Where the Leases of replicas and shards lie.")
def operator(  # noqa: PLR0913 - one for each option
    *,
    database: str,
    store: str,
    work: Path,
    namespace: str,
    kubeconfig: str,
    context: str,
    slots: int | None,
    pods: Path | None,
    cluster_resources: Path | None,
    holder: str,
    shards: int,
    lease: int,
    lease_namespace: str,
    ttl: float | None,
) -> None:
    """Execute the FlyteWorkflow objects of a cluster."""
    work.mkdir(parents=True, exist_ok=True)
    client = ClientSettings(kubeconfig=kubeconfig or os.environ.get("KUBECONFIG", ""), context=context)
    try:
        made = None if pods is None else pods_from_file(pods, f"{store}/logs")
        options = OperatorOptions(
            database=database,
            store_base=store,
            work=work.resolve(),
            holder=holder,
            namespace=namespace,
            slots=slots,
            shards=shards,
            lease_s=lease,
            lease_namespace=lease_namespace,
            ttl_s=ttl,
            client=client,
            pods=made,
            cluster_resources=None if cluster_resources is None else cluster_resources_from_file(cluster_resources),
        )
        asyncio.run(_run(options))
    except (StoreError, KubernetesError, DiagnosticError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(3)


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
        told.cancel()
        if ended.done():
            await ended
        else:
            ended.cancel()
