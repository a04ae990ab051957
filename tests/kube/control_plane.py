"""A Kubernetes control plane of the tests' own: etcd and an API server, on loopback and free ports.

No controllers, no scheduler, no node: objects are kept, checked, watched and authorised as in any cluster, and nothing
acts on them. Both programs die with the thread that started them, however it ends.
"""

import secrets
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.kube.children import NotStarted, die_with_parent, end

READY_S = 90
"""How long a machine with much else to do may take to start the programs; a quiet one takes three seconds."""

TRIES = 3
"""Free ports may be taken by others before the programs listen on them."""

ADMIN = "admin"

ETCD = "unix://localhost:1"


class KubectlFailed(Exception):
    """kubectl could not do it; carries what it said."""


@dataclass
class ControlPlane:
    """The programs in `programs`, with all they write in `folder`.

    `users` are names beside the admin's, which authenticate with the token `token(name)` and may do what RBAC says.
    """

    programs: Path
    folder: Path
    users: Sequence[str] = ()
    port: int = 0
    _etcd: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)
    _api: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The API server's address."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def authority(self) -> Path:
        """The certificate by which clients know the API server."""
        return self.folder / "certificates" / "apiserver.crt"

    @property
    def kubeconfig(self) -> Path:
        """The file with which the admin's clients connect."""
        return self.folder / "kubeconfig"

    def token(self, user: str = ADMIN) -> str:
        """Return a user's bearer token."""
        lines = (self.folder / "tokens.csv").read_text(encoding="utf-8").splitlines()
        return next(token for token, name, *_ in (line.split(",") for line in lines) if name == user)

    def start(self) -> None:
        """Start both programs and return when the API server is ready. Raises NotStarted."""
        self._prepare()
        self.start_etcd()
        for remaining in reversed(range(TRIES)):
            self.port = free_port()
            try:
                self.start_api()
            except NotStarted as error:
                if remaining == 0 or "address already in use" not in str(error):
                    raise
            else:
                break
        self._write_kubeconfig()

    def start_etcd(self) -> None:
        """Start etcd on what it kept."""
        # etcd takes no paths for its sockets: they lie in the working folder, under names that look like addresses.
        client, peer = ETCD, "unix://localhost:2"
        for left in self.folder.glob("localhost:*"):
            left.unlink()
        self._etcd = self._run(
            "etcd",
            "--name=one",
            f"--data-dir={self.folder}/etcd",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=one={peer}",
            "--unsafe-no-fsync",  # no test pulls its plug
        )

    def start_api(self) -> None:
        """Start the API server on the port that it had, and wait until it is ready. Raises NotStarted."""
        self._api = self._run(
            "kube-apiserver",
            f"--etcd-servers={ETCD}",
            f"--cert-dir={self.folder}/certificates",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.folder}/accounts.pub",
            f"--service-account-signing-key-file={self.folder}/accounts.key",
            f"--token-auth-file={self.folder}/tokens.csv",
            "--authorization-mode=Node,RBAC",
            "--service-cluster-ip-range=10.96.0.0/24",
            "--allow-privileged=true",
            "--endpoint-reconciler-type=none",
            "--profiling=false",
            *self._own_flags(),
        )
        self._wait_until_ready()

    def facts(self) -> Mapping[str, int]:
        """Return what others must know to use it."""
        return {"port": self.port}

    def kill_api(self) -> None:
        """End the API server as a crash would."""
        self._end(self._api)

    def kill_etcd(self) -> None:
        """End etcd as a crash would."""
        self._end(self._etcd)

    def stop(self) -> None:
        """End both programs and remove all they wrote."""
        self.kill_api()
        self.kill_etcd()
        shutil.rmtree(self.folder, ignore_errors=True)

    def kubectl(self, *words: str, stdin: str | None = None, user: str = ADMIN) -> str:
        """Run kubectl and return what it printed. Raises KubectlFailed."""
        command = [self.programs / "kubectl", f"--kubeconfig={self.kubeconfig}", f"--token={self.token(user)}", *words]
        done = subprocess.run(command, input=stdin, check=False, capture_output=True, text=True)
        if done.returncode:
            raise KubectlFailed(f"kubectl {' '.join(words)}: {done.stderr or done.stdout}")
        return done.stdout

    # --- what another kind of control plane does otherwise ----------------------------------------

    def _own_flags(self) -> Sequence[str]:
        """Return the API server's flags that depend on where it runs."""
        loopback = ("--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", f"--secure-port={self.port}")
        return (*loopback, "--disable-admission-plugins=ServiceAccount")

    def _accounts(self) -> Sequence[str]:
        """Return lines of the file of tokens, beside the admin's and users'."""
        return ()

    def _command(self, *words: str) -> Sequence[str]:
        """Return how a program is started."""
        return words

    def _end(self, process: "subprocess.Popen[bytes] | None") -> None:
        """End a program as a crash would."""
        end(process)

    # --- within -------------------------------------------------------------------------------

    def _prepare(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        (self.folder / "accounts.key").write_bytes(private)
        (self.folder / "accounts.pub").write_bytes(public)
        lines = [f'{secrets.token_hex(16)},{ADMIN},{ADMIN},"system:masters"']
        lines += [f"{secrets.token_hex(16)},{user},{user}" for user in self.users]
        lines += self._accounts()
        (self.folder / "tokens.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _run(self, program: str, *flags: str) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{program}.log").open("ab") as log:
            return subprocess.Popen(
                self._command(str(self.programs / program), *flags),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, no lock
            )

    def _wait_until_ready(self) -> None:
        assert self._api is not None
        due = time.monotonic() + READY_S
        while not self._ready():
            if self._api.poll() is not None or time.monotonic() > due:
                self._end(self._api)
                raise NotStarted(self._end_of_logs())
            time.sleep(0.05)

    def _ready(self) -> bool:
        if not self.authority.exists():
            return False
        request = urllib.request.Request(f"{self.url}/readyz", headers={"Authorization": f"Bearer {self.token()}"})
        try:
            trusted = ssl.create_default_context(cafile=self.authority)
            opener = urllib.request.build_opener(
                urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusted)
            )
            with opener.open(request, timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, ssl.SSLError, urllib.error.URLError):
            return False

    def _end_of_logs(self) -> str:
        logs = [self.folder / "kube-apiserver.log", self.folder / "etcd.log"]
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in logs if log.exists())

    def _write_kubeconfig(self) -> None:
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "tests", "cluster": {"server": self.url, "certificate-authority": str(self.authority)}}
            ],
            "users": [{"name": ADMIN, "user": {"token": self.token()}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": ADMIN}}],
            "current-context": "tests",
        }
        self.kubeconfig.write_text(yaml.safe_dump(document), encoding="utf-8")
        self.kubeconfig.chmod(0o600)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
