"""A whole cluster of the tests' own: a control plane with scheduler and controllers, and a node on which pods run."""

import datetime as dt
import ipaddress
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from typing_extensions import override

from tests.kube.children import NotStarted
from tests.kube.control_plane import ADMIN, ControlPlane
from tests.kube.machine import Machine, kill_inside
from tests.kube.node import Node
from tests.kube.relay import Place, Relay

API = "10.96.0.1"
"""The API server's address for all in the cluster: the first one of services, where pods look for it."""

ADDRESS = "10.200.0.1"
"""The first machine's address in the network of all machines."""

SECOND_ADDRESS = "10.200.0.2"

STORE_PORT = 9000
"""Where the object store listens there."""

READY_S = 90

_PROGRAMS = {"scheduler": "system:kube-scheduler", "controllers": ADMIN}


class ClusterPlane(ControlPlane):
    """The control plane of a cluster with nodes; it runs in `machine`, and clients here reach it by a relay."""

    def __init__(self, programs: Path, folder: Path, users: Sequence[str] = (), port: int = 0) -> None:
        super().__init__(programs, folder, users, port)
        self.machine: Machine | None = None
        self.quick = False
        self._relay: Relay | None = None
        self._others: list[subprocess.Popen[bytes]] = []

    @override
    def start(self) -> None:
        assert self.machine is not None
        self._prepare()
        self._write_certificate()
        self.start_etcd()
        target = Place(self.machine.pid, API, 443)
        self._relay = Relay(Place(os.getpid(), "127.0.0.1", 0), target, self.folder / "relay.log")
        self.port = self._relay.port
        self.start_api()
        self._write_kubeconfig()
        for program, user in _PROGRAMS.items():
            self.kubeconfig_of(program, user)
        self._begin_controllers()

    def kubeconfig_of(self, name: str, user: str) -> Path:
        """Write the file with which a program in the cluster connects."""
        document = yaml.safe_load(self.kubeconfig.read_text(encoding="utf-8"))
        document["clusters"][0]["cluster"]["server"] = f"https://{API}:443"
        document["users"][0]["user"]["token"] = self.token(user)
        path = self.folder / f"{name}.kubeconfig"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        path.chmod(0o600)
        return path

    def _begin_controllers(self) -> None:
        common = ("--leader-elect=false", "--bind-address=127.0.0.1", "--profiling=false")
        client = ("--kube-api-qps=500", "--kube-api-burst=1000")
        self._others = [
            self._run(
                "kube-scheduler",
                *common,
                *client,
                f"--kubeconfig={self.folder}/scheduler.kubeconfig",
                f"--authentication-kubeconfig={self.folder}/scheduler.kubeconfig",
                f"--authorization-kubeconfig={self.folder}/scheduler.kubeconfig",
            ),
            self._run(
                "kube-controller-manager",
                *common,
                *client,
                f"--kubeconfig={self.folder}/controllers.kubeconfig",
                f"--service-account-private-key-file={self.folder}/accounts.key",
                f"--root-ca-file={self.authority}",
                *(("--node-monitor-period=1s", "--node-monitor-grace-period=10s") if self.quick else ()),
            ),
        ]

    @override
    def stop(self) -> None:
        for program in self._others:
            kill_inside(program)
        super().stop()
        if self._relay is not None:
            self._relay.stop()

    @override
    def _own_flags(self) -> Sequence[str]:
        address = ("--bind-address=0.0.0.0", f"--advertise-address={ADDRESS}", "--secure-port=443")
        lost = (f"--default-{what}-toleration-seconds=1" for what in ("not-ready", "unreachable")) if self.quick else ()
        return (*address, "--kubelet-preferred-address-types=InternalIP", *lost)

    @override
    def _accounts(self) -> Sequence[str]:
        nodes = [
            f'{secrets.token_hex(16)},{user},{user},"system:nodes"'
            for user in ("system:node:node-0", "system:node:node-1")
        ]
        return [*nodes, *(f"{secrets.token_hex(16)},{user},{user}" for user in _PROGRAMS.values() if user != ADMIN)]

    @override
    def _command(self, *words: str) -> Sequence[str]:
        assert self.machine is not None
        return self.machine.inside("env", f"--chdir={self.folder}", *words)

    @override
    def _end(self, process: "subprocess.Popen[bytes] | None") -> None:
        kill_inside(process)

    def _write_certificate(self) -> None:
        """Write what the API server shows; it would make one itself that is not for our addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "flytelike tests")])
        now = dt.datetime.now(dt.UTC)
        addresses = [x509.IPAddress(ipaddress.ip_address(one)) for one in ("127.0.0.1", API, ADDRESS)]
        names = [x509.DNSName(one) for one in ("localhost", "kubernetes", "kubernetes.default.svc")]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectAlternativeName([*names, *addresses]), critical=False)
            .sign(key, hashes.SHA256())
        )
        folder = self.folder / "certificates"
        folder.mkdir()
        (folder / "apiserver.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / "apiserver.key").write_bytes(private)


class NodeCluster:
    """A control plane, a node and an object store, below `folder`.

    It has a `name` on this host: that of the folder above without one. A `quick` one soon takes silent nodes for lost.
    """

    def __init__(
        self, programs: Path, folder: Path, users: Sequence[str] = (), *, quick: bool = False, name: str = ""
    ) -> None:
        self.folder = folder
        self._name = name or folder.parent.name
        self.quick = quick
        self.plane = ClusterPlane(programs, folder / "plane", users)
        self.plane.quick = quick
        self.machine = self.plane.machine = Machine(f"{self._name}-0", folder / "machine-0")
        self.node = Node("node-0", self.machine, programs, folder / "node-0.kubeconfig", ADDRESS, quick=quick)
        self.store_port = 0
        self.second: Node | None = None
        self._relays: list[Relay] = []

    @classmethod
    def running(cls, programs: Path, folder: Path, users: Sequence[str], facts: Mapping[str, int]) -> Self:
        """Return one that another process started and keeps."""
        found = cls(programs, folder, users)
        found.plane.port, found.store_port, found.machine.pid = facts["port"], facts["store_port"], facts["pid"]
        return found

    def facts(self) -> Mapping[str, int]:
        """Return what others must know to use it."""
        return {"port": self.plane.port, "store_port": self.store_port, "pid": self.machine.pid}

    def start(self) -> None:
        """Start all and return once the node takes pods. Raises NotStarted."""
        self.machine.start()
        self.machine.run("ip", "address", "add", f"{API}/32", "dev", "lo")
        self.machine.run("ip", "link", "add", "nodes", "type", "bridge")
        self.machine.run("ip", "address", "add", f"{ADDRESS}/24", "dev", "nodes")
        self.machine.run("ip", "link", "set", "nodes", "up")
        self.machine.begin("store", sys.executable, "-m", "moto.server", "-H", "0.0.0.0", "-p", str(STORE_PORT))
        self.plane.start()
        self.plane.kubeconfig_of("node-0", "system:node:node-0").rename(self.node.kubeconfig)
        self.node.start()
        self.store_port = self._relay(Place(self.machine.pid, ADDRESS, STORE_PORT))
        self.until_ready("node-0")

    def add_node(self) -> Node:
        """Start a second node, on a machine of its own. Raises NotStarted."""
        machine = Machine(f"{self._name}-1", self.folder / "machine-1")
        machine.start()
        ends = ("ip", "link", "add", "node-1", "netns", str(self.machine.pid), "type", "veth", "peer", "name", "nodes")
        subprocess.run([*ends, "netns", str(machine.pid)], check=True)
        self.machine.run("ip", "link", "set", "node-1", "up", "master", "nodes")
        self.machine.run("ip", "route", "add", "10.244.1.0/24", "via", SECOND_ADDRESS)
        machine.run("ip", "address", "add", f"{SECOND_ADDRESS}/24", "dev", "nodes")
        machine.run("ip", "link", "set", "nodes", "up")
        machine.run("ip", "route", "add", "default", "via", ADDRESS)
        for one in (self.machine, machine):
            one.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        config = self.plane.kubeconfig_of("node-1", "system:node:node-1")
        self.second = Node("node-1", machine, self.plane.programs, config, SECOND_ADDRESS, 1, self.quick)
        self.second.start()
        self.until_ready("node-1")
        return self.second

    def cut_off(self, *, cut: bool = True) -> None:
        """Take the second node from the network, or give it back."""
        self.machine.run("ip", "link", "set", "node-1", "down" if cut else "up")

    def _relay(self, to: Place) -> int:
        relay = Relay(Place(os.getpid(), "127.0.0.1", 0), to, self.folder / "relay.log")
        self._relays.append(relay)
        return relay.port

    def reachable(self, port: int) -> tuple[Relay, str]:
        """Let pods reach a port of this process's loopback; return the relay, to be stopped, and where they find it."""
        relay = Relay(
            Place(self.machine.pid, ADDRESS, 0), Place(os.getpid(), "127.0.0.1", port), self.folder / "relay.log"
        )
        return relay, f"{ADDRESS}:{relay.port}"

    def store_env(self, *, inside: bool) -> dict[str, str]:
        """Return the variables by which the object store is found, from pods or from here."""
        where = f"{ADDRESS}:{STORE_PORT}" if inside else f"127.0.0.1:{self.store_port}"
        return {
            "FLYTE_AWS_ENDPOINT": f"http://{where}",
            "FLYTE_AWS_ACCESS_KEY_ID": "tests",
            "FLYTE_AWS_SECRET_ACCESS_KEY": "tests",
            "AWS_REGION": "us-east-1",
        }

    def until_ready(self, name: str) -> None:
        """Return once a node takes pods. Raises NotStarted."""
        due = time.monotonic() + READY_S
        told = "jsonpath={.status.conditions[?(@.type=='Ready')].status}{.spec.taints}"
        while self.plane.kubectl("get", "node", name, "--ignore-not-found", "-o", told) != "True":
            if time.monotonic() > due:
                raise NotStarted(self.machine.log("kubelet"))
            time.sleep(0.1)

    def stop(self) -> None:
        """End all and remove what was written."""
        for relay in self._relays:
            relay.stop()
        self.plane.stop()
        if self.second is not None:
            self.second.machine.stop()
        self.machine.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
