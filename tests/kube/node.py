"""A node on which pods run: containerd and a kubelet, in a machine of the tests' own."""

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

import yaml

from tests.kube.children import NotStarted
from tests.kube.image import BYTECODE, NAME, mounted, write_image
from tests.kube.machine import Machine, kill_inside
from tests.kube.programs import cache

READY_S = 90

NEEDED = ("containerd", "ctr", "runc", "ip", "mount", "nsenter", "unshare")
"""Programs of this host that a node is made of."""

PLAIN = "plain"
"""The runtime, and what our tests call its RuntimeClass, whose containers have nothing but their image."""

PLUGINS = Path("/usr/lib/cni")
"""Where Debian has the plugins that give pods their network."""


@dataclass
class Node:
    """A node named `name`, which the kubelet registers with the API server of `kubeconfig`.

    `number` gives its pods their addresses: 10.244.<number>.0/24. A `quick` one tells often that it lives.
    """

    name: str
    machine: Machine
    programs: Path
    kubeconfig: Path
    address: str
    number: int = 0
    quick: bool = False
    _containerd: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)
    _kubelet: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def folder(self) -> Path:
        """Where it keeps all it writes."""
        return self.machine.folder

    def start(self) -> None:
        """Start containerd, give it the image, start the kubelet. Raises NotStarted."""
        self._write_network()
        self._write_containerd()
        self._containerd = self.machine.begin("containerd", "containerd", f"--config={self.folder}/containerd.toml")
        self.until(self.socket.exists, self._containerd, "containerd")
        image = self.folder / "image.tar"
        write_image(image)
        self.ctr("images", "import", str(image))
        self.start_kubelet()

    @property
    def socket(self) -> Path:
        return self.folder / "containerd.sock"

    def ctr(self, *words: str) -> str:
        """Run containerd's own client."""
        return self.machine.run("ctr", f"--address={self.socket}", "--namespace=k8s.io", *words)

    def start_kubelet(self) -> None:
        """Start the kubelet on what it kept."""
        path = self.folder / "kubelet.yaml"
        path.write_text(yaml.safe_dump(self._kubelet_settings()), encoding="utf-8")
        self._kubelet = self.machine.begin(
            "kubelet",
            str(self.programs / "kubelet"),
            f"--config={path}",
            f"--kubeconfig={self.kubeconfig}",
            f"--hostname-override={self.name}",
            f"--node-ip={self.address}",
            f"--root-dir={self.folder}/kubelet",
            f"--cert-dir={self.folder}/kubelet/pki",
            "--v=2",
        )

    def kill_kubelet(self) -> None:
        """End the kubelet as a crash would; pods go on."""
        kill_inside(self._kubelet)

    def until(self, condition: Callable[[], bool], program: "subprocess.Popen[bytes]", name: str) -> None:
        """Return once something is so. Raises NotStarted when the program has ended, or it takes too long."""
        due = time.monotonic() + READY_S
        while not condition():
            if program.poll() is not None or time.monotonic() > due:
                raise NotStarted(self.machine.log(name))
            time.sleep(0.02)

    def _write_network(self) -> None:
        network = {
            "cniVersion": "1.0.0",
            "name": "pods",
            "plugins": [
                {
                    "type": "bridge",
                    "bridge": "pods",
                    "isGateway": True,
                    "ipam": {
                        "type": "host-local",
                        "ranges": [[{"subnet": f"10.244.{self.number}.0/24"}]],
                        "routes": [{"dst": "0.0.0.0/0"}],
                    },
                }
            ],
        }
        folder = self.folder / "cni"
        folder.mkdir(exist_ok=True)
        (folder / "pods.conflist").write_text(json.dumps(network), encoding="utf-8")

    def _write_containerd(self) -> None:
        text = f"""
            version = 2
            root = "{self.folder}/containerd"
            state = "/run/containerd"
            oom_score = 0
            disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper"]
            [grpc]
              address = "{self.socket}"
            [plugins."io.containerd.internal.v1.opt"]
              path = "{self.folder}/opt"
            [plugins."io.containerd.grpc.v1.cri"]
              sandbox_image = "{NAME}"
              restrict_oom_score_adj = true
              disable_apparmor = true
              [plugins."io.containerd.grpc.v1.cri".cni]
                bin_dir = "{PLUGINS}"
                conf_dir = "{self.folder}/cni"
              [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
                runtime_type = "io.containerd.runc.v2"
                base_runtime_spec = "{self.folder}/base.json"
              # For images that bring all they need: their containers see nothing of the host's.
              [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{PLAIN}]
                runtime_type = "io.containerd.runc.v2"
        """
        (self.folder / "containerd.toml").write_text(dedent(text), encoding="utf-8")
        spec = json.loads(self.machine.run("ctr", "oci", "spec"))
        spec["mounts"] += [
            {"destination": str(path), "type": "bind", "source": str(path), "options": ["rbind", "ro"]}
            for path in mounted()
        ]
        spec["mounts"].append(
            {"destination": BYTECODE, "type": "bind", "source": str(_bytecode()), "options": ["rbind", "rw"]}
        )
        (self.folder / "base.json").write_text(json.dumps(spec), encoding="utf-8")

    def _kubelet_settings(self) -> dict[str, object]:
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": self.address,
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self.machine.name}",
            "containerRuntimeEndpoint": f"unix://{self.socket}",
            "enforceNodeAllocatable": [],
            "evictionHard": {"memory.available": "1Mi", "nodefs.available": "0.1%", "imagefs.available": "0.1%"},
            "failCgroupV1": False,
            "failSwapOn": False,
            "imageGCHighThresholdPercent": 100,
            "kubeAPIQPS": 500,
            "kubeAPIBurst": 1000,
            "localStorageCapacityIsolation": True,
            "nodeLeaseDurationSeconds": 8 if self.quick else 40,
            "nodeStatusUpdateFrequency": "2s" if self.quick else "10s",
            "makeIPTablesUtilChains": False,
            "maxPods": 110,
            "podLogsDir": f"{self.folder}/pod-logs",
            "registerNode": True,
            "resolvConf": "",
            "serializeImagePulls": False,
        }


def _bytecode() -> Path:
    """Return the folder of all nodes of this machine for what Python compiles; whoever a pod runs as, it may write."""
    folder = cache() / "bytecode"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o1777)
    return folder
