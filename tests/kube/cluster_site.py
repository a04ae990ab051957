"""A whole cluster of processes: replicas of control plane and operator, on PostgreSQL, S3 and the real API server."""

import asyncio
import json
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.error import HTTPError

import yaml

from propeller.executors.pod import PodSettings
from propeller.executors.pod.labels import selector
from tests.e2e.cli import Outcome, flytelike
from tests.kube.control_plane import ControlPlane, free_port

BIN = Path(sys.executable).parent
BUCKET = "flytelike"
REGION = "us-east-1"
START_S = 60
SKEWED = Path(__file__).parent / "skewed"


def free_addresses(count: int) -> list[str]:
    """Return addresses on which nobody listens, each another one: they are taken all at once, then left."""
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in taken:
            one.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{one.getsockname()[1]}" for one in taken]


class Bucket:
    """An S3 server of the test's own, which may go away and come back with all that it had."""

    def __init__(self) -> None:
        self.port = free_port()
        self._server: Any = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def env(self) -> dict[str, str]:
        """What programs find it by."""
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}  # codespell:ignore
        return {**keys, "AWS_REGION": REGION, "AWS_ENDPOINT_URL": self.endpoint}

    def start(self) -> None:
        from moto.server import ThreadedMotoServer

        logging.getLogger("werkzeug").setLevel(logging.WARNING)

        self._server = ThreadedMotoServer("127.0.0.1", self.port, verbose=False)
        self._server.start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Serve an empty bucket as long as the block."""
        import boto3

        self.start()
        try:
            given = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
            client = boto3.client("s3", endpoint_url=self.endpoint, region_name=REGION, **given)
            client.create_bucket(Bucket=BUCKET)
            client.close()
            yield self
        finally:
            self.stop()


@dataclass
class Program:
    """A process of ours. What it prints goes to a file."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    log: Path
    monitoring: str
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        # Its start is what is waited for: let it find compiled modules.
        env = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                list(self.command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**env, **self.env}
            )

    @property
    def running(self) -> "subprocess.Popen[bytes]":
        assert self.process is not None
        return self.process

    def kill(self) -> None:
        """End it without a word (kill -9)."""
        self.running.kill()
        self.running.wait()

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()

    async def stop(self) -> int:
        """Tell it to stop, and return its exit code."""
        self.running.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.running.wait)

    def asked(self, path: str) -> tuple[int, str]:
        """Return status and text of a page of its monitoring; 0 if nobody answers."""
        try:
            with urllib.request.urlopen(f"http://{self.monitoring}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    @property
    def ready(self) -> bool:
        return self.process is not None and self.process.poll() is None and self.asked("/readyz")[0] == 200

    async def until_ready(self) -> Self:
        due = time.monotonic() + START_S
        while not await asyncio.to_thread(lambda: self.ready):
            said = self.log.read_text()[-3000:]
            assert self.running.poll() is None, f"{self.name} has ended:\n{said}"
            assert time.monotonic() < due, f"{self.name}: {self.asked('/readyz')}\n{said}"
            await asyncio.sleep(0.05)
        return self


@dataclass
class Replica(Program):
    """`flytelike serve`."""

    grpc: str = ""
    http: str = ""
    propeller: str = ""


class Front:
    """A service: connections go to one of those that are ready, in turn."""

    def __init__(self, replicas: Callable[[], Sequence[Replica]], port: Callable[[Replica], str]) -> None:
        self._replicas = replicas
        self._port = port
        self._turn = 0
        self._pipes: set[asyncio.Task[None]] = set()
        self.address = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._pipes:
            task.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)
        await asyncio.sleep(0)  # transports close in the next turn of the loop

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._pipes.add(task)
        task.add_done_callback(self._pipes.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                found = await self._backend()
                if found is not None:
                    await _joined(found, reader, writer)
        finally:
            writer.transport.abort()

    async def _backend(self) -> str | None:
        replicas = list(self._replicas())
        self._turn += 1
        for offset in range(len(replicas)):
            one = replicas[(self._turn + offset) % len(replicas)]
            if await asyncio.to_thread(lambda one=one: one.ready):
                return self._port(one)
        return None


async def _joined(address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    host, _, port = address.rpartition(":")
    there, back = await asyncio.open_connection(host, int(port))
    try:
        await asyncio.gather(_pipe(reader, back), _pipe(there, writer))
    finally:
        back.transport.abort()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.close()


@dataclass
class ClusterSite:
    """What the processes of one test share."""

    folder: Path
    kube: ControlPlane
    database: str
    bucket: Bucket
    project: str
    drain_s: float = 1.0
    skews_s: Sequence[float] = ()
    lease_s: int = 3
    replicas: list[Replica] = field(default_factory=list)
    operators: list[Program] = field(default_factory=list)

    @property
    def namespace(self) -> str:
        return f"{self.project}-development"

    @property
    def pods(self) -> PodSettings:
        return PodSettings(platform=self.namespace, namespace=self.namespace)

    @property
    def pods_selector(self) -> str:
        """All pods of the site; those of other shards have platforms of their own."""
        shards = ",".join([self.namespace, *(f"{self.namespace}.{number}" for number in range(1, 4))])
        return f"{selector(self.pods).partition('=')[0]} in ({shards})"

    @property
    def secret(self) -> Path:
        """A file with a token; it signs, too."""
        path = self.folder / "token"
        if not path.exists():
            path.write_text(secrets.token_hex(32) + "\n")
        return path

    def upgrade(self) -> Outcome:
        return flytelike(self.folder / "home", "db", "upgrade", "--database", self.database)

    def replica(self) -> Replica:
        """Start another replica of the control plane; its ports are free ones."""
        name = f"plane-{len(self.replicas)}"
        grpc, http, propeller, monitoring = free_addresses(4)
        words = {
            "--database": self.database,
            "--store": f"s3://{BUCKET}/{self.project}",
            "--grpc-bind-address": grpc,
            "--http-bind-address": http,
            "--propeller-bind-address": propeller,
            "--monitoring-bind-address": monitoring,
            "--token-file": str(self.secret),
            "--propeller-token-file": str(self.secret),
            "--signing-key-file": str(self.secret),
            "--kubeconfig": str(self.kube.kubeconfig),
            "--drain": str(self.drain_s),
            "--grace": "10",
        }
        command = [str(BIN / "flytelike"), "serve", *(word for pair in words.items() for word in pair)]
        made = Replica(
            name, command, self.bucket.env, self.folder / f"{name}.log", monitoring, None, grpc, http, propeller
        )
        made.start()
        self.replicas.append(made)
        return made

    def operator(self, plane: str, shards: int = 2) -> Program:
        """Start another replica of the operator for a control plane at an address; its clock is wrong by `skews_s`."""
        name = f"operator-{len(self.operators)}"
        (monitoring,) = free_addresses(1)
        pods = self.folder / "pods.yaml"
        env = {**self.bucket.env, "PYTHONDONTWRITEBYTECODE": "1"}
        pods.write_text(
            yaml.safe_dump({"platform": self.namespace, "namespace": self.namespace, "grace_s": 1, "env": env})
        )
        words = {
            "--database": self.database,
            "--store": f"s3://{BUCKET}/{self.project}",
            "--work": str(self.folder / name),
            "--namespace": self.namespace,
            "--kubeconfig": str(self.kube.kubeconfig),
            "--pods": str(pods),
            "--holder": name,
            "--shards": str(shards),
            "--lease": str(self.lease_s),
            "--control-plane": plane,
            "--control-plane-token-file": str(self.secret),
            "--monitoring-bind-address": monitoring,
        }
        command = [str(BIN / "propeller"), "operator", *(word for pair in words.items() for word in pair)]
        env = dict(self.bucket.env)
        if len(self.skews_s) > len(self.operators):
            env |= {"PYTHONPATH": str(SKEWED), "CLOCK_AHEAD_S": str(self.skews_s[len(self.operators)])}
        made = Program(name, command, env, self.folder / f"{name}.log", monitoring)
        made.start()
        self.operators.append(made)
        return made

    def cli(self, endpoint: str, *words: str, timeout_s: float = 110) -> Outcome:
        """Run our command line against an address."""
        env = {"FLYTELIKE_TOKEN_FILE": str(self.secret), **self.bucket.env}
        place = ("--project", self.project, "--domain", "development", "--server", endpoint)
        return flytelike(self.folder / "home", *words, *place, cwd=self.folder, env=env, timeout_s=timeout_s)

    def cli_project(self, endpoint: str) -> Outcome:
        """Create the site's project."""
        env = {"FLYTELIKE_TOKEN_FILE": str(self.secret)}
        return flytelike(self.folder / "home", "project", "create", self.project, "--server", endpoint, env=env)

    def end(self) -> None:
        for program in (*self.replicas, *self.operators):
            program.end()

    def said(self) -> str:
        """Return the ends of all logs."""
        programs = (*self.replicas, *self.operators)
        return "\n".join(f"--- {one.name}\n{one.log.read_text()[-4000:]}" for one in programs)

    def objects(self) -> list[dict[str, Any]]:
        """Return the site's FlyteWorkflow objects."""
        found = self.kube.kubectl("get", "flyteworkflows", "-n", self.namespace, "-o", "json")
        return json.loads(found)["items"]


@asynccontextmanager
async def cluster(site: ClusterSite, replicas: int = 2, operators: int = 2) -> AsyncIterator[tuple[Front, Front]]:
    """Run a site; yield the services of its clients and of its operators."""
    upgraded = await asyncio.to_thread(site.upgrade)
    assert upgraded.code == 0, upgraded.stderr
    async with (
        Front(lambda: site.replicas, lambda one: one.grpc) as clients,
        Front(lambda: site.replicas, lambda one: one.propeller) as inner,
    ):
        try:
            for _ in range(replicas):
                site.replica()
            for _ in range(operators):
                site.operator(inner.address)
            for program in (*site.replicas, *site.operators):
                await program.until_ready()
            yield clients, inner
        finally:
            site.end()
